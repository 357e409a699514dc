#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# install.sh install BIN | uninstall: put the programs that are in the directory
# BIN, their manual pages and completions and a systemd unit into PREFIX, or take
# them out again. DESTDIR= is put before all paths.
set -euo pipefail
here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")

prefix=${PREFIX:-/usr/local}
root=${DESTDIR-}$prefix
programs=(dpctl ovs-upcalld)
man=$root/share/man/man8
units=$root/lib/systemd/system unit=ovs-upcalld@.service
completions=(bash-completion/completions/dpctl zsh/site-functions/_dpctl fish/vendor_completions.d/dpctl.fish)

# shell_of PLACE: the shell whose completions are there.
shell_of() {
	case $1 in
	bash-*) echo bash ;;
	zsh/*) echo zsh ;;
	*) echo fish ;;
	esac
}

case ${1-} in
install)
	bin=${2:?install.sh: where are the programs?}
	install -D -t "$root/bin" "${programs[@]/#/$bin/}"
	mkdir -p "$man" "$units"
	# From the definitions of their command lines; man(8) and shells find them there.
	"$bin/dpctl" manual >"$man/dpctl.8"
	"$bin/ovs-upcalld" --manual >"$man/ovs-upcalld.8"
	for f in "${completions[@]}"; do
		mkdir -p "$root/share/${f%/*}"
		"$bin/dpctl" completions "$(shell_of "$f")" >"$root/share/$f"
	done
	sed "s|@PREFIX@|$prefix|" "$here/systemd/$unit.in" >"$units/$unit"
	echo "installed ${programs[*]} in $root/bin, manual pages and completions in $root/share, $unit in $units"
	;;
uninstall)
	rm -f "${programs[@]/#/$root/bin/}"
	for f in "${programs[@]}"; do
		rm -f "$man/$f.8"
	done
	rm -f "${completions[@]/#/$root/share/}" "$units/$unit"
	;;
*)
	echo "install.sh: install or uninstall?" >&2
	exit 1
	;;
esac
