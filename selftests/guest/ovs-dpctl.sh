#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 180
#
# Debian's ovs-dpctl drives the module, and dpctl prints the same as it does.
. "$(dirname "$0")/../lib/ktap.sh"

# Times since a flow was used are not the same twice, nor are those of a log.
# dpctl tells what our module says about an error, too.
steady() {
	sed -E 's/used:[0-9.]+s/used:SOME/; s/^ovs-dpctl: /dpctl: /; /^[0-9T:.-]+Z\|[0-9]+\|/d
		s/^(dpctl: .*\([A-Z][a-z ]*\)): .*/\1/'
}

# Both programs say the same and have the same exit status.
same() {
	local what=$1 theirs ours
	shift
	theirs=$(ovs-dpctl "$@" 2>&1; echo "status $?")
	ours=$(dpctl "$@" 2>&1; echo "status $?")
	if [ "$(steady <<<"$theirs")" = "$(steady <<<"$ours")" ]; then
		ok "$what"
	else
		diff -u --label ovs-dpctl <(steady <<<"$theirs") --label dpctl <(steady <<<"$ours") | sed 's/^/# /'
		not_ok "$what"
	fi
}

base='recirc_id(0),in_port(1)'
mac='eth(src=02:00:00:00:00:01,dst=02:00:00:00:00:02)'
ip="eth_type(0x0800),ipv4(src=10.0.0.1,dst=10.0.0.2,proto=17,tos=0,ttl=64,frag=no)"
flows=(
	"$base,$mac,eth_type(0x88b5)|2"
	"in_port(1),eth(),eth_type(0x0806),arp(op=2)|2,3"
	"in_port(1),eth(),eth_type(0x0806),arp(sip=10.0.0.1,tip=10.0.0.2/255.255.255.0,op=1,sha=02:00:00:00:00:01,tha=00:00:00:00:00:00)|drop"
	"$base,$mac,$ip,udp(src=1000,dst=2000)|1,2,3"
	"$base,eth(dst=02:00:00:00:00:02/ff:ff:ff:00:00:00),eth_type(0x0800),ipv4(dst=10.1.0.0/255.255.0.0,proto=6/0xff,frag=no),tcp(dst=80/0xfff0),tcp_flags(0/0)|set(eth(src=02:00:00:00:00:03)),2"
	"$base,eth(),eth_type(0x0800),ipv4(proto=6),tcp(src=1,dst=2),tcp_flags(+syn-ack)|2"
	"$base,eth(),eth_type(0x0800),ipv4(proto=6),tcp(src=1,dst=3),tcp_flags(0x2/0x12)|2"
	"$base,eth(),eth_type(0x0800),ipv4(proto=1),icmp(type=8,code=0)|2"
	"$base,eth(),eth_type(0x0800),ipv4(proto=132),sctp(src=1,dst=2/0xff)|2"
	"$base,eth(),eth_type(0x0800),ipv4(frag=first)|2"
	"$base,eth(),eth_type(0x0800),ipv4(frag=later)|drop"
	"$base,eth(),eth_type(0x86dd),ipv6(src=fd00::1,dst=fd00::/ffff:ffff:ffff:ffff::,label=0x12345,proto=17,tclass=0x2,hlimit=64,frag=no),udp(src=1,dst=2)|2"
	"$base,eth(),eth_type(0x86dd),ipv6(proto=58,frag=no),icmpv6(type=135,code=0),nd(target=fd00::2,sll=02:00:00:00:00:01,tll=00:00:00:00:00:00)|2"
	"$base,eth(),eth_type(0x8100),vlan(vid=100,pcp=3),encap(eth_type(0x0800),ipv4(dst=10.0.0.2))|pop_vlan,2"
	"$base,eth(),eth_type(0x8100),vlan(vid=100,pcp=0/0x0),encap(eth_type(0x0806),arp())|pop_vlan,push_vlan(vid=7,pcp=1),2"
	"$base,eth(),eth_type(0x88a8),vlan(vid=7,pcp=0),encap(eth_type(0x8100),vlan(vid=8,pcp=0),encap(eth_type(0x0800),ipv4()))|pop_vlan,pop_vlan,push_vlan(tpid=0x88a8,vid=9,pcp=2),3"
	"$base,eth(),eth_type(0x8847),mpls(label=100,tc=3,ttl=64,bos=1)|2"
	"skb_priority(0x5),skb_mark(0x7/0xff),$base,eth(),eth_type(0x88b6)|set(skb_priority(9)),set(skb_mark(0x3)),2"
	"recirc_id(0x12),dp_hash(0x3/0xf),in_port(2),eth(),eth_type(0x0800),ipv4(frag=no)|recirc(19)"
	"recirc_id(0x14),in_port(2),eth(),eth_type(0x0800),ipv4(src=1.2.3.4,proto=17,frag=no),udp(src=5,dst=6)|set(ipv4(src=4.3.2.1,ttl=3)),set(udp(src=7,dst=8)),1"
	"recirc_id(0x15),in_port(2),eth(),eth_type(0x0800),ipv4()|userspace(pid=1234,userdata(ff00000000000001)),trunc(100),1"
	"recirc_id(0x16),in_port(2),eth(),eth_type(0x0800),ipv4()|userspace(pid=1234,userdata(0102030405060708090a0b0c0d0e0f)),1"
	"recirc_id(0x17),in_port(2),eth(),eth_type(0x0800),ipv4()|userspace(pid=5,controller(reason=1,dont_send=0,continuation=0,recirc_id=2,rule_cookie=0x3,controller_id=4,max_len=65535)),1"
	"ufid:01234567-89ab-cdef-0123-456789abcdef,recirc_id(0x18),in_port(3),eth(),eth_type(0x0800),ipv4()|1"
)

