// SPDX-License-Identifier: GPL-2.0
/*
 * C helpers: what Rust cannot call directly, because it is an inline function
 * or a macro.
 *
 * With GCC each helper is an out-of-line call. On the path of a packet they are
 * coarse: one for a step, none for the field of a struct, which Rust reads and
 * writes through the bindings. One file for each header or family of headers.
 */

#include <linux/compiler_types.h>

#include "conntrack.c"
#include "fragment.c"
#include "mm.c"
#include "net.c"
#include "netdevice.c"
#include "netlink.c"
#include "percpu.c"
#include "psample.c"
#include "rtnetlink.c"
#include "skbuff.c"
#include "sync.c"
#include "tc.c"
#include "trace.c"
#include "tunnel.c"
#include "module.c"
