//! Pages about the files that people write, made from the declarations by which these files are read.
//!
//! `disklessset help TOPIC` prints them, and `docs/` has them as they are printed.

mod configuration;
mod parameters;

use crate::site::Site;
use disklessset_plugin_api::Result;

/// A page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Topic {
    /// The reference of `diskless_parameters.yml`.
    Configuration,
    /// Parameters files.
    Parameters,
}

impl Topic {
    /// All of them, in the order of the help.
    pub(crate) const ALL: [Self; 2] = [Self::Configuration, Self::Parameters];

    /// The word for it on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Parameters => "parameters",
        }
    }

    /// The topic of a word.
    pub(crate) fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.name() == word)
    }

    /// What it is about, for the list of topics.
    pub(crate) fn about(self) -> &'static str {
        match self {
            Self::Configuration => "The configuration file diskless_parameters.yml",
            Self::Parameters => "Files that describe an image, for create --from",
        }
    }

    /// The page, in Markdown.
    ///
    /// # Errors
    /// When the site cannot be opened or a module cannot be loaded.
    pub(crate) fn page(self, site: impl FnOnce() -> Result<Site>) -> Result<String> {
        match self {
            // The page that helps with a broken configuration is there when it is broken.
            Self::Configuration => Ok(configuration::page()),
            Self::Parameters => parameters::page(&site()?),
        }
    }
}

/// A table in Markdown whose columns stand below each other, so that it can be read as it is.
fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let cells = |row: &[String; N]| row.clone().map(|cell| cell.replace('|', "\\|"));
    let rows: Vec<[String; N]> = rows.iter().map(cells).collect();
    let head = head.map(str::to_owned);
    let all = || std::iter::once(&head).chain(&rows);
    // The last column is as wide as it is.
    let width = |at: usize| match at + 1 == N {
        true => 0,
        false => all().map(|row| row[at].chars().count()).max().unwrap_or(0),
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |row: &[String; N]| {
        let cells: Vec<String> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let rule = widths.map(|width| "-".repeat(width.max(3)));
    std::iter::once(line(&head)).chain([line(&rule)]).chain(rows.iter().map(line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_can_be_read_as_it_is_and_has_no_bar_too_many() {
        let rows = [["a".to_owned(), "x|y".to_owned()], ["longer".to_owned(), "z".to_owned()]];
        let expected = "| KEY    | B |\n| ------ | --- |\n| a      | x\\|y |\n| longer | z |\n";
        assert_eq!(table(["KEY", "B"], &rows), expected);
    }

    #[test]
    fn topics_are_found_by_their_names() {
        for topic in Topic::ALL {
            assert_eq!(Topic::named(topic.name()), Some(topic));
        }
        assert_eq!(Topic::named("livenet"), None);
    }
}
