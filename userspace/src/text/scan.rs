// SPDX-License-Identifier: GPL-2.0

//! Reads text from left to right.

use odp::nlattr::NoRoom;

/// A text that is no key or action.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("syntax error at {rest}")]
pub struct SyntaxError {
    /// The text from the part on that is wrong.
    pub rest: String,
}

impl From<NoRoom> for SyntaxError {
    fn from(_: NoRoom) -> Self {
        Self {
            rest: "end of 64 KiB".to_owned(),
        }
    }
}

/// The result of reading text.
pub type Result<T, E = SyntaxError> = std::result::Result<T, E>;

/// What has not been read yet.
#[derive(Clone, Copy, Debug)]
pub struct Scanner<'a> {
    rest: &'a str,
}

impl<'a> Scanner<'a> {
    /// Starts at the beginning of `text`.
    pub const fn new(text: &'a str) -> Self {
        Self { rest: text }
    }

    /// What has not been read yet.
    pub const fn rest(&self) -> &'a str {
        self.rest
    }

    /// Whether everything has been read.
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The error that what comes next is wrong.
    pub fn error(&self) -> SyntaxError {
        SyntaxError {
            rest: self.rest.to_owned(),
        }
    }

    /// Passes over `text` if it comes next, and tells whether it did.
    pub fn eat(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Passes over `text`, which must come next.
    pub fn expect(&mut self, text: &str) -> Result<()> {
        if self.eat(text) {
            Ok(())
        } else {
            Err(self.error())
        }
    }

    /// Passes over what separates fields: commas and blanks.
    pub fn skip_separators(&mut self) {
        self.take_while(|c| matches!(c, ',' | ' ' | '\t' | '\r' | '\n'));
    }

    /// Takes the longest beginning of which each character passes.
    pub fn take_while(&mut self, passes: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !passes(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    /// Whether a number comes next.
    pub fn at_digit(&self) -> bool {
        self.rest.starts_with(|c: char| c.is_ascii_digit())
    }

    /// A number as C writes it: decimal, `0x` hexadecimal or `0` octal.
    pub fn number<T: TryFrom<u128>>(&mut self) -> Result<T> {
        let error = self.error();
        let (radix, digits) = if self.eat("0x") || self.eat("0X") {
            (16, self.take_while(|c| c.is_ascii_hexdigit()))
        } else {
            let digits = self.take_while(|c| c.is_ascii_digit());
            match digits.strip_prefix('0') {
                Some(octal) if !octal.is_empty() => (8, octal),
                _ => (10, digits),
            }
        };
        let number = u128::from_str_radix(digits, radix).map_err(|_| error.clone())?;
        T::try_from(number).map_err(|_| error)
    }

    /// Bytes as pairs of hexadecimal digits.
    pub fn hex(&mut self) -> Result<Vec<u8>> {
        let error = self.error();
        let digits = self.take_while(|c| c.is_ascii_hexdigit());
        if digits.len() % 2 != 0 {
            return Err(error);
        }
        let pair = |at| u8::from_str_radix(&digits[at..at + 2], 16).map_err(|_| error.clone());
        (0..digits.len()).step_by(2).map(pair).collect()
    }

    /// Bytes as a hexadecimal number of at most twice `len` digits; the last byte comes last.
    pub fn hex_number(&mut self, len: usize) -> Result<Vec<u8>> {
        let error = self.error();
        if !self.eat("0x") {
            // A zero needs no prefix.
            self.expect("0")?;
            return Ok(vec![0; len]);
        }
        let digits = self.take_while(|c| c.is_ascii_hexdigit());
        if digits.is_empty() || digits.len() > 2 * len {
            return Err(error);
        }
        Scanner::new(&format!("{digits:0>width$}", width = 2 * len)).hex()
    }

    /// A word: what goes on until a comma, a parenthesis or a blank.
    pub fn word(&mut self) -> &'a str {
        self.take_while(|c| !matches!(c, ',' | '(' | ')' | ' ' | '\t' | '\r' | '\n'))
    }
}
