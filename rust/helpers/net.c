// SPDX-License-Identifier: GPL-2.0

#include <linux/skbuff.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>

unsigned char *ovs_helper_skb_tail_pointer(const struct sk_buff *skb)
{
	return skb_tail_pointer(skb);
}

int ovs_helper_skb_tailroom(const struct sk_buff *skb)
{
	return skb_tailroom(skb);
}

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
