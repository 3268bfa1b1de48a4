//! Sources of trees, and addresses of repositories: no login is shown, nothing reaches further than an address.

use crate::{one_line, text};
use disklessset_kit::source::{Address, Repo, Source};

pub(super) fn run(data: &[u8]) {
    let Some(text) = text(data) else { return };
    match text.parse::<Source>() {
        Err(refusal) => one_line(&refusal.to_string()),
        Ok(source) => assert_eq!(source.to_string().parse().as_ref(), Ok(&source)),
    }
    if let Ok(repo) = text.parse::<Repo>() {
        let written = repo.to_string();
        assert!(!written.contains(char::is_control), "{written:?}");
        let again: Repo = written.parse().expect("what is written can be read");
        assert_eq!(again.to_string(), written);
        assert_eq!(again.suite, repo.suite);
    }
    match text.parse::<Address>() {
        Err(refusal) => one_line(&refusal.to_string()),
        Ok(address) => {
            let shown = address.to_string();
            assert!(!shown.contains(|c: char| c.is_control() || c.is_whitespace()), "{shown:?}");
            let authority = shown.split_once("://").and_then(|(_, rest)| rest.split('/').next());
            assert!(!authority.unwrap_or_default().contains('@'), "{shown:?} shows a login");
            assert_eq!(shown.parse::<Address>().map(|again| again.to_string()), Ok(shown));
        }
    }
}
