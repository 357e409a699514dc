// SPDX-License-Identifier: GPL-2.0

#include <linux/net.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

/* Sends a request, as user space does, and receives what answers it first. */
int ovs_helper_rtnl_request(struct net *net, void *request, size_t len,
			    void *answer, size_t room)
{
	/*
	 * With an address, even the one that is meant without, whoever asks must
	 * be permitted to; without, whoever has opened a file for the socket,
	 * which has none.
	 */
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct msghdr out = {
		.msg_name = &kernel,
		.msg_namelen = sizeof(kernel),
	};
	struct kvec vec = { .iov_base = request, .iov_len = len };
	struct msghdr in = {};
	struct socket *sock;
	int err;

	err = sock_create_kern(net, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE, &sock);
	if (err)
		return err;
	err = kernel_sendmsg(sock, &out, &vec, 1, len);
	if (err >= 0) {
		vec = (struct kvec){ .iov_base = answer, .iov_len = room };
		err = kernel_recvmsg(sock, &in, &vec, 1, room, MSG_DONTWAIT);
	}
	sock_release(sock);
	return err;
}
