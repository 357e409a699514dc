#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# boot.sh [OPTION...] [--] CMD [ARG...]: run a command in a fresh VM.
#
# The VM runs the stock kernel on the guest image (guest.sh); nothing that it
# does outlives it. The command's output comes to standard output, its exit
# status is the status of this script (97: no status, the guest crashed; 124:
# time is up). With OVS_CHECKED=DIR the kernel is that one (checked-kernel.sh); User Mode
# Linux needs no QEMU.
#
#   -m FILE.ko	install a module, before the stock one of the same name
#   -l NAME	load a module (after installing), may be repeated
#   -c SRC:DST	copy a file or directory into the guest, may be repeated
#   -b FILE	copy a program into the guest's PATH
#   -o DIR	fetch what the command leaves in /ovs/out, and the console's log
#   -t SECONDS	end the VM after this time (600)
#   -r MIB	memory (2048)
#   -a STRING	append to the kernel's command line
#   -n		QEMU with one CPU, whose time goes on by 1 ns with each instruction
#   -i		interactive: a shell on this terminal in place of a command
# shellcheck disable=SC2034,SC2154	# shared with vm-qemu.sh and vm-uml.sh
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
. "$OVS_WORKSHOP/kernel-lib.sh"

usage() {
	sed -n '/^# boot.sh/,/^set/{/^set/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" >&2
	exit 2
}

modules=() load=() copy=() bins=() outdir='' timeout=600 memory=2048 append='' icount='' interactive=''
while getopts m:l:c:b:o:t:r:a:ni opt; do
	case $opt in
	m) modules+=("$OPTARG") ;;
	l) load+=("$OPTARG") ;;
	c) copy+=("$OPTARG") ;;
	b) bins+=("$OPTARG") ;;
	o) outdir=$OPTARG ;;
	t) timeout=$OPTARG ;;
	r) memory=$OPTARG ;;
	a) append=$OPTARG ;;
	n) icount=1 ;;
	i) interactive=1 ;;
	*) usage ;;
	esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || [ -n "$interactive" ] || usage

kver=$(kernel_version)
kernel=$(kernel_dir "$kver")
image=$(guest_image "$kver")
stock=$kernel/modules vmlinuz=$kernel/vmlinuz release=$kver uml=
if [ -n "${OVS_CHECKED-}" ]; then
	release=$(ls "$OVS_CHECKED/modules/lib/modules")
	stock=$OVS_CHECKED/modules/lib/modules/$release vmlinuz=$OVS_CHECKED/vmlinuz
	[ ! -e "$OVS_CHECKED/linux" ] || uml=1
fi
[ -e "$image" ] || die "no guest image yet: run \`make setup\`"

mkdir -p "$OVS_CACHE/vm"
work=$(mktemp -d "$OVS_CACHE/vm/run.XXXXXX")
machine=''
# shellcheck disable=SC2317	# called by the trap
finish() {
	[ -z "$machine" ] || kill "$machine" 2>/dev/null || true
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# What this run brings along, as it is to appear in the guest.
pack_payload() {
	local p=$work/root/payload f lib=usr/lib/modules/$release
	mkdir -p "$p/ovs/bin" "$p/$lib"
	cp "$OVS_WORKSHOP/guest/stage2" "$p/ovs/"
	cat >"$p/ovs/conf" <<-EOF
		OVS_MODULES="${load[*]}"
		OVS_INTERACTIVE=$interactive
		OVS_HOST=${uml:+$work}
		OVS_ROWS=$( (stty size 2>/dev/null || echo 24 80) | cut -d' ' -f1)
		OVS_COLS=$( (stty size 2>/dev/null || echo 24 80) | cut -d' ' -f2)
	EOF
	[ $# = 0 ] || printf '%q ' "$@" >"$p/ovs/cmd"
	for f in "${bins[@]}"; do
		strip -o "$p/ovs/bin/${f##*/}" "$f" 2>/dev/null || cp "$f" "$p/ovs/bin/"
	done
	for f in "${copy[@]}"; do
		mkdir -p "$(dirname "$p/${f#*:}")"
		cp -dr --preserve=mode "${f%%:*}" "$p/${f#*:}"
	done
	if [ -n "${OVS_CHECKED-}" ]; then
		# The disk has those of the packaged kernel.
		cp -r "$stock/." "$p/$lib"
		mkdir -p "$p/boot"
		cp "$OVS_CHECKED/config" "$p/boot/config-$release"
	fi
	[ "${#modules[@]}" -gt 0 ] || return 0
	# depmod sees the stock modules too, and prefers updates/ over them.
	mkdir -p "$p/$lib/updates" "$work/depmod/lib/modules"
	for f in "${modules[@]}"; do
		strip -g -o "$p/$lib/updates/${f##*/}" "$f"
	done
	cp -as "$stock" "$work/depmod/lib/modules/$release"
	cp -a "$p/$lib/updates" "$work/depmod/lib/modules/$release/"
	depmod -b "$work/depmod" "$release"
	find "$work/depmod/lib/modules/$release" -maxdepth 1 -type f -name 'modules.*' \
		-exec cp -t "$p/$lib" {} +
}

pack_payload "$@"
(cd "$work/root" && find payload -print0 | cpio -0 -o -H newc -R 0:0 --quiet) >"$work/payload.cpio"
initramfs=$("$OVS_WORKSHOP/initramfs.sh")
cat "$initramfs" "$work/payload.cpio" >"$work/initrd"

touch "$work"/{out,status,files,console}
if [ -n "$uml" ]; then
	. "$OVS_WORKSHOP/vm-uml.sh"
else
	. "$OVS_WORKSHOP/vm-qemu.sh"
fi
if [ -n "$interactive" ]; then
	"${cmd[@]}" || die "the VM failed"
else
	# timeout passes on the signal that finish() sends.
	timeout -k 10 "$timeout" "${cmd[@]}" </dev/null >>"$work/console" 3>>"$work/out" 2>"$work/vm.err" &
	machine=$!
	# Show the output as it comes, and all of it before going on.
	tail -n +1 -f -s 0.1 --pid="$machine" "$work/out"
	rc=0
	wait "$machine" || rc=$?
	machine=''
fi

if [ -n "$outdir" ]; then
	mkdir -p "$outdir"
	cp "$work/console" "$outdir/console.log"
	[ ! -s "$work/files" ] || tar -C "$outdir" --no-same-owner -xf "$work/files"
fi
[ -z "$interactive" ] || exit 0
status=$(cat "$work/status")
if [ "$rc" = 124 ] || [ "$rc" = 137 ]; then
	say "error: the VM did not end within $timeout s; the end of its console:"
	tail -n 30 "$work/console" | sed 's/^/    | /' >&2
	exit 124
fi
if [ -z "$status" ]; then
	say "error: the guest crashed; the end of its console:"
	tail -n 60 "$work/console" | sed 's/^/    | /' >&2
	cat "$work/vm.err" >&2
	exit 97
fi
exit "$status"
