//! Actions, declared once.
//!
//! From one [`ActionSpec`] the host makes the menu entry and its questions, the clap subcommand with flags and help,
//! the check of parameters files, and the completion.

use crate::ParamSpec;
use serde::{Deserialize, Serialize};

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
    /// Only reads, and is about no single image: it takes no image's name.
    Overview,
    /// A role of a newer API: the host refuses the action and says so.
    #[serde(other)]
    Unknown,
}

/// Whether `disklessset module check` tries an action of existing images.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "when", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Trial {
    /// When it asks for no confirmation.
    #[default]
    Unasked,
    /// Always: the image of a throw-away root may lose what it would ask about.
    Always,
    /// The check does not try it.
    Never {
        /// What speaks against it, for the report of the check.
        why: String,
    },
    /// A word of a newer API: taken for [`Trial::Unasked`].
    #[serde(other)]
    Unknown,
}

/// A program of the server that an action cannot do without.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ToolNeed {
    /// Its name, as in `PATH`.
    pub tool: String,
    /// The parameter and the word for which it is needed, when it is not always: the parameter is the word, or begins with it and a
    /// colon.
    #[serde(default)]
    pub only_for: Option<(String, String)>,
}

/// What must hold between two parameters of an action. It is about what somebody said: a default is not, and neither is a flag that is off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Rule {
    /// One of them, or none.
    Excludes {
        /// A parameter.
        one: String,
        /// The one that it excludes.
        other: String,
    },
    /// The first only together with the second.
    Requires {
        /// A parameter.
        one: String,
        /// The one that it needs.
        other: String,
    },
    /// A rule of a newer API: the host refuses the action and says so.
    #[serde(other)]
    Unknown,
}

impl Rule {
    fn names(&self, name: &str) -> bool {
        match self {
            Self::Excludes { one, other } | Self::Requires { one, other } => one == name || other == name,
            Self::Unknown => false,
        }
    }
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
    /// Whether `module check` tries it.
    #[serde(default)]
    pub trial: Trial,
    /// Programs of the server that it cannot do without.
    #[serde(default)]
    pub needs: Vec<ToolNeed>,
    /// What must hold between its parameters.
    #[serde(default)]
    pub rules: Vec<Rule>,
    /// What is wrong with the declaration itself, such as a refined parameter that is not there: the host refuses the action with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
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
            trial: Trial::default(),
            needs: Vec::new(),
            rules: Vec::new(),
            faults: Vec::new(),
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

    /// Another menu entry. The help sentence stays as it is.
    #[must_use]
    pub fn label(mut self, label: &str) -> Self {
        self.label = label.to_owned();
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

    /// Adds several parameters, such as those that a struct declares ([`crate::Parameters`]).
    #[must_use]
    pub fn params(mut self, params: impl IntoIterator<Item = ParamSpec>) -> Self {
        self.params.extend(params);
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

    /// The action runs this program of the server: without it the action is refused before it begins.
    #[must_use]
    pub fn needs(mut self, tool: &str) -> Self {
        self.needs.push(ToolNeed { tool: tool.to_owned(), only_for: None });
        self
    }

    /// The same for one word of a parameter: `needs_for("dnf", "source", "dnf")`.
    #[must_use]
    pub fn needs_for(mut self, tool: &str, parameter: &str, word: &str) -> Self {
        let only_for = Some((parameter.to_owned(), word.to_owned()));
        self.needs.push(ToolNeed { tool: tool.to_owned(), only_for });
        self
    }

    /// The action does without this program. Of use to a class that refines an action of its base.
    #[must_use]
    pub fn without_need(mut self, tool: &str) -> Self {
        self.needs.retain(|need| need.tool != tool);
        self
    }

    /// Of these two parameters one may be given.
    #[must_use]
    pub fn excludes(mut self, one: &str, other: &str) -> Self {
        self.rules.push(Rule::Excludes { one: one.to_owned(), other: other.to_owned() });
        self
    }

    /// The first of these parameters may be given only together with the second.
    #[must_use]
    pub fn requires(mut self, one: &str, other: &str) -> Self {
        self.rules.push(Rule::Requires { one: one.to_owned(), other: other.to_owned() });
        self
    }

    /// Takes a parameter away, with the rules about it. Of use to a class that refines an action of its base, which then has to do without.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.params.retain(|param| param.name != name);
        self.rules.retain(|rule| !rule.names(name));
        self
    }

    /// Changes a parameter in its place: another default, another help, fewer choices. Without a parameter of that name the action
    /// is refused.
    #[must_use]
    pub fn with(mut self, name: &str, change: impl FnOnce(ParamSpec) -> ParamSpec) -> Self {
        self.must_have(name);
        if let Some(param) = self.params.iter_mut().find(|param| param.name == name) {
            *param = change(param.clone());
        }
        self
    }

    fn must_have(&mut self, name: &str) {
        if !self.params.iter().any(|param| param.name == name) {
            self.faults.push(format!("it has no parameter {name} to refine"));
        }
    }

    /// `module check` tries it although it asks for a confirmation.
    #[must_use]
    pub fn safe_to_try(mut self) -> Self {
        self.trial = Trial::Always;
        self
    }

    /// `module check` does not try it, and says why.
    #[must_use]
    pub fn never_tried(mut self, why: &str) -> Self {
        self.trial = Trial::Never { why: why.to_owned() };
        self
    }
}
