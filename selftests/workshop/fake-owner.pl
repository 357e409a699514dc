#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0
#
# fake-owner.pl CMD...: run a command whose calls to change owners and make
# device nodes do nothing and succeed. A seccomp filter answers them, so it
# holds for whatever the command starts, in a chroot or not. Needs perl-base.
use strict;
use warnings;

my $AUDIT_ARCH_X86_64 = 0xc000003e;
my %call = (
	chown => 92, fchown => 93, lchown => 94, fchownat => 260,
	mknod => 133, mknodat => 259,
	setuid => 105, setgid => 106, setreuid => 113, setregid => 114,
	setgroups => 116, setresuid => 117, setresgid => 119,
	setfsuid => 122, setfsgid => 123, capset => 126,
);
my $RET_ALLOW = 0x7fff0000;
my $RET_ERRNO_0 = 0x00050000;

# struct sock_filter: code, jump if true, jump if false, k.
sub insn { return pack('SCCL', @_) }

my @nr = sort { $a <=> $b } values %call;
my $prog = insn(0x20, 0, 0, 4);				# load arch
$prog .= insn(0x15, 0, @nr + 1, $AUDIT_ARCH_X86_64);	# another one: allow
$prog .= insn(0x20, 0, 0, 0);				# load nr
for my $i (0 .. $#nr) {
	$prog .= insn(0x15, @nr - $i, 0, $nr[$i]);	# equal: answer
}
$prog .= insn(0x06, 0, 0, $RET_ALLOW);
$prog .= insn(0x06, 0, 0, $RET_ERRNO_0);

# struct sock_fprog: the length, padding, a pointer.
my $fprog = pack('Sx6P', length($prog) / 8, $prog);
my ($PRCTL, $NO_NEW_PRIVS, $SET_SECCOMP, $MODE_FILTER) = (157, 38, 22, 2);
syscall($PRCTL, $NO_NEW_PRIVS, 1, 0, 0, 0) == 0 or die "no_new_privs: $!\n";
syscall($PRCTL, $SET_SECCOMP, $MODE_FILTER, $fprog, 0, 0) == 0 or die "seccomp: $!\n";
exec { $ARGV[0] } @ARGV or die "$ARGV[0]: $!\n";
