// SPDX-License-Identifier: GPL-2.0

//! Actions: `action,action(arguments),...`, or `drop` for none.

#[cfg(test)]
mod any;
mod ct;
mod format;
mod parse;
#[cfg(test)]
mod tests;
mod userspace;

pub use format::format;
pub use parse::parse;

/// How deep actions may be nested in a text. The kernel allows less.
const MAX_DEPTH: usize = 64;
