// SPDX-License-Identifier: GPL-2.0
/*
 * Devices that swallow what is sent by them, and know what it was.
 */

#include <linux/etherdevice.h>
#include <linux/if_vlan.h>
#include <linux/ipv6.h>
#include <linux/jhash.h>
#include <linux/netdevice.h>
#include <linux/unaligned.h>
#include <net/ipv6.h>

#include "mangle.h"

/* The largest packet, and more for its headers. */
#define BUFFER	(GSO_LEGACY_MAX_SIZE + 4096)

static struct net_device *devices[MANGLE_DEVICES];
static DEFINE_SPINLOCK(lock);
static u8 buffer[BUFFER];
static u64 digest, packets;
static bool digests;

/* The kernel chooses by chance what the fragments of a large datagram have in common. */
static void forget_identification(u32 len)
{
	u8 *type = buffer + 2 * ETH_ALEN;
	struct {
		struct ipv6hdr ip;
		struct frag_hdr frag;
	} __packed *hdr;

	while (type + VLAN_HLEN < buffer + len && eth_type_vlan(get_unaligned((__be16 *)type)))
		type += VLAN_HLEN;
	hdr = (void *)type + 2;
	if ((u8 *)(hdr + 1) <= buffer + len && get_unaligned_be16(type) == ETH_P_IPV6 &&
	    hdr->ip.nexthdr == NEXTHDR_FRAGMENT)
		hdr->frag.identification = 0;
}

static u64 digest_of(const struct sk_buff *skb)
{
	u32 len = min(skb->len, BUFFER), where = skb->dev->dev_id;

	if (skb_copy_bits(skb, 0, buffer, len))
		return 0;
	forget_identification(len);
	if (skb_vlan_tag_present(skb))
		where ^= (__force u32)skb->vlan_all;
	return (u64)jhash(buffer, len, where) << 32 | jhash_2words(len, where, 1);
}

static netdev_tx_t swallow(struct sk_buff *skb, struct net_device *dev)
{
	spin_lock_bh(&lock);
	/* They come in any order. */
	if (digests)
		digest += digest_of(skb);
	packets++;
	spin_unlock_bh(&lock);
	dev_lstats_add(dev, skb->len);
	dev_consume_skb_any(skb);
	return NETDEV_TX_OK;
}

void device_digests(bool wanted)
{
	spin_lock_bh(&lock);
	digests = wanted;
	spin_unlock_bh(&lock);
}

u64 device_digest(u64 *sent)
{
	u64 found;

	spin_lock_bh(&lock);
	found = digest;
	*sent += packets;
	digest = 0;
	packets = 0;
	spin_unlock_bh(&lock);
	return found;
}

static const struct net_device_ops operations = {
	.ndo_start_xmit = swallow,
};

static void setup(struct net_device *dev)
{
	ether_setup(dev);
	dev->netdev_ops = &operations;
	dev->needs_free_netdev = true;
	dev->pcpu_stat_type = NETDEV_PCPU_STAT_LSTATS;
	dev->flags |= IFF_NOARP;
	dev->priv_flags |= IFF_NO_QUEUE;
	dev->lltx = true;
	dev->max_mtu = ETH_MAX_MTU;
	eth_hw_addr_random(dev);
}

int device_init(void)
{
	int i, err;

	for (i = 0; i < MANGLE_DEVICES; i++) {
		struct net_device *dev = alloc_netdev(0, "mgl%d", NET_NAME_ENUM, setup);

		if (!dev) {
			device_exit();
			return -ENOMEM;
		}
		dev->dev_id = i;
		/* Some take everything as it is, the others want it simple. */
		if (i % 2) {
			dev->features |= NETIF_F_SG | NETIF_F_FRAGLIST | NETIF_F_HW_CSUM |
					 NETIF_F_GSO_SOFTWARE | NETIF_F_GSO_ENCAP_ALL |
					 NETIF_F_HW_VLAN_CTAG_TX | NETIF_F_HW_VLAN_STAG_TX;
			dev->hw_features |= dev->features;
			dev->vlan_features |= dev->features;
			dev->mpls_features |= dev->features;
		}
		err = register_netdev(dev);
		if (err) {
			free_netdev(dev);
			device_exit();
			return err;
		}
		devices[i] = dev;
	}
	return 0;
}

void device_exit(void)
{
	int i;

	for (i = 0; i < MANGLE_DEVICES; i++)
		if (devices[i])
			unregister_netdev(devices[i]);
}
