# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2054,SC2154	# for boot.sh; commas
#
# Part of boot.sh: what starts the VM as User Mode Linux, a process of the host.
# Its console is the standard output, its first serial line file descriptor 3;
# files go through hostfs. The initrd is at the end of memory, and stays there: the kernel
# reads whole words for a checksum, and there is nothing behind the last page.
ulimit -c 0
read -ra words <<<"${interactive:+quiet} $append"
cmd=("$OVS_CHECKED/linux" "mem=${memory}M" "ncpus=${OVS_CPUS:-1}" seccomp=auto "umid=ovs-$$" "uml_dir=$work/"
	"ubd0r=$image" "initrd=$work/initrd" retain_initrd noreboot panic=-1 oops=panic
	con=null ssl=null con0=fd:0,fd:1 "${words[@]}")
if [ -n "$interactive" ]; then
	say "booting; end the shell with exit or ^D"
else
	cmd+=(ssl0=null,fd:3)
fi
