// SPDX-License-Identifier: GPL-2.0
/*
 * Packets as drivers make them: linear or in pieces, with all that a device can
 * have found out about checksums, segments, tags and tunnels, be it right or not.
 */

#include <linux/etherdevice.h>
#include <linux/if_vlan.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <linux/unaligned.h>
#include <linux/virtio_net.h>
#include <net/dst_metadata.h>
#include <net/ip.h>

#include "mangle.h"

static int in_pages(struct rnd_state *rnd, struct sk_buff *skb, const u8 *data, u32 len)
{
	int i;

	for (i = 0; len; i++) {
		/* The last ones take what is left. */
		u32 size = i < 8 ? 1 + below(rnd, len) : len, offset;
		struct page *page = alloc_page(GFP_ATOMIC | __GFP_NOWARN);

		if (!page)
			return -ENOMEM;
		/* Checksums are computed word by word: not at the very end. */
		size = min(size, PAGE_SIZE - sizeof(long));
		offset = below(rnd, PAGE_SIZE - sizeof(long) - size + 1);
		memcpy(page_address(page) + offset, data, size);
		skb_add_rx_frag(skb, i, page, offset, size, PAGE_SIZE);
		data += size;
		len -= size;
	}
	return 0;
}

/* As GRO and reassembly leave packets. */
static int in_list(struct rnd_state *rnd, struct sk_buff *skb, const u8 *data, u32 len)
{
	struct sk_buff **next = &skb_shinfo(skb)->frag_list;

	while (len) {
		u32 size = one_in(rnd, 2) ? len : 1 + below(rnd, len);
		struct sk_buff *piece = alloc_skb(size, GFP_ATOMIC | __GFP_NOWARN);

		if (!piece)
			return -ENOMEM;
		skb_put_data(piece, data, size);
		*next = piece;
		next = &piece->next;
		skb->len += size;
		skb->data_len += size;
		skb->truesize += piece->truesize;
		data += size;
		len -= size;
	}
	return 0;
}

/* In a list of pieces only if it will not be cut: that needs pieces that fit. */
static struct sk_buff *lay_out(struct rnd_state *rnd, const u8 *data, u32 len, bool list)
{
	static const u8 rooms[] = { 0, 2, 16, 64, 128, 255 };
	u32 head = len, room = one_of(rnd, rooms);
	struct sk_buff *skb;
	int err = 0;

	if (one_in(rnd, 2))
		head = ETH_HLEN + below(rnd, min(len, 100) - ETH_HLEN + 1);
	if (len - head > 8 * (PAGE_SIZE - sizeof(long)))
		head = len;
	skb = alloc_skb(room + head, GFP_ATOMIC | __GFP_NOWARN);
	if (!skb)
		return NULL;
	skb_reserve(skb, room);
	skb_put_data(skb, data, head);
	if (head < len) {
		if (list && one_in(rnd, 4))
			err = in_list(rnd, skb, data + head, len - head);
		else
			err = in_pages(rnd, skb, data + head, len - head);
	}
	if (err) {
		kfree_skb(skb);
		return NULL;
	}
	return skb;
}

/* Where the payload of a whole UDP datagram begins, 0 for other packets. */
static u32 payload_of(const u8 *data, u32 len)
{
	const struct iphdr *ip = (const void *)data + ETH_HLEN;
	u32 at = 0;

	if (len < ETH_HLEN + sizeof(struct ipv6hdr))
		return 0;
	switch (get_unaligned_be16(data + 2 * ETH_ALEN)) {
	case ETH_P_IP:
		if (ip->version == 4 && ip->ihl == 5 && ip->protocol == IPPROTO_UDP &&
		    !ip_is_fragment(ip))
			at = ETH_HLEN + sizeof(*ip) + sizeof(struct udphdr);
		break;
	case ETH_P_IPV6:
		if (ip->version == 6 && ((const struct ipv6hdr *)ip)->nexthdr == IPPROTO_UDP)
			at = ETH_HLEN + sizeof(struct ipv6hdr) + sizeof(struct udphdr);
		break;
	}
	return at < len ? at : 0;
}

