//! Names that can only be good ones: images and packages.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Why a name is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing at all.
    #[error("{what} is empty")]
    Empty {
        /// What the name was to name.
        what: &'static str,
    },
    /// Longer than a file name should be.
    #[error("{what} has {length} bytes, at most {most} are allowed")]
    TooLong {
        /// What the name was to name.
        what: &'static str,
        /// Bytes found.
        length: usize,
        /// Bytes allowed.
        most: usize,
    },
    /// A first character that would read as an option or a hidden file.
    #[error("{what} {name:?} must start with a letter or a digit")]
    BadStart {
        /// What the name was to name.
        what: &'static str,
        /// The offered name.
        name: String,
    },
    /// A character outside the alphabet.
    #[error("{what} {name:?} has a {bad:?} in it: letters, digits and {allowed} are allowed")]
    BadCharacter {
        /// What the name was to name.
        what: &'static str,
        /// The offered name.
        name: String,
        /// The character.
        bad: char,
        /// What is allowed beside letters and digits.
        allowed: &'static str,
    },
}

/// The one rule behind all names: ASCII letters, digits and a few marks, a letter or digit first.
pub(crate) fn check(
    what: &'static str,
    name: &str,
    marks: &str,
    allowed: &'static str,
    most: usize,
) -> Result<(), NameError> {
    let Some(first) = name.chars().next() else { return Err(NameError::Empty { what }) };
    if name.len() > most {
        return Err(NameError::TooLong { what, length: name.len(), most });
    }
    if let Some(bad) = name.chars().find(|c| !c.is_ascii_alphanumeric() && !marks.contains(*c)) {
        return Err(NameError::BadCharacter { what, name: name.to_owned(), bad, allowed });
    }
    if !first.is_ascii_alphanumeric() {
        return Err(NameError::BadStart { what, name: name.to_owned() });
    }
    Ok(())
}

macro_rules! name_type {
    ($(#[$doc:meta])* $type:ident, $what:literal, $marks:literal, $allowed:literal, $most:literal) => {
        $crate::names::name_type! {
            $(#[$doc])* $type, |name: &str| $crate::names::check($what, name, $marks, $allowed, $most)
        }
    };
    ($(#[$doc:meta])* $type:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(String);

        impl $type {
            /// Parses a name, refusing everything that breaks the rule.
            ///
            /// # Errors
            /// [`NameError`] with the rule that was broken.
            pub fn parse(name: &str) -> Result<Self, NameError> {
                ($check)(name)?;
                Ok(Self(name.to_owned()))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $type {
            type Err = NameError;
            fn from_str(s: &str) -> Result<Self, NameError> {
                Self::parse(s)
            }
        }

        impl TryFrom<String> for $type {
            type Error = NameError;
            fn try_from(s: String) -> Result<Self, NameError> {
                Self::parse(&s)
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> String {
                name.0
            }
        }

        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}
pub(crate) use name_type;

name_type! {
    /// The name of an image: letters, digits, `. _ + -`, a letter or digit first, at most 128 bytes.
    ///
    /// It is also the name of the image's directories, which is why nothing else is let in.
    ImageName, "the image name", "._+-", ". _ + -", 128
}

name_type! {
    /// What a package manager is told to install, a group (`@core`) excepted. Beside names with architectures, versions and suites
    /// (`libc6:i386`, `vim=2:9.0`, `bash/stable`, `car-3.0^git1`): capabilities (`perl(Foo::Bar)`, also with a version behind a comparison in
    /// blanks), paths (`/usr/bin/vim`), streams of modules (`nodejs:18/common`) and patterns (`glibc-langpack-*`). Never an option, nor more
    /// than one of them. At most 255 bytes.
    PackageName, check_package
}

/// What a package may begin with beside letters and digits: a path, a pattern, a group of environments.
const PACKAGE_STARTS: &str = "/*?[~^";
const PACKAGE_MARKS: &str = "._+-:~@=^()/*?[]";

fn check_package(name: &str) -> Result<(), NameError> {
    let what = "the package name";
    let part = |part: &str| {
        let Some(first) = part.chars().next() else { return Err(NameError::Empty { what }) };
        if let Some(bad) = part.chars().find(|c| !c.is_ascii_alphanumeric() && !PACKAGE_MARKS.contains(*c)) {
            let allowed = ". _ + - : ~ @ = ^ ( ) / * ? [ ]";
            return Err(NameError::BadCharacter { what, name: name.to_owned(), bad, allowed });
        }
        if !first.is_ascii_alphanumeric() && !PACKAGE_STARTS.contains(first) {
            return Err(NameError::BadStart { what, name: name.to_owned() });
        }
        Ok(())
    };
    if name.len() > 255 {
        return Err(NameError::TooLong { what, length: name.len(), most: 255 });
    }
    match name.split(' ').collect::<Vec<_>>()[..] {
        [capability, "<" | "<=" | "=" | ">=" | ">", version] => part(capability).and_then(|()| part(version)),
        _ => part(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_names_are_kept_exactly() {
        for name in ["web01", "007", "1e3", "yes", "a.b_c+d-e", &"x".repeat(128)] {
            assert_eq!(ImageName::parse(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn packages_are_what_package_managers_take_and_never_options() {
        for name in [
            "car-3.0^git1",
            "perl(Foo::Bar)",
            "perl(Foo) >= 1:2.0",
            "libc.so.6(GLIBC_2.34)(64bit)",
            "/usr/bin/vim",
            "nodejs:18/common",
            "idm:DL1/server",
            "^minimal-environment",
            "glibc-langpack-*",
            "libc6:i386",
            "vim=2:9.0~rc1+b1",
            "bash/stable",
            "?installed",
        ] {
            assert_eq!(PackageName::parse(name).unwrap().as_str(), name);
        }
        for bad in [
            "",
            "-x",
            "--nogpgcheck",
            ".",
            "..",
            "../x.rpm",
            "a b",
            "a >= -x",
            "a >= ",
            "vim;id",
            "$(id)",
            "`id`",
            "a|b",
            "a,b",
            "a\nb",
            "a'b",
            "(a or b)",
            "@x",
            "=1",
            &"x".repeat(256),
        ] {
            let error = PackageName::parse(bad).expect_err(bad).to_string();
            assert!(!error.contains('\n'), "{error:?}");
        }
    }

    #[test]
    fn bad_names_are_refused_with_the_reason() {
        for (name, reason) in [
            ("", "is empty"),
            ("..", "must start with"),
            ("../x", "'/'"),
            ("a b", "' '"),
            (";id", "';'"),
            ("a\nb", "'\\n'"),
            ("-x", "must start with"),
            (".hidden", "must start with"),
            ("é", "'é'"),
            (&"x".repeat(129), "129 bytes"),
        ] {
            let error = ImageName::parse(name).unwrap_err().to_string();
            assert!(error.contains(reason), "{name:?}: {error}");
            assert!(!error.contains('\n'), "one line: {error:?}");
        }
    }
}
