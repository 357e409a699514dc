// SPDX-License-Identifier: GPL-2.0

//! `dpctl`: administers Open vSwitch datapaths.

fn main() {}
