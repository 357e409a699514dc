// SPDX-License-Identifier: GPL-2.0

#include <linux/bottom_half.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

void ovs_helper_spin_lock_init(spinlock_t *lock, const char *name,
			       struct lock_class_key *key)
{
#ifdef CONFIG_DEBUG_SPINLOCK
	__raw_spin_lock_init(spinlock_check(lock), name, key, LD_WAIT_CONFIG);
#else
	spin_lock_init(lock);
#endif
}

void ovs_helper_spin_lock_bh(spinlock_t *lock)
{
	spin_lock_bh(lock);
}

void ovs_helper_spin_unlock_bh(spinlock_t *lock)
{
	spin_unlock_bh(lock);
}

int ovs_helper_spin_trylock_bh(spinlock_t *lock)
{
	return spin_trylock_bh(lock);
}

void ovs_helper_spin_assert_held(spinlock_t *lock)
{
	lockdep_assert_held(lock);
}

void ovs_helper_local_bh_disable(void)
{
	local_bh_disable();
}

void ovs_helper_local_bh_enable(void)
{
	local_bh_enable();
}

void ovs_helper_init_work(struct work_struct *work, work_func_t func)
{
	INIT_WORK(work, func);
}
