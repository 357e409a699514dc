// SPDX-License-Identifier: GPL-2.0

//! The manual page: its text, with the options from their definitions.

use crate::args::Arguments;
use clap::CommandFactory;
use clap_mangen::Man;
use std::io;

/// The page, and the line of it that the options take the place of.
const PAGE: &str = include_str!("../../../man/ovs-upcalld.8.in");
const OPTIONS: &str = "@OPTIONS@\n";

/// The page as roff.
pub(crate) fn page() -> io::Result<String> {
    let mut options = Vec::new();
    // The positional argument is told of in the text, and its options have a title there.
    let command = Arguments::command().mut_arg("datapath", |arg| arg.hide(true));
    Man::new(command).render_options_section(&mut options)?;
    Ok(PAGE.replace(OPTIONS, &String::from_utf8_lossy(&options)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_knows_all_options() {
        let page = page().unwrap();
        assert!(!page.contains('@') || !page.contains(OPTIONS));
        for arg in Arguments::command().get_arguments() {
            let Some(long) = arg.get_long() else { continue };
            let long = long.replace('-', "\\-");
            assert!(page.contains(&format!("\\-\\-{long}")), "{long}");
        }
    }
}
