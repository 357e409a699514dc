// SPDX-License-Identifier: GPL-2.0

#include <linux/if_vlan.h>
#include <linux/netfilter.h>
#include <linux/skbuff.h>
#include <net/dst.h>
#include <net/sctp/checksum.h>

struct sk_buff *ovs_helper_alloc_skb_headroom(unsigned int size,
					      unsigned int headroom,
					      gfp_t flags)
{
	struct sk_buff *skb = alloc_skb(size, flags);

	if (skb)
		skb_reserve(skb, headroom);
	return skb;
}

unsigned char *ovs_helper_skb_tail_pointer(const struct sk_buff *skb)
{
	return skb_tail_pointer(skb);
}

int ovs_helper_skb_tailroom(const struct sk_buff *skb)
{
	return skb_tailroom(skb);
}

bool ovs_helper_skb_writable(const struct sk_buff *skb, unsigned int len)
{
	return !skb_cloned(skb) || skb_clone_writable(skb, len);
}

/* Unlike skb_ensure_writable(), all of the linear part becomes private. */
int ovs_helper_skb_make_writable(struct sk_buff *skb, unsigned int len)
{
	if (!pskb_may_pull(skb, len))
		return -ENOMEM;
	if (!skb_cloned(skb) || skb_clone_writable(skb, skb_headlen(skb)))
		return 0;
	return pskb_expand_head(skb, 0, 0, GFP_ATOMIC);
}

int ovs_helper_skb_unclone(struct sk_buff *skb, gfp_t gfp)
{
	return skb_unclone(skb, gfp);
}

int ovs_helper_pskb_trim_rcsum(struct sk_buff *skb, unsigned int len)
{
	return pskb_trim_rcsum(skb, len);
}

void ovs_helper_skb_postpush_rcsum(struct sk_buff *skb, const void *start,
				   unsigned int len)
{
	skb_postpush_rcsum(skb, start, len);
}

void ovs_helper_skb_postpull_rcsum(struct sk_buff *skb, const void *start,
				   unsigned int len)
{
	skb_postpull_rcsum(skb, start, len);
}

int ovs_helper_skb_cow_head(struct sk_buff *skb, unsigned int headroom)
{
	return skb_cow_head(skb, headroom);
}

#ifndef CONFIG_TRACEPOINTS
/* An inline function there. */
void ovs_helper_consume_skb(struct sk_buff *skb)
{
	consume_skb(skb);
}
#endif

u32 ovs_helper_skb_get_hash(struct sk_buff *skb)
{
	return skb_get_hash(skb);
}

void ovs_helper_nf_reset_ct(struct sk_buff *skb)
{
	nf_reset_ct(skb);
}

void ovs_helper_skb_dst_drop(struct sk_buff *skb)
{
	skb_dst_drop(skb);
}

int ovs_helper_skb_vlan_move_aside(struct sk_buff *skb)
{
	__be16 proto = vlan_eth_hdr(skb)->h_vlan_proto;
	u16 tci;
	int err;

	err = __skb_vlan_pop(skb, &tci);
	if (!err)
		__vlan_hwaccel_put_tag(skb, proto, tci);
	return err;
}

struct sk_buff *ovs_helper___vlan_hwaccel_push_inside(struct sk_buff *skb)
{
	return __vlan_hwaccel_push_inside(skb);
}

u32 ovs_helper_sctp_compute_cksum(const struct sk_buff *skb,
				  unsigned int offset)
{
	return (__force u32)sctp_compute_cksum(skb, offset);
}

void ovs_helper_dev_transmit(struct sk_buff *skb, struct net_device *dev)
{
	skb->dev = dev;
	skb_clear_tstamp(skb);
	dev_queue_xmit(skb);
}

void ovs_helper_netif_rx_clean(struct sk_buff *skb)
{
	skb_clear_tstamp(skb);
	netif_rx(skb);
}
