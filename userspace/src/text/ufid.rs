// SPDX-License-Identifier: GPL-2.0

//! Flow ids: `ufid:` and a UUID.

use super::scan::{
    Result,
    Scanner, //
};
use crate::client::Ufid;

/// Reads an id if one comes next.
pub fn parse(scanner: &mut Scanner<'_>) -> Result<Option<Ufid>> {
    if !scanner.eat("ufid:") {
        return Ok(None);
    }
    let error = scanner.error();
    let mut digits = String::new();
    for (place, len) in [8, 4, 4, 4, 12].into_iter().enumerate() {
        if place > 0 && !scanner.eat("-") {
            return Err(error);
        }
        let part = scanner.take_while(|c| c.is_ascii_hexdigit());
        if part.len() != len {
            return Err(error);
        }
        digits.push_str(part);
    }
    let mut words = [0; 4];
    for (word, at) in words.iter_mut().zip((0..).step_by(8)) {
        *word = u32::from_str_radix(&digits[at..at + 8], 16).map_err(|_| error.clone())?;
    }
    Ok(Some(Ufid::from_words(words)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back() {
        let text = "ufid:12345678-9abc-def0-1122-334455667788,eth()";
        let mut scanner = Scanner::new(text);
        let ufid = parse(&mut scanner).unwrap().unwrap();
        assert_eq!(
            ufid.words(),
            [0x1234_5678, 0x9abc_def0, 0x1122_3344, 0x5566_7788]
        );
        assert_eq!(format!("ufid:{ufid}{}", scanner.rest()), text);
    }

    #[test]
    fn what_is_no_id_is_refused() {
        assert_eq!(parse(&mut Scanner::new("eth()")), Ok(None));
        for text in [
            "ufid:",
            "ufid:1-2-3-4-5",
            "ufid:12345678-9abc-def0-1122-33445566778",
        ] {
            parse(&mut Scanner::new(text)).unwrap_err();
        }
    }
}
