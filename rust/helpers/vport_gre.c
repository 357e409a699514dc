// SPDX-License-Identifier: GPL-2.0

#include <linux/module.h>
#include <net/gre.h>

MODULE_VERSION("openvswitch-rs 0.1.0");

struct net_device *ovs_gre_create(struct net *net, const char *name)
{
	return gretap_fb_dev_create(net, name, NET_NAME_USER);
}
