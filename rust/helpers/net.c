// SPDX-License-Identifier: GPL-2.0

#include <net/net_namespace.h>
#include <net/netns/generic.h>

struct net *ovs_helper_maybe_get_net(struct net *net)
{
	return maybe_get_net(net);
}

void ovs_helper_put_net(struct net *net)
{
	put_net(net);
}

void *ovs_helper_net_generic(const struct net *net, unsigned int id)
{
	return net_generic(net, id);
}
