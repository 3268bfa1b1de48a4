//! The commands of a document, to be run as they are written.
//!
//! Every fenced block a reader could type (`console`, `sh`, `bash`) says in a comment on the line before it what a
//! test does with it:
//! - `<!-- test: run -->`: run in every test run
//! - `<!-- test: full -->`: run by `cargo xtask test --full` (takes long)
//! - `<!-- test: not run: REASON -->`: cannot be run, and why
//!
//! Blocks of one document are run in order, in one place, so that a later one may use what an earlier one made.
//! In a `console` block lines that start with `# ` or `$ ` are commands (as root, as anybody); the others show what
//! is printed. An `sh` block is all commands.

/// What a test does with a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum When {
    /// Run it always.
    Always,
    /// Run it with `--full`.
    Full,
    /// Never run it, for this reason.
    Never(String),
}

/// One block of commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Line number of its first command, from 1.
    pub line: usize,
    /// What a test does with it.
    pub when: When,
    /// Its commands, as they are written, without prompts.
    pub commands: Vec<String>,
}

/// A block that cannot be understood.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unclear {
    /// A block of commands has no comment before it.
    #[error("line {0}: no `<!-- test: ... -->` on the line before this block of commands")]
    NoMarker(usize),
    /// A comment says something else than the three forms.
    #[error("line {line}: `{marker}` is not one of: run, full, not run: REASON")]
    Marker {
        /// Line number of the comment.
        line: usize,
        /// What it says.
        marker: String,
    },
    /// A block begins and does not end.
    #[error("line {0}: this block does not end")]
    Open(usize),
    /// A block has no command in it.
    #[error("line {0}: no command in this block (in a console block they start with `# ` or `$ `)")]
    Empty(usize),
}

/// Finds the blocks of commands in a Markdown text.
pub fn blocks(markdown: &str) -> Result<Vec<Block>, Unclear> {
    let mut found = Vec::new();
    let mut lines = markdown.lines().enumerate().map(|(index, line)| (index + 1, line));
    let mut before = String::new();
    while let Some((line, text)) = lines.next() {
        let Some(language) = text.trim_start().strip_prefix("```") else {
            if !text.trim().is_empty() {
                before = text.trim().to_owned();
            }
            continue;
        };
        // Within a list a block is indented as its fence is; what is indented more is so by its own meaning.
        let indent = &text[..text.len() - text.trim_start().len()];
        let mut inside = Vec::new();
        loop {
            let (_, text) = lines.next().ok_or(Unclear::Open(line))?;
            if text.trim() == "```" {
                break;
            }
            inside.push(text.strip_prefix(indent).unwrap_or(text));
        }
        let marker = std::mem::take(&mut before);
        let commands: Vec<String> = match language.trim() {
            "console" => inside.iter().filter_map(|text| prompted(text)).map(str::to_owned).collect(),
            "sh" | "bash" => {
                inside.iter().filter(|text| !text.trim().is_empty()).map(|t| (*t).to_owned()).collect()
            }
            _ => continue,
        };
        let when = when(&marker, line)?;
        if commands.is_empty() {
            return Err(Unclear::Empty(line));
        }
        found.push(Block { line: line + 1, when, commands });
    }
    Ok(found)
}

fn prompted(line: &str) -> Option<&str> {
    line.strip_prefix("# ").or_else(|| line.strip_prefix("$ "))
}

fn when(marker: &str, line: usize) -> Result<When, Unclear> {
    let said = marker.strip_prefix("<!-- test:").and_then(|rest| rest.strip_suffix("-->"));
    match said.ok_or(Unclear::NoMarker(line))?.trim() {
        "run" => Ok(When::Always),
        "full" => Ok(When::Full),
        other => match other.strip_prefix("not run:").map(str::trim) {
            Some(reason) if !reason.is_empty() => Ok(When::Never(reason.to_owned())),
            _ => Err(Unclear::Marker { line: line - 1, marker: other.to_owned() }),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_told_from_what_they_print() {
        let text = "a\n<!-- test: run -->\n```console\n# make it\nmade\n$ look\n```\n\n```yaml\nx: 1\n```\n\
                    <!-- test: full -->\n```sh\none\n\ntwo\n```\n";
        let run = Block { line: 4, when: When::Always, commands: vec!["make it".into(), "look".into()] };
        let full = Block { line: 14, when: When::Full, commands: vec!["one".into(), "two".into()] };
        assert_eq!(blocks(text).unwrap(), [run, full]);
    }

    #[test]
    fn commands_are_indented_as_they_are_written() {
        let text = "- a\n\n  <!-- test: run -->\n  ```sh\n  cat <<END\n    b:\n          c\n  END\n  ```\n";
        assert_eq!(blocks(text).unwrap()[0].commands, ["cat <<END", "  b:", "        c", "END"]);
    }

    #[test]
    fn a_block_without_a_word_on_its_test_is_refused() {
        assert_eq!(blocks("text\n```sh\nrm -rf x\n```\n"), Err(Unclear::NoMarker(2)));
        let stale = "<!-- test: run -->\n```sh\na\n```\n\n```sh\nb\n```\n";
        assert_eq!(blocks(stale), Err(Unclear::NoMarker(6)), "one comment served two blocks");
    }

    #[test]
    fn not_running_needs_a_reason() {
        assert!(matches!(blocks("<!-- test: not run: -->\n```sh\na\n```\n"), Err(Unclear::Marker { .. })));
        let reason = blocks("<!-- test: not run: starts this test -->\n```sh\na\n```\n").unwrap();
        assert_eq!(reason[0].when, When::Never("starts this test".into()));
    }

    #[test]
    fn an_empty_or_endless_block_is_refused() {
        assert_eq!(blocks("<!-- test: run -->\n```console\nno prompt\n```\n"), Err(Unclear::Empty(2)));
        assert_eq!(blocks("<!-- test: run -->\n```sh\nx\n"), Err(Unclear::Open(2)));
    }
}
