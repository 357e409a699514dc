// SPDX-License-Identifier: GPL-2.0

#include <net/dst_metadata.h>

const struct ip_tunnel_info *
ovs_helper_skb_tunnel_info(const struct sk_buff *skb)
{
	return skb_tunnel_info(skb);
}

void ovs_helper_skb_set_metadata_dst(struct sk_buff *skb,
				     struct metadata_dst *metadata)
{
	skb_dst_drop(skb);
	dst_hold(&metadata->dst);
	skb_dst_set(skb, &metadata->dst);
}
