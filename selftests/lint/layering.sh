#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Checks that the layers of the module use each other downwards only, and that what is unsafe stays
# below the datapath:
#
#   L0 bindings, helpers -> L1 sync, net, alloc -> L2 the datapath -> L3 cmd -> the crate root
#
# and that the pure core, rust/odp, knows nothing of the kernel.

set -euo pipefail
cd "$(dirname "$0")/../.."

# Files above L1 that may say `unsafe`, each with the reason.
allowed_unsafe=(
	# module! and the statics of the locks are initialised by unsafe macros.
	rust/openvswitch.rs
	rust/datapath/lock.rs
)

l0=(rust/bindings.rs)
l1=(rust/sync.rs rust/sync rust/net.rs rust/net)
l2=()
for path in rust/*; do
	case $path in
	rust/bindings* | rust/helpers | rust/sync* | rust/net | rust/net.rs | rust/alloc*) ;;
	rust/odp | rust/cmd | rust/cmd.rs | rust/dp_notify.rs | rust/vport_kind.rs | rust/openvswitch.rs | *.c) ;;
	*) l2+=("$path") ;;
	esac
done
l3=(rust/cmd.rs rust/cmd rust/dp_notify.rs rust/vport_kind.rs)
status=0

# complain WHAT RULE-BREAKING-LINES
complain() {
	[ -n "$2" ] || return 0
	printf '%s:\n%s\n' "$1" "$2"
	status=1
}

# uses PATTERN PATH...: lines of code, not of comments, that match.
uses() {
	local pattern=$1 path existing=()
	shift
	for path in "$@"; do
		[ -e "$path" ] && existing+=("$path")
	done
	[ ${#existing[@]} -gt 0 ] || return 0
	grep -rnE --include='*.rs' "$pattern" "${existing[@]}" |
		grep -vE '^[^:]+:[0-9]+:[[:space:]]*//' || true
}

complain 'the bindings are used above the abstractions' \
	"$(uses '\bbindings::|crate::bindings' "${l2[@]}" "${l3[@]}" rust/openvswitch.rs | grep -v 'kernel::bindings' || true)"
complain 'an extern function above the abstractions' \
	"$(uses 'extern "C"' "${l2[@]}" "${l3[@]}" rust/openvswitch.rs)"

not_allowed=$(uses '\bunsafe\b' "${l2[@]}" "${l3[@]}" rust/openvswitch.rs)
for file in "${allowed_unsafe[@]}"; do
	not_allowed=$(grep -v "^$file:" <<<"$not_allowed" || true)
done
complain 'unsafe code above the abstractions, in a file that is not listed here' "$not_allowed"

upper='crate::(datapath|vport|flow|flow_table|actions|meter|conntrack|drop|dp_notify|cmd)\b'
complain 'an abstraction uses the datapath' "$(uses "$upper" "${l0[@]}" "${l1[@]}")"
complain 'the datapath uses its commands' "$(uses 'crate::(cmd|dp_notify|vport_kind)\b' "${l2[@]}")"

complain 'the pure core uses the kernel' \
	"$(uses '\bcrate::|\bkernel::|\bstd::' rust/odp | grep -vE '^rust/odp/(tests|examples|benches|fuzz|target)/|cfg\(MODULE\)' || true)"
complain 'unsafe code in the pure core' "$(uses '\bunsafe\b' rust/odp | grep -v 'deny(unsafe_code)' || true)"

# A SAFETY comment, or the documentation of an unsafe item, stands above each unsafe block and impl.
complain 'unsafe without a SAFETY comment' "$(
	find rust -name '*.rs' -not -path '*/odp/target/*' | sort | while read -r file; do
		awk -v file="$file" '
			/SAFETY:|# Safety/ { seen = NR }
			/(^|[^_a-z])unsafe[ ]*(\{|impl)/ && !/^[ ]*\/\// {
				if (NR - seen > 12) print file ":" NR ": " $0
			}' "$file"
	done
)"

[ $status -eq 0 ] && echo 'layering: the layers are kept'
exit $status
