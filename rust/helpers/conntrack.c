// SPDX-License-Identifier: GPL-2.0

#include <net/netfilter/nf_conntrack_act_ct.h>
#include <net/netfilter/nf_conntrack_core.h>
#include <net/netfilter/nf_conntrack_ecache.h>
#include <net/netfilter/nf_conntrack_helper.h>
#include <net/netfilter/nf_conntrack_labels.h>
#include <net/netfilter/nf_conntrack_seqadj.h>
#include <net/netfilter/nf_conntrack_timeout.h>
#include <net/netfilter/nf_conntrack_zones.h>

struct nf_conn *ovs_helper_nf_ct_tmpl_new(struct net *net, u16 zone_id)
{
	struct nf_conntrack_zone zone;

	nf_ct_zone_init(&zone, zone_id, NF_CT_DEFAULT_ZONE_DIR, 0);
	return nf_ct_tmpl_alloc(net, &zone, GFP_KERNEL);
}

/* What identifies the timeout policy that a connection or a template has. */
const void *ovs_helper_nf_ct_timeout_policy(const struct nf_conn *ct)
{
	const struct nf_conn_timeout *timeout = nf_ct_timeout_find(ct);

	return timeout ? rcu_access_pointer(timeout->timeout) : NULL;
}

bool ovs_helper_nf_ct_is_shared(const struct nf_conn *ct)
{
	return nf_ct_shared(ct);
}

/* What identifies the helper that a connection has. */
const void *ovs_helper_nf_ct_helper_of(const struct nf_conn *ct)
{
	const struct nf_conn_help *help = nfct_help(ct);

	return help ? rcu_access_pointer(help->helper) : NULL;
}

/* The packet starts with its network header, and gives up its connection. */
unsigned int ovs_helper_nf_ct_track(struct net *net, struct sk_buff *skb,
				    struct nf_conn *tmpl, u8 family)
{
	struct nf_hook_state state = {
		.hook = NF_INET_PRE_ROUTING,
		.pf = family,
		.net = net,
	};

	nf_conntrack_put(skb_nfct(skb));
	nf_conntrack_get(&tmpl->ct_general);
	nf_ct_set(skb, tmpl, IP_CT_NEW);
	return nf_conntrack_in(skb, &state);
}

/*
 * Gives a packet without one the connection that it belongs to, if there is one
 * in the zone of the template. Nothing is counted, and no state changes.
 */
bool ovs_helper_nf_ct_attach(struct net *net, struct sk_buff *skb,
			     const struct nf_conn *tmpl, u8 family, bool natted)
{
	struct nf_conntrack_tuple tuple, inverse;
	struct nf_conntrack_tuple_hash *found;
	enum ip_conntrack_info info = IP_CT_NEW;
	enum ip_conntrack_dir dir;
	struct nf_conn *ct;

	if (!nf_ct_get_tuplepr(skb, skb_network_offset(skb), family, net,
			       &tuple))
		return false;
	/* What was translated looks like a packet of the other direction. */
	if (natted) {
		if (!nf_ct_invert_tuple(&inverse, &tuple))
			return false;
		tuple = inverse;
	}
	found = nf_conntrack_find_get(net, nf_ct_zone(tmpl), &tuple);
	if (!found)
		return false;

	ct = nf_ct_tuplehash_to_ctrack(found);
	dir = NF_CT_DIRECTION(found);
	if (natted)
		dir = !dir;
	if (dir == IP_CT_DIR_REPLY)
		info = IP_CT_ESTABLISHED_REPLY;
	else if (test_bit(IPS_SEEN_REPLY_BIT, &ct->status))
		info = IP_CT_ESTABLISHED;
	else if (test_bit(IPS_EXPECTED_BIT, &ct->status))
		info = IP_CT_RELATED;
	nf_ct_set(skb, ct, info);
	return true;
}

/* Gives a new connection the helper of the template. */
int ovs_helper_nf_ct_assign_helper(struct nf_conn *ct, struct nf_conn *tmpl,
				   bool nat)
{
	int err = __nf_ct_try_assign_helper(ct, tmpl, GFP_ATOMIC);

	if (!err && nat && !nfct_seqadj(ct) && !nfct_seqadj_ext_add(ct))
		err = -EINVAL;
	return err;
}

/* Whether segments of a TCP connection outside of the windows are valid. */
void ovs_helper_nf_ct_be_liberal(struct nf_conn *ct)
{
	if (nf_conntrack_tcp_established(ct))
		nf_ct_set_tcp_be_liberal(ct);
}

/* Tells act_ct the device of a direction. */
void ovs_helper_nf_ct_fill_act_ct(struct sk_buff *skb)
{
	enum ip_conntrack_info info;
	struct nf_conn *ct = nf_ct_get(skb, &info);

	nf_conn_act_ct_ext_fill(skb, ct, info);
}

void ovs_helper_nf_ct_add_act_ct(struct sk_buff *skb)
{
	enum ip_conntrack_info info;
	struct nf_conn *ct = nf_ct_get(skb, &info);

	nf_conn_act_ct_ext_add(skb, ct, info);
}

/* The labels; those of a connection that nobody else has yet can be made. */
struct nf_conn_labels *ovs_helper_nf_ct_labels(struct nf_conn *ct, bool make)
{
	struct nf_conn_labels *labels = nf_ct_labels_find(ct);

	if (labels || !make)
		return labels;
	return nf_ct_labels_ext_add(ct);
}

void ovs_helper_nf_ct_event(struct nf_conn *ct, enum ip_conntrack_events event)
{
	nf_conntrack_event_cache(event, ct);
}

/* Which events of the connection are told. */
void ovs_helper_nf_ct_set_eventmask(struct nf_conn *ct, u16 mask)
{
	struct nf_conntrack_ecache *cache = nf_ct_ecache_find(ct);

	if (cache)
		cache->ctmask = mask;
}

int ovs_helper_nf_ct_confirm(struct sk_buff *skb)
{
	return nf_conntrack_confirm(skb);
}
