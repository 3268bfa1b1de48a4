//! How an error looks: one line that says what, causes below it, then what to do.

use super::{Colour, escape, paint};
use disklessset_plugin_api::Error;

/// The lines of an error.
pub(crate) fn render(error: &Error, colour: Colour) -> String {
    let mut text = format!("{} {}\n", paint("error:", "1;31", colour), block(&error.message));
    for cause in &error.causes {
        text.push_str(&format!("  {} {}\n", paint("because:", "31", colour), block(cause)));
    }
    if let Some(hint) = &error.hint {
        text.push_str(&format!("{} {}\n", paint("hint:", "36", colour), block(hint)));
    }
    text
}

/// Several lines (the last words of a tool) stay several, each further one indented.
fn block(text: &str) -> String {
    escape::lines(text.trim_end()).replace('\n', "\n           ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_below_and_the_hint_is_last() {
        let error = Error::failed("cannot remove image web01")
            .because("still mounted at /x\nby pid 7\u{7}")
            .hint("disklessset livenet unmount web01");
        insta::assert_snapshot!(render(&error, Colour::No), @r"
        error: cannot remove image web01
          because: still mounted at /x
                   by pid 7\u{7}
        hint: disklessset livenet unmount web01
        ");
    }
}
