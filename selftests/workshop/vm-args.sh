# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
#
# What every VM of ours gets: the modules and programs built from this checkout,
# and the tests. Sets vm_args for boot.sh. To be sourced after common.sh.
vm_args=()
for f in "$OVS_BUILD/modules${OVS_CHECKED:+-${OVS_CHECKED##*/}}"/*.ko; do
	[ ! -e "$f" ] || vm_args+=(-m "$f")
done
for f in "$OVS_BUILD"/bin/*; do
	[ ! -e "$f" ] || vm_args+=(-b "$f")
done
for f in guest lib demo debug; do
	[ ! -d "$OVS_TOP/selftests/$f" ] || vm_args+=(-c "$OVS_TOP/selftests/$f:/ovs/selftests/$f")
done
for f in "$OVS_BUILD"/vectors/*; do
	[ ! -e "$f" ] || vm_args+=(-c "$f:/ovs/selftests/${f##*/}")
done
for f in install.sh systemd; do
	vm_args+=(-c "$OVS_TOP/userspace/$f:/ovs/userspace/$f")
done
# What the kernel's selftest came to with the C module.
stock_results=$(. "$OVS_WORKSHOP/kernel-lib.sh" && kernel_dir "$(kernel_version)")/stock-results
[ -n "${OVS_CHECKED-}" ] || [ ! -e "$stock_results" ] || vm_args+=(-c "$stock_results:/ovs/selftests/stock-results")
