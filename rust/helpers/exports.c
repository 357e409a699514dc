// SPDX-License-Identifier: GPL-2.0
/*
 * What the modules for kinds of ports use. Rust's names are not those of the C
 * module's functions: its companions do not load beside this module, nor do
 * those of this module beside the C one.
 */

#include <linux/export.h>

#define EXPORT_SYMBOL_RUST_GPL(sym) extern int sym; EXPORT_SYMBOL_GPL(sym)

#include "exports_generated.h"
