// SPDX-License-Identifier: GPL-2.0

//! The classifier against simpler ideas of what it does.

#[allow(dead_code, reason = "a part is for the benchmark alone")]
mod host;
mod model;
mod parts;
mod stress;
