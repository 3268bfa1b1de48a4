//! The date by which the same inputs give the same bytes: `SOURCE_DATE_EPOCH`, seconds since 1970, in the environment of who makes an
//! image. Tools run without that environment, and get it from here.

use disklessset_plugin_api::{Command, Error, Result};

/// The variable, here and for tools.
const VARIABLE: &str = "SOURCE_DATE_EPOCH";
/// The end of the times that squashfs has.
const LAST: i64 = u32::MAX as i64;

/// A date that was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceDate(i64);

impl SourceDate {
    /// The one of the environment; `None` when there is none.
    ///
    /// # Errors
    /// When it is no number of seconds that file times can have.
    pub fn given() -> Result<Option<Self>> {
        match std::env::var_os(VARIABLE) {
            None => Ok(None),
            Some(text) => Self::parse(&text.to_string_lossy()).map(Some),
        }
    }

    fn parse(text: &str) -> Result<Self> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let seconds = text.parse().ok().filter(|seconds| digits && (0..=LAST).contains(seconds));
        seconds.map(Self).ok_or_else(|| {
            Error::usage(format!("{VARIABLE} is {text:?}: it has to be a number of seconds, 0 to {LAST}"))
        })
    }

    /// The day, `YYYY-MM-DD`, in UTC.
    pub fn day(self) -> String {
        // In these bounds every number has a day.
        jiff::Timestamp::from_second(self.0)
            .map_or_else(|_| String::new(), |time| time.strftime("%Y-%m-%d").to_string())
    }

    /// A tool that takes it.
    pub fn hand_to(date: Option<Self>, command: Command) -> Command {
        match date {
            Some(Self(seconds)) => command.env(VARIABLE, seconds.to_string()),
            None => command,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_a_number_of_seconds_that_a_file_can_have() {
        assert_eq!(SourceDate::parse("1700000000").unwrap().day(), "2023-11-14");
        assert_eq!(SourceDate::parse("0").unwrap().day(), "1970-01-01");
        for bad in ["", "-1", "+1", "1.5", "tomorrow", "4294967296", "99999999999999999999"] {
            let error = SourceDate::parse(bad).unwrap_err().to_string();
            assert!(error.contains(&format!("{bad:?}")), "{error}");
        }
    }
}
