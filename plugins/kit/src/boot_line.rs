//! Kernel parameters that a user adds to the boot file of an image.

use disklessset_plugin_api::Error;

/// What has an initramfs bring the network up. Without an `ip=` dracut asks for an address by DHCP, on every interface; with one of ours beside the
/// `ip=` of the site's own parameters it would not boot at all.
pub const NETWORK: &str = "rd.neednet=1";

/// Why kernel parameters are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParametersError {
    /// iPXE would read a line break as the end of its command.
    #[error("kernel parameters must be one line without control characters")]
    NotOneLine,
    /// iPXE would replace it by a setting, or start another command.
    #[error("kernel parameters may not hold {0:?}: the boot loader reads it as its own")]
    BootLoader(String),
    /// The kernel reads no more.
    #[error("kernel parameters have {0} characters, at most 1024 are allowed")]
    TooLong(usize),
}

impl From<ParametersError> for Error {
    fn from(error: ParametersError) -> Self {
        Self::usage(error.to_string())
    }
}

/// Checks kernel parameters: one line that the boot loader hands on as it is.
///
/// # Errors
/// Names what is wrong.
pub fn check(parameters: &str) -> Result<String, ParametersError> {
    if parameters.chars().any(char::is_control) {
        return Err(ParametersError::NotOneLine);
    }
    if parameters.len() > 1024 {
        return Err(ParametersError::TooLong(parameters.len()));
    }
    if parameters.contains("${") {
        return Err(ParametersError::BootLoader("${".to_owned()));
    }
    // iPXE splits lines at these words, treats a leading # as a comment and quotes, escapes as a shell does.
    let own = |word: &&str| matches!(*word, "&&" | "||" | ";") || word.starts_with('#');
    if let Some(word) = parameters.split_whitespace().find(own) {
        return Err(ParametersError::BootLoader(word.to_owned()));
    }
    if let Some(mark) = parameters.chars().find(|c| matches!(c, '"' | '\'' | '\\' | '`')) {
        return Err(ParametersError::BootLoader(mark.to_string()));
    }
    Ok(parameters.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_parameters_pass_and_tricks_do_not() {
        assert_eq!(check(" console=ttyS1,115200n8  quiet ").unwrap(), "console=ttyS1,115200n8 quiet");
        assert_eq!(check("").unwrap(), "");
        for bad in
            ["a\nreboot", "a ${net0/mac}", "a || shell", "a && shell", "a ; shell", "# x", "x=\"a b\"", "a\\"]
        {
            assert!(check(bad).is_err(), "{bad:?}");
        }
        assert!(check(&"x".repeat(1025)).is_err());
    }
}
