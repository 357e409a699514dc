// SPDX-License-Identifier: GPL-2.0

#include <linux/module.h>
#include <net/ip.h>
#include <net/vxlan.h>

MODULE_VERSION("openvswitch-rs 0.1.0");

struct net_device *ovs_vxlan_create(struct net *net, const char *name,
				    u16 dst_port, bool gbp)
{
	struct vxlan_config config = {
		.dst_port = htons(dst_port),
		.flags = VXLAN_F_COLLECT_METADATA | VXLAN_F_UDP_ZERO_CSUM6_RX |
			 (gbp ? VXLAN_F_GBP : 0),
		.mtu = IP_MAX_MTU,
		.no_share = true,
	};

	return vxlan_dev_create(net, name, NET_NAME_USER, &config);
}
