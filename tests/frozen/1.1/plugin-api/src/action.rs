//! Actions and their parameters, declared once.
//!
//! From one [`ActionSpec`] the host makes the menu entry and its questions, the clap subcommand with flags and help,
//! the check of parameters files, and the completion.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What an action is to the image it works on; the host locks, loads and records accordingly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Role {
    /// Makes a new image; the first parameter is its name, which the host adds itself.
    Create,
    /// Changes an existing image; the first parameter is its name, which the host adds itself.
    Change,
    /// Only reads an existing image; the first parameter is its name, which the host adds itself.
    Read,
    /// Only reads, and is about no single image: it takes no image's name (since 1.1).
    Overview,
    /// A role of a newer API: the host refuses the action and says so.
    #[serde(other)]
    Unknown,
}

/// One action of a class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ActionSpec {
    /// The command words, such as `create` or `nodes add`.
    pub words: String,
    /// The menu entry.
    pub label: String,
    /// One imperative sentence for `--help`.
    pub help: String,
    /// What it does to an image.
    pub role: Role,
    /// Whether it hands its terminal to a program (a shell).
    #[serde(default)]
    pub terminal: bool,
    /// Whether the user must confirm it.
    #[serde(default)]
    pub confirm: Option<String>,
    /// Its parameters beside the image's name, in the order the menu asks for them.
    #[serde(default)]
    pub params: Vec<ParamSpec>,
}

impl ActionSpec {
    fn with_role(words: &str, label: &str, role: Role) -> Self {
        Self {
            words: words.to_owned(),
            label: label.to_owned(),
            help: label.to_owned(),
            role,
            terminal: false,
            confirm: None,
            params: Vec::new(),
        }
    }

    /// The action `create NAME`.
    pub fn create(label: &str) -> Self {
        Self::with_role("create", label, Role::Create)
    }

    /// An action that changes an image.
    pub fn change(words: &str, label: &str) -> Self {
        Self::with_role(words, label, Role::Change)
    }

    /// An action that only reads an image.
    pub fn read(words: &str, label: &str) -> Self {
        Self::with_role(words, label, Role::Read)
    }

    /// An action about all images of a class, which reads and takes no image's name.
    pub fn overview(words: &str, label: &str) -> Self {
        Self::with_role(words, label, Role::Overview)
    }

    /// Other command words than `create`, for a module with several classes.
    #[must_use]
    pub fn words(mut self, words: &str) -> Self {
        self.words = words.to_owned();
        self
    }

    /// The help sentence, when the menu entry does not say enough.
    #[must_use]
    pub fn help(mut self, help: &str) -> Self {
        self.help = help.to_owned();
        self
    }

    /// Adds a parameter.
    #[must_use]
    pub fn param(mut self, param: ParamSpec) -> Self {
        self.params.push(param);
        self
    }

    /// The action hands the terminal to a program.
    #[must_use]
    pub fn needs_terminal(mut self) -> Self {
        self.terminal = true;
        self
    }

    /// The action asks for confirmation with this question first.
    #[must_use]
    pub fn confirm(mut self, question: &str) -> Self {
        self.confirm = Some(question.to_owned());
        self
    }
}

/// What a parameter holds. The value a module gets is of the type named here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ParamKind {
    /// Text ([`String`]), of one line or several; other control characters are refused.
    Text,
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// Whether the menu asks for it (rare ones are for flags and files only).
    #[serde(default = "asked")]
    pub asked: bool,
}

fn asked() -> bool {
    true
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
            asked: true,
        }
    }

    /// A required bare word.
    pub fn position(name: &str, kind: ParamKind, help: &str) -> Self {
        Self { placement: Placement::Position, required: true, ..Self::flag(name, kind, help) }
    }

    /// The words after `--`.
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
}
