/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The interface of /proc/mangle.
 *
 * Write frames, one with each write(); opening the file for writing forgets the
 * old ones. Then MANGLE_RUN: packets are made of them by chance, and come in by a
 * device. Packet `n` of a seed is always the same one.
 *
 * The module has MANGLE_DEVICES devices, mgl0 and so on, which swallow what is
 * sent by them.
 */
#ifndef MANGLE_H
#define MANGLE_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define MANGLE_DEVICES	6
#define MANGLE_LEN	12000	/* bytes of a frame, at most */

struct mangle_run {
	__u32 ifindex;		/* of the device that packets come in by */
	__u32 count;		/* how many */
	__u64 seed, first;	/* which */
	/*
	 * Out: array of `count` __u64, for each packet a digest of what was sent
	 * by our devices, in any order; 0: not wanted. Where they are
	 * wanted no packet is one to be cut up into fragments, or a list of packets:
	 * the kernel's module damages the one if it is sent to user space first, and
	 * the other with all headers that it puts in front, until the kernel crashes.
	 */
	__u64 digests;
	__u64 sent;		/* out: how many were sent by our devices */
	__u32 shortest;		/* frames are filled up with zeros to so many bytes; from 100 on,
				 * IPv4 headers have lengths that can be */
	__u32 reserved;
};

#define MANGLE_RUN	_IOWR('m', 1, struct mangle_run)

#ifdef __KERNEL__

#include <linux/prandom.h>
#include <linux/skbuff.h>

/* frame.c */
void frame_forget(void);
int frame_add(const char __user *data, size_t len);
int frame_count(void);
u32 frame_mangle(struct rnd_state *rnd, u8 *buf);
void frame_mend(u8 *buf);

/* packet.c */
struct sk_buff *packet_make(struct rnd_state *rnd, struct net_device *dev,
			    const u8 *data, u32 len, bool fragile);

/* device.c */
int device_init(void);
void device_exit(void);
/* Whether it shall know what is sent, or only how much. */
void device_digests(bool wanted);
/* What was sent since it was asked last. */
u64 device_digest(u64 *sent);

static inline u32 below(struct rnd_state *rnd, u32 limit)
{
	return limit ? prandom_u32_state(rnd) % limit : 0;
}

static inline bool one_in(struct rnd_state *rnd, u32 number)
{
	return !below(rnd, number);
}

#define one_of(rnd, array)	((array)[below(rnd, ARRAY_SIZE(array))])

#endif
#endif
