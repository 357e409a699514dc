// SPDX-License-Identifier: GPL-2.0

#include <linux/kmod.h>
#include <linux/module.h>

/* What module!() has no field for. Operators tell by it which module runs. */
MODULE_VERSION("openvswitch-rs 0.1.0");

void ovs_helper_request_vport_type(u32 kind)
{
	request_module("vport-type-%d", kind);
}
