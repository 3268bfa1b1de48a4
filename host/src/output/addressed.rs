//! Commands in messages, made to work where the reader is: with the global options that this call was given.

use std::borrow::Cow;

/// The program's name as it stands in front of a command.
const PROGRAM: &str = "disklessset ";

/// What commands in messages need to be about the same site.
#[derive(Debug, Default)]
pub(crate) struct Address {
    /// The options, such as `--root /srv/site`, quoted for a shell.
    options: String,
    /// The words that a command can begin with: those of the host and the modules.
    words: Vec<String>,
}

impl Address {
    /// The options of this call, and the words that begin a command.
    pub(crate) fn new<'a>(
        options: impl IntoIterator<Item = (&'a str, &'a str)>,
        words: impl IntoIterator<Item = String>,
    ) -> Self {
        let options = options.into_iter().map(|(name, value)| format!("{name} {} ", quoted(value))).collect();
        Self { options, words: words.into_iter().collect() }
    }

    /// The text with the options behind the program's name, wherever a command is named.
    pub(super) fn put_into<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.options.is_empty() || !text.contains(PROGRAM) {
            return Cow::Borrowed(text);
        }
        let mut pieces = text.split(PROGRAM);
        let mut whole = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            whole.push_str(PROGRAM);
            let word = piece.split(|c: char| !(c.is_ascii_alphanumeric() || "-_".contains(c))).next();
            if word.is_some_and(|word| self.words.iter().any(|known| known == word)) {
                whole.push_str(&self.options);
            }
            whole.push_str(piece);
        }
        Cow::Owned(whole)
    }
}

/// A value as it can be typed into a shell.
fn quoted(value: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%=,".contains(c);
    match !value.is_empty() && value.chars().all(plain) {
        true => Cow::Borrowed(value),
        false => Cow::Owned(format!("'{}'", value.replace('\'', r"'\''"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_in_a_message_gets_the_options_of_this_call() {
        let words = ["clean", "livenet"].map(str::to_owned);
        let address = Address::new([("--root", "/srv/a b")], words.clone());
        assert_eq!(address.put_into("disklessset clean web"), "disklessset --root '/srv/a b' clean web");
        let two = "`disklessset livenet unmount a` or `disklessset clean`";
        assert_eq!(
            Address::new([("--root", "/r")], words).put_into(two),
            "`disklessset --root /r livenet unmount a` or `disklessset --root /r clean`"
        );
        assert_eq!(address.put_into("run disklessset as root"), "run disklessset as root");
        assert_eq!(Address::default().put_into("disklessset clean"), "disklessset clean");
    }
}
