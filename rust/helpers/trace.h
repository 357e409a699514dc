/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints, with the fields that tools know from the C module. What is not
 * in a packet itself, Rust hands over in the two structs here.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM openvswitch

#if !defined(_OVS_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _OVS_TRACE_H

#include <linux/netdevice.h>
#include <linux/netlink.h>
#include <linux/skbuff.h>
#include <linux/tracepoint.h>
#include <net/netlink.h>

#ifndef _OVS_TRACE_STRUCTS
#define _OVS_TRACE_STRUCTS

/* What is told of a flow key. */
struct ovs_trace_key {
	const void *addr;
	u32 dp_hash;
	u32 recirc_id;
	__be16 eth_type;
	u16 ct_zone;
	u8 ct_state;
	u8 ct_orig_proto;
	bool valid;
};

/* What is told of an upcall. */
struct ovs_trace_upcall {
	u32 portid;
	u16 mru;
	u8 cmd;
};

#endif

TRACE_EVENT(ovs_do_execute_action,

	TP_PROTO(void *dp, struct sk_buff *skb, const struct ovs_trace_key *key,
		 const struct nlattr *action, int rem, const char *name),

	TP_ARGS(dp, skb, key, action, rem, name),

	TP_STRUCT__entry(
		__field(void *, dpaddr)
		__string(dp_name, name)
		__string(dev_name, skb->dev->name)
		__field(void *, skbaddr)
		__field(unsigned int, len)
		__field(unsigned int, data_len)
		__field(unsigned int, truesize)
		__field(u8, nr_frags)
		__field(u16, gso_size)
		__field(u16, gso_type)
		__field(u32, ovs_flow_hash)
		__field(u32, recirc_id)
		__field(const void *, keyaddr)
		__field(u16, key_eth_type)
		__field(u8, key_ct_state)
		__field(u8, key_ct_orig_proto)
		__field(u16, key_ct_zone)
		__field(unsigned int, flow_key_valid)
		__field(u8, action_type)
		__field(unsigned int, action_len)
		__field(void *, action_data)
		__field(u8, is_last)
	),

	TP_fast_assign(
		const struct skb_shared_info *info = skb_shinfo(skb);

		__assign_str(dp_name);
		__assign_str(dev_name);
		__entry->dpaddr = dp;
		__entry->skbaddr = skb;
		__entry->len = skb->len;
		__entry->data_len = skb->data_len;
		__entry->truesize = skb->truesize;
		__entry->nr_frags = info->nr_frags;
		__entry->gso_size = info->gso_size;
		__entry->gso_type = info->gso_type;
		__entry->ovs_flow_hash = key->dp_hash;
		__entry->recirc_id = key->recirc_id;
		__entry->keyaddr = key->addr;
		__entry->key_eth_type = (__force u16)key->eth_type;
		__entry->key_ct_state = key->ct_state;
		__entry->key_ct_orig_proto = key->ct_orig_proto;
		__entry->key_ct_zone = key->ct_zone;
		__entry->flow_key_valid = key->valid;
		__entry->action_type = nla_type(action);
		__entry->action_len = nla_len(action);
		__entry->action_data = nla_data(action);
		__entry->is_last = nla_is_last(action, rem);
	),

	TP_printk("dpaddr=%p dp_name=%s dev=%s skbaddr=%p len=%u data_len=%u truesize=%u nr_frags=%u gso_size=%u gso_type=%#x ovs_flow_hash=%#010x recirc_id=%#010x keyaddr=%p eth_type=%#06x ct_state=%02x ct_orig_proto=%02x ct_zone=%04x flow_key_valid=%u action_type=%u action_len=%u action_data=%p is_last=%u",
		  __entry->dpaddr, __get_str(dp_name), __get_str(dev_name),
		  __entry->skbaddr, __entry->len, __entry->data_len,
		  __entry->truesize, __entry->nr_frags, __entry->gso_size,
		  __entry->gso_type, __entry->ovs_flow_hash,
		  __entry->recirc_id, __entry->keyaddr, __entry->key_eth_type,
		  __entry->key_ct_state, __entry->key_ct_orig_proto,
		  __entry->key_ct_zone, __entry->flow_key_valid,
		  __entry->action_type, __entry->action_len,
		  __entry->action_data, __entry->is_last)
);

TRACE_EVENT(ovs_dp_upcall,

	TP_PROTO(void *dp, struct sk_buff *skb, const struct ovs_trace_key *key,
		 const struct ovs_trace_upcall *upcall, const char *name),

	TP_ARGS(dp, skb, key, upcall, name),

	TP_STRUCT__entry(
		__field(void *, dpaddr)
		__string(dp_name, name)
		__string(dev_name, skb->dev->name)
		__field(void *, skbaddr)
		__field(unsigned int, len)
		__field(unsigned int, data_len)
		__field(unsigned int, truesize)
		__field(u8, nr_frags)
		__field(u16, gso_size)
		__field(u16, gso_type)
		__field(u32, ovs_flow_hash)
		__field(u32, recirc_id)
		__field(const void *, keyaddr)
		__field(u16, key_eth_type)
		__field(u8, key_ct_state)
		__field(u8, key_ct_orig_proto)
		__field(u16, key_ct_zone)
		__field(unsigned int, flow_key_valid)
		__field(u8, upcall_cmd)
		__field(u32, upcall_port)
		__field(u16, upcall_mru)
	),

	TP_fast_assign(
		const struct skb_shared_info *info = skb_shinfo(skb);

		__assign_str(dp_name);
		__assign_str(dev_name);
		__entry->dpaddr = dp;
		__entry->skbaddr = skb;
		__entry->len = skb->len;
		__entry->data_len = skb->data_len;
		__entry->truesize = skb->truesize;
		__entry->nr_frags = info->nr_frags;
		__entry->gso_size = info->gso_size;
		__entry->gso_type = info->gso_type;
		__entry->ovs_flow_hash = key->dp_hash;
		__entry->recirc_id = key->recirc_id;
		__entry->keyaddr = key->addr;
		__entry->key_eth_type = (__force u16)key->eth_type;
		__entry->key_ct_state = key->ct_state;
		__entry->key_ct_orig_proto = key->ct_orig_proto;
		__entry->key_ct_zone = key->ct_zone;
		__entry->flow_key_valid = key->valid;
		__entry->upcall_cmd = upcall->cmd;
		__entry->upcall_port = upcall->portid;
		__entry->upcall_mru = upcall->mru;
	),

	TP_printk("dpaddr=%p dp_name=%s dev=%s skbaddr=%p len=%u data_len=%u truesize=%u nr_frags=%u gso_size=%u gso_type=%#x ovs_flow_hash=%#010x recirc_id=%#010x keyaddr=%p eth_type=%#06x ct_state=%02x ct_orig_proto=%02x ct_zone=%04x flow_key_valid=%u upcall_cmd=%u upcall_port=%u upcall_mru=%u",
		  __entry->dpaddr, __get_str(dp_name), __get_str(dev_name),
		  __entry->skbaddr, __entry->len, __entry->data_len,
		  __entry->truesize, __entry->nr_frags, __entry->gso_size,
		  __entry->gso_type, __entry->ovs_flow_hash,
		  __entry->recirc_id, __entry->keyaddr, __entry->key_eth_type,
		  __entry->key_ct_state, __entry->key_ct_orig_proto,
		  __entry->key_ct_zone, __entry->flow_key_valid,
		  __entry->upcall_cmd, __entry->upcall_port,
		  __entry->upcall_mru)
);

#endif

/* Read again and again by what follows, which finds it by these. */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
