// SPDX-License-Identifier: GPL-2.0

#include <linux/swap.h>

size_t ovs_helper_buffer_bytes(void)
{
	return nr_free_buffer_pages() << PAGE_SHIFT;
}
