// SPDX-License-Identifier: GPL-2.0
/*
 * Hands packets to the network stack, as a driver does, and takes the time.
 *
 * The time of a batch, not of the whole: what else happens on the host falls
 * into a few batches, and the median leaves it out.
 */

#include <linux/etherdevice.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/proc_fs.h>
#include <linux/timekeeping.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "inject.h"

#define MAX_FRAMES	(1 << 18)
#define MAX_BATCHES	(1 << 16)

static DEFINE_MUTEX(lock);
static u8 *frames;
static size_t size;

/* The clock of the processor: that of the kernel is too coarse for a batch. */
static u64 cycles(void)
{
	u32 low, high;

	asm volatile("lfence; rdtsc; lfence" : "=a" (low), "=d" (high) : : "memory");
	return (u64)high << 32 | low;
}

static struct sk_buff *new_packet(struct net_device *dev, const u8 *frame, u32 len)
{
	struct sk_buff *skb = netdev_alloc_skb_ip_align(dev, len);

	if (likely(skb)) {
		skb_put_data(skb, frame, len);
		skb->protocol = eth_type_trans(skb, dev);
	}
	return skb;
}

static int batch(struct net_device *dev, const struct inject_run *run,
		 struct sk_buff *whole, u32 *next)
{
	u32 count = size / INJECT_FRAME;
	int i;

	for (i = 0; i < INJECT_BATCH; i++) {
		struct sk_buff *skb;

		if (whole)
			skb = skb_clone(whole, GFP_ATOMIC);
		else
			skb = new_packet(dev, frames + *next * INJECT_FRAME, run->len);
		if (unlikely(!skb))
			return -ENOMEM;
		if (++*next == count)
			*next = 0;
		netif_receive_skb(skb);
	}
	return 0;
}

static int run_batches(struct net_device *dev, struct inject_run *run, u32 *times)
{
	struct sk_buff *whole = NULL;
	u32 next = run->first % (size / INJECT_FRAME), i;
	u64 start_ns, start;
	int err = 0;

	if (run->shared) {
		whole = new_packet(dev, frames + next * INJECT_FRAME, run->len);
		if (!whole)
			return -ENOMEM;
	}
	start_ns = ktime_get_ns();
	start = cycles();
	for (i = 0; i < run->batches && !err; i++) {
		u64 before;

		local_bh_disable();
		before = cycles();
		err = batch(dev, run, whole, &next);
		times[i] = min_t(u64, cycles() - before, U32_MAX);
		local_bh_enable();
		/* Work that was queued meanwhile has its turn between batches. */
		yield();
	}
	run->cycles = cycles() - start;
	run->ns = ktime_get_ns() - start_ns;
	kfree_skb(whole);
	return err;
}

static long inject_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct inject_run __user *user = (void __user *)arg, run;
	struct net_device *dev;
	u32 *times;
	long err;

	if (cmd != INJECT_RUN)
		return -ENOTTY;
	if (copy_from_user(&run, user, sizeof(run)))
		return -EFAULT;
	if (!run.batches || run.batches > MAX_BATCHES || run.len < ETH_HLEN ||
	    run.len > INJECT_FRAME)
		return -EINVAL;
	times = vcalloc(run.batches, sizeof(*times));
	if (!times)
		return -ENOMEM;
	dev = dev_get_by_index(&init_net, run.ifindex);
	mutex_lock(&lock);
	if (!dev)
		err = -ENODEV;
	else if (size < INJECT_FRAME)
		err = -ENODATA;
	else
		err = run_batches(dev, &run, times);
	mutex_unlock(&lock);
	dev_put(dev);
	if (!err && (copy_to_user(u64_to_user_ptr(run.times), times,
				  run.batches * sizeof(*times)) ||
		     copy_to_user(user, &run, sizeof(run))))
		err = -EFAULT;
	vfree(times);
	return err;
}

static int inject_open(struct inode *inode, struct file *file)
{
	if (file->f_mode & FMODE_WRITE) {
		mutex_lock(&lock);
		size = 0;
		mutex_unlock(&lock);
	}
	return 0;
}

static ssize_t inject_write(struct file *file, const char __user *data,
			    size_t len, loff_t *pos)
{
	ssize_t done = len;

	mutex_lock(&lock);
	if (len > MAX_FRAMES * INJECT_FRAME - size)
		done = -ENOSPC;
	else if (copy_from_user(frames + size, data, len))
		done = -EFAULT;
	else
		size += len;
	mutex_unlock(&lock);
	return done;
}

static const struct proc_ops inject_ops = {
	.proc_open = inject_open,
	.proc_write = inject_write,
	.proc_ioctl = inject_ioctl,
};

static int __init inject_init(void)
{
	frames = vmalloc(MAX_FRAMES * INJECT_FRAME);
	if (!frames)
		return -ENOMEM;
	if (!proc_create("inject", 0600, NULL, &inject_ops)) {
		vfree(frames);
		return -ENOMEM;
	}
	return 0;
}

static void __exit inject_exit(void)
{
	remove_proc_entry("inject", NULL);
	vfree(frames);
}

module_init(inject_init);
module_exit(inject_exit);
MODULE_DESCRIPTION("Hands packets to the network stack and takes the time");
MODULE_LICENSE("GPL");
