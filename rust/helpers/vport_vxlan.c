// SPDX-License-Identifier: GPL-2.0

#include <linux/module.h>
#include <net/ip.h>
#include <net/vxlan.h>

MODULE_VERSION("openvswitch-rs 0.1.0");

/* The driver has a port of its own for zero: tell which. */
struct net_device *ovs_vxlan_create(struct net *net, const char *name,
				    u16 *dst_port, bool gbp)
{
	struct vxlan_config config = {
		.dst_port = htons(*dst_port),
		.flags = VXLAN_F_COLLECT_METADATA | VXLAN_F_UDP_ZERO_CSUM6_RX |
			 (gbp ? VXLAN_F_GBP : 0),
		.mtu = IP_MAX_MTU,
		.no_share = true,
	};
	struct net_device *dev;

	dev = vxlan_dev_create(net, name, NET_NAME_USER, &config);
	if (!IS_ERR(dev)) {
		const struct vxlan_dev *vxlan = netdev_priv(dev);

		*dst_port = ntohs(vxlan->cfg.dst_port);
	}
	return dev;
}
