// SPDX-License-Identifier: GPL-2.0

//! Colours for flows on a terminal.

use anstyle::{
    AnsiColor,
    Style, //
};

const FIELD: Style = AnsiColor::Cyan.on_default();
const ACTIONS: Style = AnsiColor::Green.on_default();
const DROP: Style = AnsiColor::Red.on_default();

/// A flow as `dump-flows` writes it, with the names of its fields, its actions and drops in
/// colours.
pub(crate) fn paint(line: &str) -> String {
    let mut out = String::with_capacity(line.len() * 2);
    let (key, actions) = match line.rsplit_once(", actions:") {
        Some((key, actions)) => (key, Some(actions)),
        None => (line, None),
    };
    paint_fields(&mut out, key);
    if let Some(actions) = actions {
        let style = if actions == "drop" { DROP } else { ACTIONS };
        out.push_str(&format!(", actions:{style}{actions}{style:#}"));
    }
    out
}

/// Colours the words before parentheses.
fn paint_fields(out: &mut String, key: &str) {
    let mut parts = key.split('(').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            out.push_str(part);
            break;
        }
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let start = part.rfind(|c| !is_name(c)).map_or(0, |at| at + 1);
        let (before, name) = part.split_at(start);
        out.push_str(&format!("{before}{FIELD}{name}{FIELD:#}("));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_colours_are_added() {
        let line = "in_port(1),eth(src=00:00:00:00:00:01),encap(eth_type(0x0800)), packets:0, \
                    bytes:0, used:never, actions:set(eth(src=00:00:00:00:00:02)),2";
        let painted = paint(line);
        assert!(painted.starts_with("\u{1b}[36min_port\u{1b}[0m(1),\u{1b}[36meth\u{1b}[0m("));
        let mut plain = painted;
        for code in ["\u{1b}[36m", "\u{1b}[32m", "\u{1b}[31m", "\u{1b}[0m"] {
            plain = plain.replace(code, "");
        }
        assert_eq!(plain, line);
    }
}
