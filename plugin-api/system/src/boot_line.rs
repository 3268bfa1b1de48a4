//! Words that people write and that boot files hand on to a kernel: what iPXE would read as its own is refused.

/// The most characters of the kernel parameters that a user adds.
pub const LONGEST_PARAMETERS: usize = 1024;

/// Why words cannot stand in a boot file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BootLineError {
    /// iPXE takes a line break for the end of its command.
    #[error("{what} must be one line without control characters")]
    NotOneLine {
        /// What the words are, as a plural noun.
        what: &'static str,
    },
    /// iPXE would replace it by a setting, or begin another command.
    #[error("{what} may not hold {part:?}: the boot loader reads it as its own")]
    BootLoader {
        /// What the words are, as a plural noun.
        what: &'static str,
        /// The part that iPXE reads.
        part: String,
    },
    /// There is a limit.
    #[error("{what} have {found} characters, at most {most} are allowed")]
    TooLong {
        /// What the words are, as a plural noun.
        what: &'static str,
        /// How many bytes there are.
        found: usize,
        /// How many there may be.
        most: usize,
    },
}

/// The words with one blank between two. `what` is a plural noun for messages, `most` the largest number of bytes.
///
/// # Errors
/// Words in which iPXE would find something of its own, and too many of them.
pub fn checked(text: &str, what: &'static str, most: usize) -> Result<String, BootLineError> {
    if text.chars().any(char::is_control) {
        return Err(BootLineError::NotOneLine { what });
    }
    if text.len() > most {
        return Err(BootLineError::TooLong { what, found: text.len(), most });
    }
    let own = |part: &str| Err(BootLineError::BootLoader { what, part: part.to_owned() });
    if text.contains("${") {
        return own("${");
    }
    // iPXE splits lines at these words, and takes a # at the beginning of one for a comment. Blanks of every kind become its blanks below.
    let command = |word: &&str| matches!(*word, "&&" | "||" | ";") || word.starts_with('#');
    if let Some(word) = text.split_whitespace().find(command) {
        return own(word);
    }
    if let Some(mark) = text.chars().find(|mark| matches!(mark, '"' | '\'' | '\\' | '`')) {
        return own(&mark.to_string());
    }
    Ok(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(text: &str) -> Result<String, BootLineError> {
        checked(text, "kernel parameters", LONGEST_PARAMETERS)
    }

    #[test]
    fn plain_words_pass_with_one_blank_between_two() {
        assert_eq!(parameters(" console=ttyS1,115200n8  quiet ").unwrap(), "console=ttyS1,115200n8 quiet");
        assert_eq!(parameters("").unwrap(), "");
    }

    #[test]
    fn what_the_boot_loader_reads_as_its_own_is_refused_in_one_line() {
        for bad in [
            "a\nreboot",
            "a ${net0/mac}",
            "a || shell",
            "a && shell",
            "a ; shell",
            "# x",
            "x=\"a b\"",
            "a\\",
            "a\u{7f}",
            "a #b",
            // A blank that is not one of iPXE's, and becomes one.
            "a\u{3000}#b",
            "a\u{a0}||\u{a0}shell",
        ] {
            let error = parameters(bad).expect_err(bad).to_string();
            assert!(error.starts_with("kernel parameters") && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn the_limit_is_told() {
        let error = parameters(&"x".repeat(LONGEST_PARAMETERS + 1)).unwrap_err();
        assert_eq!(error.to_string(), "kernel parameters have 1025 characters, at most 1024 are allowed");
    }
}
