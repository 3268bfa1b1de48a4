//! How values of parameters are taken from the command line.

use clap::{
    Arg, Command,
    builder::{PossibleValue, StringValueParser, TypedValueParser},
    error::ErrorKind,
};
use std::ffi::OsStr;

/// Takes any text: values are checked where those of menus and files are checked, so that all three agree. The choices are
/// for help and completion.
#[derive(Clone)]
pub(super) struct Unchecked {
    pub(super) choices: Vec<String>,
}

impl TypedValueParser for Unchecked {
    type Value = String;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> std::result::Result<String, clap::Error> {
        StringValueParser::new().parse_ref(command, arg, value).map_err(|_| {
            let shown = value.to_string_lossy().into_owned();
            command.clone().error(ErrorKind::InvalidUtf8, format!("{shown:?} is not UTF-8 text"))
        })
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        if self.choices.is_empty() {
            return None;
        }
        Some(Box::new(self.choices.iter().map(|choice| PossibleValue::new(choice.clone()))))
    }
}
