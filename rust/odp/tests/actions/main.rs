// SPDX-License-Identifier: GPL-2.0

//! Actions are refused and compiled as the C module refuses and copies them.

mod ct;
mod fuzz;
mod nested;
mod plain;
#[path = "../common/random.rs"]
mod random;
mod set;
mod support;
mod tunnel;
mod upcall;
