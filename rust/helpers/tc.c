// SPDX-License-Identifier: GPL-2.0

#include <linux/skbuff.h>

#if IS_ENABLED(CONFIG_NET_TC_SKB_EXT)
const struct tc_skb_ext *ovs_helper_tc_skb_ext(const struct sk_buff *skb)
{
	return skb_ext_find(skb, TC_SKB_EXT);
}
#endif
