# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2054,SC2154	# for boot.sh; QEMU's commas
#
# Part of boot.sh: what starts the VM as a QEMU.
if [ -n "$icount" ]; then
	cpus=(-accel tcg -icount "shift=0,sleep=off" -smp 1)
else
	cpus=(-accel "$("$OVS_WORKSHOP/accel.sh")" -smp 2)
fi
cmd=(qemu-system-x86_64
	-append "console=ttyS0 panic=-1 oops=panic ${interactive:+quiet} $append"
	-M q35 -cpu max "${cpus[@]}" -m "$memory"
	-nodefaults -no-user-config -display none -no-reboot
	-kernel "$vmlinuz" -initrd "$work/initrd"
	-drive "file=$image,file.locking=off,format=raw,if=virtio,readonly=on"
	-device virtio-rng-pci
	-device virtio-serial-pci
	-chardev "file,id=out,path=$work/out" -device virtserialport,chardev=out,name=ovs.out
	-chardev "file,id=status,path=$work/status" -device virtserialport,chardev=status,name=ovs.status
	-chardev "file,id=files,path=$work/files" -device virtserialport,chardev=files,name=ovs.files
)
if [ -n "$interactive" ]; then
	cmd+=(-chardev "stdio,id=con,mux=on,signal=off,logfile=$work/console" -serial chardev:con -mon chardev=con)
	say "booting; end the shell with exit or ^D, kill the VM with ^A x"
else
	cmd+=(-serial "file:$work/console")
fi
