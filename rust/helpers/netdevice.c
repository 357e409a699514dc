// SPDX-License-Identifier: GPL-2.0

#include <linux/etherdevice.h>
#include <linux/netdevice.h>

void ovs_helper_dev_hold(struct net_device *dev)
{
	dev_hold(dev);
}

void ovs_helper_dev_put(struct net_device *dev)
{
	dev_put(dev);
}

void ovs_helper_dev_net_set(struct net_device *dev, struct net *net)
{
	dev_net_set(dev, net);
}

void *ovs_helper_netdev_priv(const struct net_device *dev)
{
	return netdev_priv(dev);
}

void ovs_helper_netdev_set_rx_headroom(struct net_device *dev, int headroom)
{
	netdev_set_rx_headroom(dev, headroom);
}

void ovs_helper_netif_start_queue(struct net_device *dev)
{
	netif_start_queue(dev);
}

void ovs_helper_netif_stop_queue(struct net_device *dev)
{
	netif_stop_queue(dev);
}

void ovs_helper_eth_hw_addr_random(struct net_device *dev)
{
	eth_hw_addr_random(dev);
}

void ovs_helper_dev_stats_inc_tx_errors(struct net_device *dev)
{
	DEV_STATS_INC(dev, tx_errors);
}

void ovs_helper_dev_stats_inc_rx_dropped(struct net_device *dev)
{
	DEV_STATS_INC(dev, rx_dropped);
}

/*
 * The packet that a receive handler may have, not shared. Null, and the packet
 * left as it is, if it is to pass; null, and the packet gone, if there was no
 * memory or it was merged so that it cannot be forwarded.
 */
struct sk_buff *ovs_helper_rx_handler_begin(struct sk_buff **pskb)
{
	struct sk_buff *skb = *pskb;

	if (unlikely(skb->pkt_type == PACKET_LOOPBACK))
		return NULL;
	if (unlikely(skb_warn_if_lro(skb))) {
		kfree_skb(skb);
		*pskb = NULL;
		return NULL;
	}
	skb = skb_share_check(skb, GFP_ATOMIC);
	*pskb = skb;
	return skb;
}
