// SPDX-License-Identifier: GPL-2.0

#include <net/psample.h>

void ovs_helper_psample_send(struct net *net, const struct sk_buff *skb,
			     u32 group_num, u32 probability, int in_ifindex,
			     u32 trunc_size, const u8 *cookie, u32 cookie_len)
{
	struct psample_group group = {
		.net = net,
		.group_num = group_num,
	};
	struct psample_metadata md = {
		.in_ifindex = in_ifindex,
		.trunc_size = trunc_size,
		.rate_as_probability = 1,
		.user_cookie = cookie_len ? cookie : NULL,
		.user_cookie_len = cookie_len,
	};

	psample_sample_packet(&group, skb, probability, &md);
}
