// SPDX-License-Identifier: GPL-2.0

#include <net/dst.h>
#include <net/ip.h>
#include <net/ip6_fib.h>
#include <net/ip6_route.h>
#include <net/ipv6.h>
#include <net/route.h>

/*
 * The route that a packet seems to take while it is fragmented. Each fragment
 * has it, which is how the output function finds what goes with the packet.
 */
struct ovs_fragment_route {
	union {
		struct rtable rt;
		struct rt6_info rt6;
	};
	unsigned long refdst;
	__be16 inner_protocol;
	int (*output)(void *context, struct sk_buff *skb);
	void *context;
};

static unsigned int ovs_fragment_mtu(const struct dst_entry *dst)
{
	return dst->dev->mtu;
}

static struct dst_ops ovs_fragment_dst_ops = {
	.family = AF_UNSPEC,
	.mtu = ovs_fragment_mtu,
};

static int ovs_fragment_output(struct net *net, struct sock *sk,
			       struct sk_buff *skb)
{
	const struct ovs_fragment_route *route;

	route = container_of(skb_dst(skb), struct ovs_fragment_route, rt.dst);
	__skb_dst_copy(skb, route->refdst);
	skb->inner_protocol = route->inner_protocol;
	return route->output(route->context, skb);
}

/*
 * Consumes the packet, which starts with its IP header. Fragments have at most
 * @mru bytes, or the device's MTU if that is less.
 */
void ovs_helper_ip_fragment(struct net *net, struct sk_buff *skb,
			    struct net_device *dev, u16 mru, bool ipv6,
			    int (*output)(void *context, struct sk_buff *skb),
			    void *context)
{
	struct ovs_fragment_route route = {
		.refdst = skb_dstref_steal(skb),
		.inner_protocol = skb->inner_protocol,
		.output = output,
		.context = context,
	};
	struct dst_entry *dst = ipv6 ? &route.rt6.dst : &route.rt.dst;

	BUILD_BUG_ON(offsetof(struct ovs_fragment_route, rt.dst) !=
		     offsetof(struct ovs_fragment_route, rt6.dst));

	dst_init(dst, &ovs_fragment_dst_ops, NULL, DST_OBSOLETE_NONE,
		 DST_NOCOUNT);
	dst->dev = dev;
	skb_dst_set_noref(skb, dst);

	memset(skb->cb, 0, sizeof(skb->cb));
	if (ipv6) {
		IP6CB(skb)->frag_max_size = mru;
		ip6_fragment(net, skb->sk, skb, ovs_fragment_output);
	} else {
		IPCB(skb)->frag_max_size = mru;
		ip_do_fragment(net, skb->sk, skb, ovs_fragment_output);
	}
	refdst_drop(route.refdst);
}
