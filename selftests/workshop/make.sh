#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make.sh modules|userspace|clean: build with progress; print warnings and
# where the result is.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

build() {
	step "building $1" "$OVS_WORKSHOP/enter.sh" "$OVS_WORKSHOP/build.sh" "$1"
	grep -A 8 -i 'warning' "$OVS_STEP_LOG" >&2 || true
}

case $1 in
modules)
	build modules
	ls "$OVS_BUILD/modules${OVS_CHECKED:+-${OVS_CHECKED##*/}}"/*.ko
	;;
userspace)
	build userspace
	ls "$OVS_BUILD"/bin/*
	;;
clean)
	rm -rf "$OVS_BUILD"
	;;
*)
	die "make.sh: no target ${1:-given}"
	;;
esac
