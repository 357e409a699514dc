// SPDX-License-Identifier: GPL-2.0
/*
 * Frames, and what is made of them: bytes that differ, are missing, or are those
 * of another frame.
 */

#include <linux/if_ether.h>
#include <linux/if_vlan.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/unaligned.h>

#include "mangle.h"

#define MAX_FRAMES	512
/* Where headers are. */
#define HEADERS		128

static struct frame {
	u32 len;
	u8 *data;
} frames[MAX_FRAMES];
static u32 count;

/* Values of fields that may be special. */
static const u16 numbers[] = {
	0, 1, 4, 5, 6, 8, 17, 20, 40, 41, 43, 44, 47, 50, 51, 58, 59, 60, 89, 0x3f, 0x45, 0x4f,
	0x60, 0x7f, 0x80, 0xff, 0x0600, 0x0800, 0x0806, 0x1fff, 0x2000, 0x3fff, 0x4000, 0x6558,
	0x7fff, 0x8000, 0x8035, 0x8100, 0x86dd, 0x8847, 0x8848, 0x88a8, 0x894f, 0xffff,
};

void frame_forget(void)
{
	while (count)
		kvfree(frames[--count].data);
}

int frame_count(void)
{
	return count;
}

int frame_add(const char __user *data, size_t len)
{
	u8 *copy;

	if (len < ETH_HLEN || len > MANGLE_LEN)
		return -EINVAL;
	if (count == MAX_FRAMES)
		return -ENOSPC;
	copy = vmemdup_user(data, len);
	if (IS_ERR(copy))
		return PTR_ERR(copy);
	frames[count++] = (struct frame){ len, copy };
	return 0;
}

/* Makes room for some bytes, copies of those before them or those of chance. */
static u32 insert(struct rnd_state *rnd, u8 *buf, u32 len, u32 at)
{
	u32 size = min(1 + below(rnd, 48), MANGLE_LEN - len);

	memmove(buf + at + size, buf + at, len - at);
	if (one_in(rnd, 2))
		prandom_bytes_state(rnd, buf + at, size);
	else if (size > len - at)
		/* Not those of the frame before. */
		memset(buf + len, 0, size - (len - at));
	return len + size;
}

static u32 change(struct rnd_state *rnd, u8 *buf, u32 len)
{
	u32 at = below(rnd, one_in(rnd, 4) ? len : min(len, HEADERS));
	struct frame *other;

	switch (below(rnd, 9)) {
	case 0:
		buf[at] ^= 1 << below(rnd, 8);
		break;
	case 1:
		buf[at] = prandom_u32_state(rnd);
		break;
	case 2:
		buf[at] = one_of(rnd, numbers);
		break;
	case 3:
	case 4:
		if (at + 2 <= len)
			put_unaligned_be16(one_of(rnd, numbers), buf + (at & ~1));
		break;
	case 5:
		len = max(at, ETH_HLEN);
		break;
	case 6:
		len = insert(rnd, buf, len, at);
		break;
	case 7:
		/* The rest of another one. */
		other = &frames[below(rnd, count)];
		if (at < other->len) {
			memcpy(buf + at, other->data + at, other->len - at);
			len = other->len;
		}
		break;
	case 8:
		/* The payload of another one. */
		other = &frames[below(rnd, count)];
		memcpy(buf + at, other->data + ETH_HLEN, min(other->len - ETH_HLEN, MANGLE_LEN - at));
		len = max(len, min(at + other->len - ETH_HLEN, MANGLE_LEN));
		break;
	}
	return len;
}

/* Makes a frame in a buffer of MANGLE_LEN bytes; its length. */
u32 frame_mangle(struct rnd_state *rnd, u8 *buf)
{
	static const u8 times[] = { 0, 0, 1, 1, 1, 2, 3, 8 };
	struct frame *frame = &frames[below(rnd, count)];
	u32 len = frame->len, n = one_of(rnd, times);

	memcpy(buf, frame->data, len);
	while (n--)
		len = change(rnd, buf, len);
	return len;
}

/* Gives an IPv4 header lengths that one can have; there are 100 bytes. */
void frame_mend(u8 *buf)
{
	u8 *type = buf + 2 * ETH_ALEN;

	while (type < buf + 64 && eth_type_vlan(get_unaligned((__be16 *)type)))
		type += VLAN_HLEN;
	if (get_unaligned_be16(type) != ETH_P_IP)
		return;
	if ((type[2] & 15) < 5)
		type[2] |= 5;
	/* CT cuts the rest off. */
	if (get_unaligned_be16(type + 4) < 20)
		put_unaligned_be16(20, type + 4);
}
