# SPDX-License-Identifier: GPL-2.0
#
# openvswitch-rs: `make help` tells what there is.
#
# Everything is built in a Debian root of its own, against Debian's Rust-enabled
# kernel, and kept in a cache outside this checkout: see selftests/README.md.
# With KDIR= the modules are built against that tree with the host's own tools.

WS := selftests/workshop
IN := $(WS)/enter.sh $(WS)/build.sh

KDIR ?=
TESTS ?=
CMD ?=
DESTDIR ?=
PREFIX ?= /usr/local

export KVER TESTS CMD V OVS_CACHE OVS_MIRROR OVS_ACCEL CASES BOOTS REPS QUICK OUT FUZZ_SECONDS SEED

.DEFAULT_GOAL := all
.NOTPARALLEL:

all: modules userspace ## modules and userspace (the default)

ifeq ($(KDIR),)
modules: kdir ## the kernel modules; KDIR= builds against a prepared tree
	@$(WS)/make.sh modules

userspace: kdir ## dpctl and ovs-upcalld
	@$(WS)/make.sh userspace
else
modules:
	+@mkdir -p build
	+@$(MAKE) -C $(abspath $(KDIR)) M=$(CURDIR) MO=$(CURDIR)/build modules

userspace:
	@cargo build --locked --release --manifest-path userspace/Cargo.toml --target-dir build/target
endif

demo: setup ## the main job: packets through the Rust datapath, in a VM
	@$(WS)/demo.sh

check: ## all tests; TESTS=pattern chooses among them
	@selftests/run.sh

fuzz: kdir ## random tests of parsers, each for FUZZ_SECONDS=60
	@$(WS)/fuzz.sh

check-debug: ## the VM's tests on a kernel with KASAN, lockdep, kmemleak, failing allocations
	@selftests/debug/run.sh

vm: setup ## a shell in a VM with the module loaded; CMD='...' runs that instead
	@$(WS)/vm.sh

bench: ## C and Rust in one boot of User Mode Linux: a table, JSON, a chart
	@selftests/bench/bench.sh

bench-instructions: ## instructions of a packet, C and Rust, in the packaged kernel in a VM
	@selftests/bench/instructions.sh

setup: ## only fetch and make what builds and tests need
	@$(WS)/setup.sh

kdir: ## only what builds need: the build root and the prepared kernel tree
	@$(WS)/setup.sh kernel

update: ## the same, with the newest kernel of the series that the archive has
	@$(WS)/root.sh
	@$(WS)/enter.sh $(WS)/kernel.sh --update

clippy fmt fmt-check lint: kdir
	@$(IN) $@

clippy: ## lints over all Rust code
fmt: ## format all Rust code (fmt-check: only tell)
lint: ## shellcheck over the scripts

layering: ## check that layers are used downwards only
	@selftests/lint/layering.sh

install: ## on a real host: install over the stock modules, for the running kernel
	@KDIR=$(KDIR) DESTDIR=$(DESTDIR) PREFIX=$(PREFIX) $(WS)/install.sh install

uninstall: ## give the stock modules back
	@KDIR=$(KDIR) DESTDIR=$(DESTDIR) PREFIX=$(PREFIX) $(WS)/install.sh uninstall

clean: ## remove what was built from this checkout (not the cache's roots)
	@rm -rf build
	@$(WS)/make.sh clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20
	@echo
	@echo "  KDIR=DIR  KVER=RELEASE  TESTS=PATTERN  V=1  OVS_CACHE=DIR  OVS_MIRROR=URI"

.PHONY: all modules userspace demo check check-debug fuzz vm bench bench-instructions setup kdir update clippy fmt \
	fmt-check lint layering install uninstall clean help