/* Lengths for a payload of `size` bytes. */
static void set_lengths(u8 *data, u32 headers, u32 size)
{
	struct udphdr *udp = (void *)data + headers - sizeof(*udp);
	struct iphdr *ip = (void *)data + ETH_HLEN;

	udp->len = htons(sizeof(*udp) + size);
	if (ip->version == 4) {
		ip->tot_len = htons(headers - ETH_HLEN + size);
		ip_send_check(ip);
	} else {
		((struct ipv6hdr *)ip)->payload_len = udp->len;
	}
}

/*
 * Datagrams of one flow as GRO leaves them with NETIF_F_GRO_FRAGLIST: one with its
 * headers, in whose list are the payloads of the others. Before each of them are its
 * own headers, and no more room than drivers leave.
 */
static struct sk_buff *datagrams(struct rnd_state *rnd, const u8 *data, u32 len, u32 headers)
{
	u32 size = max(1 + below(rnd, len - headers), (len - headers) / 64 + 1), at = headers;
	struct sk_buff *skb = NULL, **next = &skb;

	do {
		u32 some = min(size, len - at);
		struct sk_buff *piece = alloc_skb(NET_SKB_PAD + headers + some, GFP_ATOMIC | __GFP_NOWARN);

		if (!piece) {
			kfree_skb(skb);
			return NULL;
		}
		skb_reserve(piece, NET_SKB_PAD);
		skb_reset_mac_header(piece);
		skb_set_network_header(piece, ETH_HLEN);
		skb_set_transport_header(piece, headers - sizeof(struct udphdr));
		skb_put_data(piece, data, headers);
		skb_put_data(piece, data + at, some);
		set_lengths(piece->data, headers, some);
		piece->ip_summed = CHECKSUM_UNNECESSARY;
		*next = piece;
		if (next == &skb) {
			next = &skb_shinfo(skb)->frag_list;
		} else {
			skb_pull(piece, headers);
			next = &piece->next;
			skb->len += some;
			skb->data_len += some;
			skb->truesize += piece->truesize;
		}
		at += some;
	} while (at < len);
	if (skb->data_len) {
		set_lengths(skb->data, headers, len - headers);
		skb_shinfo(skb)->gso_size = size;
		skb_shinfo(skb)->gso_segs = DIV_ROUND_UP(len - headers, size);
		skb_shinfo(skb)->gso_type = SKB_GSO_UDP_L4 | SKB_GSO_FRAGLIST;
	}
	return skb;
}

/* What a guest says about a packet, as far as the kernel believes it. */
static bool offload(struct rnd_state *rnd, struct sk_buff *skb, bool fragile)
{
	static const u8 types[] = {
		VIRTIO_NET_HDR_GSO_NONE, VIRTIO_NET_HDR_GSO_TCPV4, VIRTIO_NET_HDR_GSO_TCPV6,
		VIRTIO_NET_HDR_GSO_UDP, VIRTIO_NET_HDR_GSO_UDP_L4,
		VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN,
	};
	static const u8 starts[] = { 34, 38, 54, 58, 14, 62, 0 }, offsets[] = { 6, 16, 2, 0, 8 };
	static const u16 sizes[] = { 1, 8, 88, 536, 1400, 1460, 9000, 0xffff };
	struct virtio_net_hdr hdr = {
		.flags = one_in(rnd, 8) ? 0 : VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = one_of(rnd, types),
		.hdr_len = below(rnd, 128),
		.gso_size = one_of(rnd, sizes),
		.csum_start = one_in(rnd, 8) ? below(rnd, 128) : one_of(rnd, starts),
		.csum_offset = one_in(rnd, 8) ? below(rnd, 32) : one_of(rnd, offsets),
	};

	if (!fragile && hdr.gso_type == VIRTIO_NET_HDR_GSO_UDP)
		hdr.gso_type = VIRTIO_NET_HDR_GSO_UDP_L4;
	return !virtio_net_hdr_to_skb(skb, &hdr, true);
}

