// SPDX-License-Identifier: GPL-2.0

#include "trace.h"

void ovs_helper_trace_execute_action(void *dp, struct sk_buff *skb,
				     const struct ovs_trace_key *key,
				     const void *action, int rem,
				     const char *name)
{
	trace_ovs_do_execute_action(dp, skb, key, action, rem, name);
}

void ovs_helper_trace_upcall(void *dp, struct sk_buff *skb,
			     const struct ovs_trace_key *key,
			     const struct ovs_trace_upcall *upcall,
			     const char *name)
{
	trace_ovs_dp_upcall(dp, skb, key, upcall, name);
}
