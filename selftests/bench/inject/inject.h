/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The interface of /proc/inject.
 *
 * Write the frames, one after the other, each INJECT_FRAME bytes long; opening
 * the file for writing forgets the old ones. Then INJECT_RUN.
 */
#ifndef INJECT_H
#define INJECT_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define INJECT_FRAME	64	/* bytes, with what pads it */
#define INJECT_BATCH	64	/* packets */

struct inject_run {
	__u32 ifindex;		/* of the device that packets come in by */
	__u32 batches;		/* how many; one time each */
	__u32 first;		/* the frame to begin with; they go round */
	__u32 len;		/* of a frame, bytes */
	__u32 shared;		/* clone the first frame's packet, make none */
	__u32 reserved;
	__u64 times;		/* out: array of __u32, cycles of a batch */
	__u64 cycles, ns;	/* out: of the whole run, by both clocks */
};

#define INJECT_RUN	_IOWR('i', 1, struct inject_run)

#endif
