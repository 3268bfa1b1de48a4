//! Parameters of actions: what they hold, where they stand on the command line, what they are when nothing is given.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a parameter holds. The value a module gets is of the type named here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ParamKind {
    /// Where an OS tree comes from ([`String`]): a source that the class itself reads, or the name of one that a module brings
    /// ([`crate::TreeSource`]). The host adds the parameters of the latter to the action.
    Source,
    /// Text ([`String`]), of one line or several; other control characters are refused.
    Text,
    /// Text of one line ([`String`]) with a rule.
    Matching {
        /// A regular expression that the whole text must match (without look-around and back references).
        pattern: String,
        /// What such a text is, for help and refusals: `a MAC address`.
        meaning: String,
    },
    /// Nodes by name, such as `c[001-100],login1` ([`crate::node_set::NodeSet`], or a [`String`]): at least one.
    NodeSet,
    /// The name of one node ([`crate::node_set::NodeName`], or a [`String`]).
    Node,
    /// A whole number ([`i64`]).
    Integer {
        /// The least allowed.
        min: i64,
        /// The most allowed.
        max: i64,
    },
    /// A [`crate::Size`], or [`crate::SizeOrAuto`] when `auto` is allowed. Bounds in mebibytes.
    Size {
        /// The least allowed, in mebibytes.
        min: u64,
        /// The most allowed, in mebibytes.
        max: u64,
        /// Whether the word `auto` is a value.
        auto: bool,
    },
    /// Yes or no ([`bool`]).
    Flag,
    /// One of several words ([`String`]).
    Choice {
        /// The words as the command line has them.
        choices: Vec<String>,
    },
    /// Something never shown, logged or passed on a command line ([`String`]); on the command line the flag names a
    /// file that holds it (`--NAME-file`, `-` for standard input).
    Secret,
    /// A [`crate::KernelVersion`] that has an initramfs, or the word `from-image`.
    Kernel {
        /// Whether `from-image` is a value: take the kernel that the OS tree brings.
        from_image: bool,
    },
    /// The same for a class that boots a kernel without its initramfs: one that has none will do.
    KernelAlone {
        /// Whether `from-image` is a value: take the kernel that the OS tree brings.
        from_image: bool,
    },
    /// The name of an existing image ([`crate::ImageName`]) of a class (any class when empty).
    Image {
        /// The class.
        class: String,
    },
    /// A path of the server ([`String`]), made absolute by the host.
    Path,
    /// Package names ([`crate::PackageName`]), repeated.
    Package,
    /// The words of a command after `--` ([`Vec`] of [`String`]).
    Command,
    /// A kind of a newer API: the host refuses the action and says so.
    #[serde(other)]
    Unknown,
}

/// Where a parameter stands on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Placement {
    /// `--name VALUE`.
    Flag,
    /// A bare word, in the order of declaration.
    Position,
    /// All words after `--`.
    Trailing,
    /// Only in menus and parameters files.
    #[serde(other)]
    Nowhere,
}

/// One parameter of an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ParamSpec {
    /// The name in parameters files, such as `livenet_size`.
    pub name: String,
    /// The flag without dashes (`size`); for positions the word shown in usage lines.
    pub flag: String,
    /// Where it stands.
    pub placement: Placement,
    /// What it holds.
    pub kind: ParamKind,
    /// One sentence for help and the menu.
    pub help: String,
    /// The value when nothing is given.
    #[serde(default)]
    pub default: Option<Value>,
    /// Whether something must be given.
    #[serde(default)]
    pub required: bool,
    /// Whether it may be given several times; the value is then a list.
    #[serde(default)]
    pub repeated: bool,
    /// A value to try the class with, for `module check`.
    #[serde(default)]
    pub sample: Option<Value>,
    /// Another parameter and its word for which this one means something, when it does not always: the parameter is the word, or begins
    /// with it and a colon. For other words it is not asked for, must not be given and has no default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only_for: Option<(String, String)>,
    /// Whether the menu asks for it (rare ones are for flags and files only).
    #[serde(default = "asked")]
    pub asked: bool,
}

fn asked() -> bool {
    true
}

/// Whether a value is a word, or begins with it and a colon.
fn is_word(value: &str, word: &str) -> bool {
    value.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
}

impl ParamKind {
    /// Text that must match a regular expression as a whole; `meaning` says what it is.
    pub fn matching(pattern: &str, meaning: &str) -> Self {
        Self::Matching { pattern: pattern.to_owned(), meaning: meaning.to_owned() }
    }
}

impl ParamSpec {
    /// An optional parameter given as a flag of the same name (underscores become dashes).
    pub fn flag(name: &str, kind: ParamKind, help: &str) -> Self {
        let repeated = matches!(kind, ParamKind::Package);
        Self {
            name: name.to_owned(),
            flag: name.replace('_', "-"),
            placement: Placement::Flag,
            kind,
            help: help.to_owned(),
            default: None,
            required: false,
            repeated,
            sample: None,
            only_for: None,
            asked: true,
        }
    }

    /// A required bare word.
    pub fn position(name: &str, kind: ParamKind, help: &str) -> Self {
        Self { placement: Placement::Position, required: true, ..Self::flag(name, kind, help) }
    }

    /// The words after `--`: a command that the action runs for the user. When it ends with an exit code other than 0, the action
    /// answers `{"exit_code": CODE}`, and the host ends with that code.
    pub fn trailing(name: &str, help: &str) -> Self {
        Self { placement: Placement::Trailing, required: true, ..Self::flag(name, ParamKind::Command, help) }
    }

    /// Another flag than the name.
    #[must_use]
    pub fn as_flag(mut self, flag: &str) -> Self {
        self.flag = flag.to_owned();
        self
    }

    /// The value when nothing is given.
    #[must_use]
    pub fn default(mut self, value: impl Into<Value>) -> Self {
        self.default = Some(value.into());
        self
    }

    /// Something must be given.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// May be given several times.
    #[must_use]
    pub fn repeated(mut self) -> Self {
        self.repeated = true;
        self
    }

    /// A value for `module check`.
    #[must_use]
    pub fn sample(mut self, value: impl Into<Value>) -> Self {
        self.sample = Some(value.into());
        self
    }

    /// The menu does not ask for it.
    #[must_use]
    pub fn not_asked(mut self) -> Self {
        self.asked = false;
        self
    }

    /// It means something for one word of another parameter alone: `only_for("source", "dnf")`.
    #[must_use]
    pub fn only_for(mut self, parameter: &str, word: &str) -> Self {
        self.only_for = Some((parameter.to_owned(), word.to_owned()));
        self
    }

    /// Whether it means something beside the word that another parameter holds, which `chosen` tells.
    pub fn applies(&self, chosen: impl FnOnce(&str) -> Option<String>) -> bool {
        self.only_for
            .as_ref()
            .is_none_or(|(parameter, word)| chosen(parameter).is_some_and(|held| is_word(&held, word)))
    }

    /// Something may be given. Of use to a class that refines a parameter of its base.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.required = false;
        self
    }

    /// Another sentence for help and the menu.
    #[must_use]
    pub fn help(mut self, help: &str) -> Self {
        self.help = help.to_owned();
        self
    }

    /// Holds something else, such as fewer choices or narrower bounds.
    #[must_use]
    pub fn kind(mut self, kind: ParamKind) -> Self {
        self.kind = kind;
        self
    }
}
