// SPDX-License-Identifier: GPL-2.0

#include <net/genetlink.h>
#include <net/netlink.h>

struct sk_buff *ovs_helper_genlmsg_new(size_t payload, gfp_t flags)
{
	return genlmsg_new(payload, flags);
}

int ovs_helper_genlmsg_unicast(struct net *net, struct sk_buff *skb, u32 portid)
{
	return genlmsg_unicast(net, skb, portid);
}

int ovs_helper_genlmsg_multicast_netns(const struct genl_family *family,
				       struct net *net, struct sk_buff *skb,
				       u32 portid, unsigned int group,
				       gfp_t flags)
{
	int err;

	/* Nobody listening is no error. */
	err = genlmsg_multicast_netns(family, net, skb, portid, group, flags);
	return err == -ESRCH ? 0 : err;
}

int ovs_helper_genl_has_listeners(const struct genl_family *family,
				  struct net *net, unsigned int group)
{
	return genl_has_listeners(family, net, group);
}

int ovs_helper_genl_set_err(const struct genl_family *family, struct net *net,
			    u32 portid, u32 group, int code)
{
	return genl_set_err(family, net, portid, group, code);
}

struct net *ovs_helper_genl_info_net(const struct genl_info *info)
{
	return genl_info_net(info);
}

const struct genl_info *ovs_helper_genl_info_dump(struct netlink_callback *cb)
{
	return genl_info_dump(cb);
}
