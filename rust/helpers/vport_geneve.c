// SPDX-License-Identifier: GPL-2.0

#include <linux/module.h>
#include <net/geneve.h>

MODULE_VERSION("openvswitch-rs 0.1.0");

struct net_device *ovs_geneve_create(struct net *net, const char *name,
				     u16 dst_port)
{
	return geneve_dev_create_fb(net, name, NET_NAME_USER, dst_port);
}
