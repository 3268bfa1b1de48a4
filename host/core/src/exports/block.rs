//! The file's text: our lines between two marks, and those of others around them.

use super::line::{escaped, unescaped};
#[cfg(any(test, feature = "fuzzing"))]
use camino::Utf8Path;
use camino::Utf8PathBuf;
use disklessset_plugin_api::messages::Exported;
use std::{collections::HashMap, fmt};

const BEGIN: &str =
    "# BEGIN disklessset (written by `disklessset nfs export` and `unexport`; edit outside of these marks)";
const END: &str = "# END disklessset";
/// By these words the marks are known, whatever stands behind them.
const BEGINS: &str = "# BEGIN disklessset";

/// The file, taken apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Block {
    before: String,
    lines: Vec<String>,
    after: String,
}

impl Block {
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let mut block = Self::default();
        let mut inside = false;
        let mut past = false;
        for line in text.split_inclusive('\n') {
            let bare = line.trim_end();
            if !inside && bare.starts_with(BEGINS) {
                if past {
                    return Err("it has the mark # BEGIN disklessset twice");
                }
                inside = true;
            } else if inside && bare == END {
                (inside, past) = (false, true);
            } else if inside {
                if !bare.is_empty() {
                    block.lines.push(bare.to_owned());
                }
            } else if past {
                block.after.push_str(line);
            } else {
                block.before.push_str(line);
            }
        }
        if inside { Err("the mark # END disklessset is missing") } else { Ok(block) }
    }

    /// Sets or takes away the line of a directory; gives back the line it had. Lines stay in their order, new ones come last.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn set(&mut self, path: &Utf8Path, line: Option<&str>) -> Option<String> {
        self.set_all(&[(path.to_owned(), line.map(str::to_owned))]).pop().flatten()
    }

    /// The same for many directories in one pass; of several changes of one the last counts.
    pub(crate) fn set_all(&mut self, changes: &[(Utf8PathBuf, Option<String>)]) -> Vec<Option<String>> {
        let mut lines: Vec<Option<String>> = std::mem::take(&mut self.lines).into_iter().map(Some).collect();
        let mut places: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, line) in lines.iter().enumerate() {
            let path = line.as_deref().and_then(|line| line.split(' ').next()).unwrap_or_default();
            places.entry(path.to_owned()).or_default().push(at);
        }
        let mut previous = Vec::with_capacity(changes.len());
        for (path, line) in changes {
            let at = places.entry(escaped(path)).or_default();
            previous.push(at.first().and_then(|at| lines[*at].clone()));
            match (at.first(), line) {
                (Some(at), Some(line)) => lines[*at] = Some(line.clone()),
                (None, Some(line)) => {
                    at.push(lines.len());
                    lines.push(Some(line.clone()));
                }
                (_, None) => at.iter().for_each(|at| lines[*at] = None),
            }
        }
        self.lines = lines.into_iter().flatten().collect();
        previous
    }

    /// Whether nothing is left to keep in a file.
    pub(crate) fn is_nothing(&self) -> bool {
        self.before.is_empty() && self.lines.is_empty() && self.after.is_empty()
    }

    pub(crate) fn entries(&self) -> Vec<Exported> {
        let entry = |line: &String| {
            let (path, clients) = line.split_once(' ')?;
            Some(Exported { path: unescaped(path)?, clients: clients.to_owned() })
        };
        self.lines.iter().filter_map(entry).collect()
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.before)?;
        if !self.lines.is_empty() {
            // What others wrote without a last newline must not swallow the mark.
            if !self.before.is_empty() && !self.before.ends_with('\n') {
                f.write_str("\n")?;
            }
            writeln!(f, "{BEGIN}")?;
            self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))?;
            writeln!(f, "{END}")?;
        }
        f.write_str(&self.after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_and_go_and_others_stay_byte_for_byte() {
        let theirs = "# mine\n/srv\t*(ro)  \n\n";
        let mut block = Block::parse(theirs).unwrap();
        assert_eq!(block.set("/d/a".into(), Some("/d/a *(rw)")), None);
        assert_eq!(block.set("/d/b".into(), Some("/d/b *(rw)")), None);
        let text = block.to_string();
        assert!(
            text.starts_with(theirs) && text.ends_with("/d/a *(rw)\n/d/b *(rw)\n# END disklessset\n"),
            "{text}"
        );
        let mut block = Block::parse(&format!("{text}/other *(ro)")).unwrap();
        assert_eq!(block.set("/d/a".into(), Some("/d/a c1(ro)")).as_deref(), Some("/d/a *(rw)"));
        assert_eq!(block.entries()[0].clients, "c1(ro)");
        block.set("/d/a".into(), None);
        block.set("/d/b".into(), None);
        assert_eq!(block.to_string(), format!("{theirs}/other *(ro)"));
        assert!(!block.is_nothing() && Block::parse("").unwrap().is_nothing());
    }

    #[test]
    fn a_directory_is_not_mistaken_for_one_of_the_same_beginning() {
        let mut block = Block::default();
        block.set("/d/a".into(), Some("/d/a *(rw)"));
        block.set("/d/ab".into(), Some("/d/ab *(rw)"));
        block.set("/d/a".into(), None);
        assert_eq!(block.entries().len(), 1);
    }

    #[test]
    fn a_damaged_block_is_refused() {
        let mut block = Block::default();
        block.set("/d/a".into(), Some("/d/a *(rw)"));
        let text = block.to_string();
        assert!(Block::parse(text.trim_end().trim_end_matches(END)).is_err());
        assert!(Block::parse(&format!("{text}{text}")).is_err());
    }

    #[test]
    fn a_last_line_without_its_end_keeps_apart_from_the_mark() {
        let mut block = Block::parse("/srv *(ro)").unwrap();
        block.set("/d/a".into(), Some("/d/a *(rw)"));
        assert!(block.to_string().starts_with("/srv *(ro)\n# BEGIN"));
    }
}
