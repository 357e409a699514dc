// SPDX-License-Identifier: GPL-2.0
/*
 * Hands packets to the network stack that no device has ever seen. If the kernel
 * panics meanwhile it tells which one it was.
 */

#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/panic_notifier.h>
#include <linux/proc_fs.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "mangle.h"

#define BATCH	64

static DEFINE_MUTEX(lock);
static u8 buffer[MANGLE_LEN];
static struct {
	bool now;
	u64 seed, number;
} doing;

static int tell(struct notifier_block *block, unsigned long event, void *data)
{
	if (doing.now)
		pr_emerg("mangle: it was packet %llu of seed %llu\n", doing.number, doing.seed);
	return NOTIFY_DONE;
}

/* Before that of User Mode Linux, which ends everything. */
static struct notifier_block panicking = { .notifier_call = tell, .priority = INT_MAX };

static void one(struct net_device *dev, u32 shortest, bool fragile)
{
	struct sk_buff *skb, *clone = NULL;
	struct rnd_state rnd;
	u32 len;

	prandom_seed_state(&rnd, doing.seed * 0x9e3779b97f4a7c15 + doing.number);
	len = frame_mangle(&rnd, buffer);
	if (len < shortest) {
		memset(buffer + len, 0, shortest - len);
		len = shortest;
	}
	if (shortest >= 100)
		frame_mend(buffer);
	skb = packet_make(&rnd, dev, buffer, len, fragile);
	if (!skb)
		return;
	/* Somebody else may have it, too. */
	if (one_in(&rnd, 8))
		clone = skb_clone(skb, GFP_ATOMIC | __GFP_NOWARN);
	netif_receive_skb(skb);
	kfree_skb(clone);
}

static int run_packets(struct net_device *dev, struct mangle_run *run, u64 *digests)
{
	u32 i;

	device_digests(digests);
	device_digest(&run->sent);
	run->sent = 0;
	for (i = 0; i < run->count; i++) {
		doing.seed = run->seed;
		doing.number = run->first + i;
		local_bh_disable();
		one(dev, min(run->shortest, MANGLE_LEN), !digests);
		local_bh_enable();
		if (digests)
			digests[i] = device_digest(&run->sent);
		if (i % BATCH == 0) {
			if (fatal_signal_pending(current))
				return -EINTR;
			cond_resched();
		}
	}
	device_digest(&run->sent);
	return 0;
}

static int locked_run(struct net_device *dev, struct mangle_run *run, u64 *digests)
{
	int err;

	mutex_lock(&lock);
	if (!frame_count()) {
		err = -ENODATA;
	} else {
		doing.now = true;
		err = run_packets(dev, run, digests);
		doing.now = false;
	}
	mutex_unlock(&lock);
	return err;
}

static long mangle_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct mangle_run __user *user = (void __user *)arg, run;
	struct net_device *dev;
	u64 *digests = NULL;
	long err;

	if (cmd != MANGLE_RUN)
		return -ENOTTY;
	if (copy_from_user(&run, user, sizeof(run)))
		return -EFAULT;
	if (run.digests) {
		digests = vcalloc(run.count, sizeof(*digests));
		if (!digests)
			return -ENOMEM;
	}
	dev = dev_get_by_index(&init_net, run.ifindex);
	err = dev ? locked_run(dev, &run, digests) : -ENODEV;
	dev_put(dev);
	if (!err && ((digests && copy_to_user(u64_to_user_ptr(run.digests), digests,
					      run.count * sizeof(*digests))) ||
		     copy_to_user(user, &run, sizeof(run))))
		err = -EFAULT;
	vfree(digests);
	return err;
}

static int mangle_open(struct inode *inode, struct file *file)
{
	if (file->f_mode & FMODE_WRITE) {
		mutex_lock(&lock);
		frame_forget();
		mutex_unlock(&lock);
	}
	return 0;
}

static ssize_t mangle_write(struct file *file, const char __user *data,
			    size_t len, loff_t *pos)
{
	int err;

	mutex_lock(&lock);
	err = frame_add(data, len);
	mutex_unlock(&lock);
	return err ?: len;
}

static const struct proc_ops operations = {
	.proc_open = mangle_open,
	.proc_write = mangle_write,
	.proc_ioctl = mangle_ioctl,
};

static int __init mangle_init(void)
{
	int err = device_init();

	if (err)
		return err;
	if (!proc_create("mangle", 0600, NULL, &operations)) {
		device_exit();
		return -ENOMEM;
	}
	atomic_notifier_chain_register(&panic_notifier_list, &panicking);
	return 0;
}

static void __exit mangle_exit(void)
{
	atomic_notifier_chain_unregister(&panic_notifier_list, &panicking);
	remove_proc_entry("mangle", NULL);
	device_exit();
	frame_forget();
}

module_init(mangle_init);
module_exit(mangle_exit);
MODULE_DESCRIPTION("Packets made by chance of frames");
MODULE_LICENSE("GPL");
