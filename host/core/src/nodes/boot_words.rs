//! Words that people write and that boot files hand on: kernel parameters, and the values of variables.

use super::settings::is_taken;
use disklessset_system::boot_line::{self, BootLineError};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Why a text cannot stand in a boot file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BootWordsError {
    /// The boot loader would read them as its own, or they are too many.
    #[error(transparent)]
    Line(#[from] BootLineError),
    /// No name of a variable.
    #[error("{name:?} is not the name of a variable: it {fault}")]
    Name {
        /// The name, shortened when it is long.
        name: String,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// A variable has a value.
    #[error("the value of a variable cannot be empty")]
    NoValue,
}

macro_rules! text_type {
    ($name:ident) => {
        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = BootWordsError;

            fn try_from(text: String) -> Result<Self, BootWordsError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> Self {
                text.0.into()
            }
        }
    };
}

/// More kernel parameters, of a pool or a node: one line that the boot loader hands on as it is. It may be empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KernelParameters(Box<str>);

text_type!(KernelParameters);

impl KernelParameters {
    /// The most characters of them.
    pub const LONGEST: usize = boot_line::LONGEST_PARAMETERS;

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromStr for KernelParameters {
    type Err = BootWordsError;

    fn from_str(text: &str) -> Result<Self, BootWordsError> {
        Ok(Self(boot_line::checked(text, "kernel parameters", Self::LONGEST)?.into()))
    }
}

/// The name of a variable of a node, which becomes a setting of iPXE: letters, digits and `-`, and none that iPXE or we have already.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VariableName(Box<str>);

text_type!(VariableName);

impl FromStr for VariableName {
    type Err = BootWordsError;

    fn from_str(text: &str) -> Result<Self, BootWordsError> {
        let solid = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
        let fault = match text {
            "" => "is empty",
            _ if text.len() > 64 => "is longer than 64 characters",
            _ if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') => {
                "has something else in it than letters, digits and -"
            }
            _ if !text.starts_with(|c: char| c.is_ascii_alphabetic()) || !solid(text.bytes().last()) => {
                "does not begin with a letter and end with a letter or digit"
            }
            _ if is_taken(text) => "is a setting that iPXE or disklessset uses",
            _ => return Ok(Self(text.into())),
        };
        Err(BootWordsError::Name { name: text.chars().take(80).collect(), fault })
    }
}

/// The value of a variable of a node. Anybody in the network can read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VariableValue(Box<str>);

text_type!(VariableValue);

impl FromStr for VariableValue {
    type Err = BootWordsError;

    fn from_str(text: &str) -> Result<Self, BootWordsError> {
        let value = boot_line::checked(text, "values of variables", 512)?;
        if value.is_empty() { Err(BootWordsError::NoValue) } else { Ok(Self(value.into())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Some of what the boot loader reads as its own; `boot_line` has the rest.
    const TRICKS: [&str; 4] = ["a\nreboot", "a ${net0/mac}", "a || shell", "a\u{3000}#b"];

    #[test]
    fn kernel_parameters_are_one_line_of_plain_words() {
        let kept = |text: &str| text.parse::<KernelParameters>().unwrap().to_string();
        assert_eq!(kept(" console=ttyS1,115200n8  quiet "), "console=ttyS1,115200n8 quiet");
        assert_eq!(kept(""), "");
        for bad in TRICKS {
            let error = bad.parse::<KernelParameters>().expect_err(bad).to_string();
            assert!(error.starts_with("kernel parameters") && !error.contains('\n'), "{error}");
        }
        assert!("x".repeat(1025).parse::<KernelParameters>().is_err());
    }

    #[test]
    fn values_of_variables_are_the_same_and_never_empty() {
        assert_eq!("rack 12".parse::<VariableValue>().unwrap().as_str(), "rack 12");
        for bad in TRICKS.into_iter().chain(["", " "]) {
            assert!(!bad.parse::<VariableValue>().expect_err(bad).to_string().contains('\n'));
        }
    }

    #[test]
    fn names_of_variables_are_settings_that_nobody_has() {
        for good in ["rack", "eq-console", "Row7", "x"] {
            assert_eq!(good.parse::<VariableName>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            "7",
            "-x",
            "x-",
            "a.b",
            "a/b",
            "a_b",
            "a b",
            "next-server",
            "NEXT-SERVER",
            "filename",
            "hostname",
            "net0",
            "netX",
            "diskless-base",
            "dedicated-kernel-parameters",
            "é",
        ] {
            let error = bad.parse::<VariableName>().expect_err(bad).to_string();
            assert!(error.contains("is not the name of a variable") && !error.contains('\n'), "{error}");
        }
    }
}
