#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# boot.sh [OPTION...] [--] CMD [ARG...]: run a command in a fresh VM.
#
# The VM runs the stock kernel on the guest image (guest.sh); nothing that it
# does outlives it. The command's output comes to standard output, its exit
# status is the status of this script (97: no status, the guest crashed; 124:
# time is up).
#
#   -m FILE.ko	install a module, before the stock one of the same name
#   -l NAME	load a module (after installing), may be repeated
#   -c SRC:DST	copy a file or directory into the guest, may be repeated
#   -b FILE	copy a program into the guest's PATH
#   -o DIR	fetch what the command leaves in /ovs/out, and the console's log
#   -t SECONDS	end the VM after this time (600)
#   -r MIB	memory (2048)
#   -a STRING	append to the kernel's command line
#   -i		interactive: a shell on this terminal in place of a command
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
. "$OVS_WORKSHOP/kernel-lib.sh"

usage() {
	sed -n '/^# boot.sh/,/^set/{/^set/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" >&2
	exit 2
}

modules=() load=() copy=() bins=() outdir='' timeout=600 memory=2048 append='' interactive=''
while getopts m:l:c:b:o:t:r:a:i opt; do
	case $opt in
	m) modules+=("$OPTARG") ;;
	l) load+=("$OPTARG") ;;
	c) copy+=("$OPTARG") ;;
	b) bins+=("$OPTARG") ;;
	o) outdir=$OPTARG ;;
	t) timeout=$OPTARG ;;
	r) memory=$OPTARG ;;
	a) append=$OPTARG ;;
	i) interactive=1 ;;
	*) usage ;;
	esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || [ -n "$interactive" ] || usage

kver=$(kernel_version)
kernel=$(kernel_dir "$kver")
image=$(guest_image "$kver")
[ -e "$image" ] || die "no guest image yet: run \`make setup\`"

mkdir -p "$OVS_CACHE/vm"
work=$(mktemp -d "$OVS_CACHE/vm/run.XXXXXX")
qemu=''
# shellcheck disable=SC2317	# called by the trap
finish() {
	[ -z "$qemu" ] || kill "$qemu" 2>/dev/null || true
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# What this run brings along, as it is to appear in the guest.
pack_payload() {
	local p=$work/root/payload f lib=usr/lib/modules/$kver
	mkdir -p "$p/ovs/bin" "$p/$lib"
	cp "$OVS_WORKSHOP/guest/stage2" "$p/ovs/"
	cat >"$p/ovs/conf" <<-EOF
		OVS_MODULES="${load[*]}"
		OVS_INTERACTIVE=$interactive
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
	[ "${#modules[@]}" -gt 0 ] || return 0
	# depmod sees the stock modules too, and prefers updates/ over them.
	mkdir -p "$p/$lib/updates" "$work/depmod/lib/modules"
	for f in "${modules[@]}"; do
		strip -g -o "$p/$lib/updates/${f##*/}" "$f"
	done
	cp -as "$kernel/modules" "$work/depmod/lib/modules/$kver"
	cp -a "$p/$lib/updates" "$work/depmod/lib/modules/$kver/"
	depmod -b "$work/depmod" "$kver"
	find "$work/depmod/lib/modules/$kver" -maxdepth 1 -type f -name 'modules.*' \
		-exec cp -t "$p/$lib" {} +
}

pack_payload "$@"
(cd "$work/root" && find payload -print0 | cpio -0 -o -H newc -R 0:0 --quiet) >"$work/payload.cpio"
initramfs=$("$OVS_WORKSHOP/initramfs.sh")
cat "$initramfs" "$work/payload.cpio" >"$work/initrd"

accel=$("$OVS_WORKSHOP/accel.sh")
touch "$work"/{out,status,files,console}
# shellcheck disable=SC2054	# QEMU's commas
args=(
	-append "console=ttyS0 panic=-1 oops=panic ${interactive:+quiet} $append"
	-M q35 -cpu max -accel "$accel" -smp 2 -m "$memory"
	-nodefaults -no-user-config -display none -no-reboot
	-kernel "$kernel/vmlinuz" -initrd "$work/initrd"
	-drive "file=$image,format=raw,if=virtio,readonly=on"
	-device virtio-rng-pci
	-device virtio-serial-pci
	-chardev "file,id=out,path=$work/out" -device virtserialport,chardev=out,name=ovs.out
	-chardev "file,id=status,path=$work/status" -device virtserialport,chardev=status,name=ovs.status
	-chardev "file,id=files,path=$work/files" -device virtserialport,chardev=files,name=ovs.files
)
if [ -n "$interactive" ]; then
	args+=(-chardev "stdio,id=con,mux=on,signal=off,logfile=$work/console" -serial chardev:con -mon chardev=con)
	say "booting; end the shell with exit or ^D, kill the VM with ^A x"
	qemu-system-x86_64 "${args[@]}" || die "QEMU failed"
else
	args+=(-serial "file:$work/console")
	# timeout passes on the signal that finish() sends.
	timeout "$timeout" qemu-system-x86_64 "${args[@]}" </dev/null 2>"$work/qemu.err" &
	qemu=$!
	# Show the output as it comes, and all of it before going on.
	tail -n +1 -f -s 0.1 --pid="$qemu" "$work/out"
	rc=0
	wait "$qemu" || rc=$?
	qemu=''
fi

if [ -n "$outdir" ]; then
	mkdir -p "$outdir"
	cp "$work/console" "$outdir/console.log"
	[ ! -s "$work/files" ] || tar -C "$outdir" --no-same-owner -xf "$work/files"
fi
[ -z "$interactive" ] || exit 0
status=$(cat "$work/status")
if [ "$rc" = 124 ]; then
	say "error: the VM did not end within $timeout s; the end of its console:"
	tail -n 30 "$work/console" | sed 's/^/    | /' >&2
	exit 124
fi
if [ -z "$status" ]; then
	say "error: the guest crashed; the end of its console:"
	tail -n 60 "$work/console" | sed 's/^/    | /' >&2
	cat "$work/qemu.err" >&2
	exit 97
fi
exit "$status"
