#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# accel.sh (in the build root): print QEMU's -accel argument for this host.
#
# /dev/kvm can be there and still fail or crawl with an ordinary guest, so it is
# used only after a boot has worked within seconds. The answer is kept until
# the host boots again. OVS_ACCEL= overrides it.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
. "$OVS_WORKSHOP/kernel-lib.sh"

probe() {
	local kernel log
	kernel=$(kernel_dir "$(kernel_version)")
	log=$OVS_LOGS/kvm-probe.log
	timeout 10 qemu-system-x86_64 -M q35 -cpu max -accel kvm -smp 2 -m 512 \
		-nodefaults -no-user-config -display none -no-reboot -serial stdio \
		-kernel "$kernel/vmlinuz" -initrd "$("$OVS_WORKSHOP/initramfs.sh")" \
		-append "console=ttyS0 panic=-1 ovs.probe" </dev/null >"$log" 2>&1
	grep -q '^probe: up' "$log"
}

if [ -n "${OVS_ACCEL-}" ]; then
	echo "$OVS_ACCEL"
	exit
fi
known=$OVS_CACHE/accel-$(cat /proc/sys/kernel/random/boot_id)
if [ ! -s "$known" ]; then
	rm -f "$OVS_CACHE"/accel-*
	accel=tcg,thread=multi
	if [ ! -w /dev/kvm ]; then
		say "  VM: software emulation (no access to /dev/kvm)"
	elif step "trying KVM" probe 2>/dev/null; then
		accel=kvm
		say "  VM: KVM"
	else
		say "  VM: software emulation (/dev/kvm is there, but a guest did not come up with it)"
	fi
	echo "$accel" >"$known.tmp"
	mv "$known.tmp" "$known"
fi
cat "$known"