static void checksum(struct rnd_state *rnd, struct sk_buff *skb)
{
	switch (below(rnd, 4)) {
	case 0:
		skb->ip_summed = CHECKSUM_UNNECESSARY;
		skb->csum_level = below(rnd, 4);
		break;
	case 1:
		skb->ip_summed = CHECKSUM_COMPLETE;
		/* A wrong one would be complained about: so must not become one. */
		skb->csum = skb_checksum(skb, 0, skb->len, 0);
		break;
	}
}

static void tunnel(struct rnd_state *rnd, struct sk_buff *skb)
{
	static const u8 lengths[] = { 0, 4, 8, 12, 64, 252 };
	struct metadata_dst *dst;
	u8 options[252], len = one_of(rnd, lengths);
	IP_TUNNEL_DECLARE_FLAGS(flags) = {};

	if (!one_in(rnd, 4))
		__set_bit(IP_TUNNEL_KEY_BIT, flags);
	if (one_in(rnd, 2))
		__set_bit(IP_TUNNEL_CSUM_BIT, flags);
	if (one_in(rnd, 4)) {
		struct in6_addr from = {}, to = {};

		prandom_bytes_state(rnd, &from, sizeof(from));
		dst = __ipv6_tun_set_dst(&from, &to, prandom_u32_state(rnd), 64, 4789, 0, flags,
					 (__force __be64)7, len);
	} else {
		dst = __ip_tun_set_dst(htonl(below(rnd, 4)), htonl(below(rnd, 4)),
				       prandom_u32_state(rnd), 64, 4789, flags, (__force __be64)7, len);
	}
	if (!dst)
		return;
	if (len) {
		prandom_bytes_state(rnd, options, len);
		__set_bit(one_in(rnd, 4) ? IP_TUNNEL_VXLAN_OPT_BIT : IP_TUNNEL_GENEVE_OPT_BIT, flags);
		ip_tunnel_info_opts_set(&dst->u.tun_info, options, len, flags);
	}
	skb_dst_set(skb, &dst->dst);
}

struct sk_buff *packet_make(struct rnd_state *rnd, struct net_device *dev,
			    const u8 *data, u32 len, bool fragile)
{
	bool offloads = one_in(rnd, 4);
	u32 headers = fragile && one_in(rnd, 4) ? payload_of(data, len) : 0;
	struct sk_buff *skb;

	if (headers)
		skb = datagrams(rnd, data, len, headers);
	else
		skb = lay_out(rnd, data, len, !offloads);
	if (!skb)
		return NULL;
	skb->dev = dev;
	skb_reset_mac_header(skb);
	if (headers) {
		skb->protocol = eth_type_trans(skb, dev);
	} else if (offloads) {
		if (!offload(rnd, skb, fragile)) {
			kfree_skb(skb);
			return NULL;
		}
		skb->protocol = eth_type_trans(skb, dev);
	} else {
		skb->protocol = eth_type_trans(skb, dev);
		checksum(rnd, skb);
	}
	skb_reset_network_header(skb);
	skb_probe_transport_header(skb);
	if (one_in(rnd, 8))
		__vlan_hwaccel_put_tag(skb, htons(one_in(rnd, 2) ? ETH_P_8021Q : ETH_P_8021AD),
				       prandom_u32_state(rnd));
	if (one_in(rnd, 16))
		tunnel(rnd, skb);
	if (one_in(rnd, 8))
		skb->mark = below(rnd, 4);
	if (one_in(rnd, 8))
		skb->priority = below(rnd, 4);
	if (one_in(rnd, 8))
		skb_set_hash(skb, prandom_u32_state(rnd), PKT_HASH_TYPE_L4);
	return skb;
}
