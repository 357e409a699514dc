// SPDX-License-Identifier: GPL-2.0

//! What commands print with `--json`.

use crate::context::{
    Context,
    Outcome,
    Stop, //
};
use serde::Serialize;

/// An array that is printed element by element, one on each line.
#[derive(Debug)]
pub(crate) struct List {
    empty: bool,
}

impl List {
    /// Begins an array.
    pub(crate) fn begin(context: &mut Context) -> Outcome<Self> {
        write!(context, "[")?;
        Ok(Self { empty: true })
    }

    /// Prints an element.
    pub(crate) fn push(&mut self, context: &mut Context, value: &impl Serialize) -> Outcome {
        let before = if self.empty { "" } else { "," };
        self.empty = false;
        write!(context, "{before}\n{}", encode(value)?)
    }

    /// Ends the array.
    pub(crate) fn end(self, context: &mut Context) -> Outcome {
        writeln!(context, "{}]", if self.empty { "" } else { "\n" })
    }
}

/// Prints a value on a line of its own.
pub(crate) fn print(context: &mut Context, value: &impl Serialize) -> Outcome {
    writeln!(context, "{}", encode(value)?)
}

/// Prints an array.
pub(crate) fn print_all<T: Serialize>(
    context: &mut Context,
    values: impl IntoIterator<Item = T>,
) -> Outcome {
    let mut list = List::begin(context)?;
    for value in values {
        list.push(context, &value)?;
    }
    list.end(context)
}

fn encode(value: &impl Serialize) -> Outcome<String> {
    serde_json::to_string(value).map_err(|error| Stop::Output(error.into()))
}