ktap_plan 37
load openvswitch || fatal "the module does not load"
# Devices send nothing of their own accord: statistics stay what they are.
sysctl -qw net.ipv6.conf.default.disable_ipv6=1
defer sysctl -qw net.ipv6.conf.default.disable_ipv6=0
make_ns there
in_ns there sysctl -qw net.ipv6.conf.default.disable_ipv6=1
make_veth p1 there eth1 10.0.0.1/24
make_veth p2 there eth2

# --- the stock program drives the module
defer ovs-dpctl del-dp dp0
check "ovs-dpctl add-dp" ovs-dpctl add-dp dp0
check "ovs-dpctl add-if of a device" ovs-dpctl add-if dp0 p1
check "ovs-dpctl add-if of an internal port" ovs-dpctl add-if dp0 int0,type=internal,port_no=3
check "ovs-dpctl add-if with a number" ovs-dpctl add-if dp0 p2,port_no=2
is "ovs-dpctl show tells the ports" "$(ovs-dpctl show dp0 | grep port)" "  port 0: dp0 (internal)
  port 1: p1
  port 2: p2
  port 3: int0 (internal)"
add_flows() {
	local flow rc=0
	for flow in "${flows[@]}"; do
		"$1" add-flow dp0 "${flow%%|*}" "${flow##*|}" || {
			echo "refused: $flow"
			rc=1
		}
	done
	return $rc
}
check "ovs-dpctl add-flow, ${#flows[@]} times" add_flows ovs-dpctl
is "as many flows" "$(ovs-dpctl dump-flows dp0 | wc -l)" ${#flows[@]}

# Some statistics.
in_ns there python3 - <<-'PY'
	import socket
	for kind, data in ((0x88B5, b"x"), (0x0806, bytes(28)), (0x0800, b"E" + bytes(40))):
	    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
	    sock.bind(("eth1", kind))
	    sock.send(bytes.fromhex("020000000002020000000001") + kind.to_bytes(2, "big") + data)
PY
wait_for 5 eval 'ovs-dpctl dump-flows dp0 | grep -q packets:1,'

# --- the same text
same "show" show
same "show DP" show dp0
same "show -s" -s show
same "show of what does not exist" show nothing
same "dump-dps" dump-dps
same "dump-flows" dump-flows
same "dump-flows DP" dump-flows dp0
same "dump-flows -m" -m dump-flows dp0
same "dump-flows --names" --names dump-flows dp0
same "dump-flows -m --no-names" -m --no-names dump-flows dp0
same "get-flow" get-flow dp0 ufid:01234567-89ab-cdef-0123-456789abcdef
same "get-flow of what does not exist" get-flow dp0 ufid:00000000-0000-0000-0000-000000000001
same "del-flow of what does not exist" del-flow dp0 'in_port(9),eth(),eth_type(0x1234)'
same "cache-get-size" cache-get-size dp0
same "cache-set-size" cache-set-size dp0 masks-cache 512
same "add-dp that exists" add-dp dp0
same "add-if that exists" add-if dp0 p1
same "del-dp that does not exist" del-dp nothing

# --- and the same datapath when dpctl makes it
flows_as_text() {
	ovs-dpctl dump-flows -m --no-names dp0 | sed -E 's/ufid:[^,]*,//; s/packets:.*actions/actions/' | sort
}
flows_as_text >/tmp/flows.theirs
defer rm -f /tmp/flows.theirs /tmp/flows.ours
check "ovs-dpctl mod-flow" ovs-dpctl mod-flow dp0 ufid:01234567-89ab-cdef-0123-456789abcdef,"recirc_id(0x18),in_port(3),eth(),eth_type(0x0800),ipv4()" 2
like "the flow is changed" "$(ovs-dpctl dump-flows dp0)" 'recirc_id\(0x18\).*actions:2$'
check "ovs-dpctl del-flow" ovs-dpctl del-flow dp0 ufid:01234567-89ab-cdef-0123-456789abcdef
is "one flow less" "$(ovs-dpctl dump-flows dp0 | wc -l)" $((${#flows[@]} - 1))
check "ovs-dpctl del-flows" ovs-dpctl del-flows dp0
check "dpctl add-flow, ${#flows[@]} times" add_flows dpctl
flows_as_text >/tmp/flows.ours
check "the same flows" diff /tmp/flows.theirs /tmp/flows.ours
check "ovs-dpctl del-if" ovs-dpctl del-if dp0 p2
same "show after del-if" show
check "ovs-dpctl del-dp" ovs-dpctl del-dp dp0
same "show of nothing" show
same "dump-dps of nothing" dump-dps
