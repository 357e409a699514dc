// SPDX-License-Identifier: GPL-2.0

#include <linux/module.h>

MODULE_VERSION("openvswitch-rs 0.1.0");
MODULE_SOFTDEP("pre: vxlan");
