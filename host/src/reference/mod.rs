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
    /// How a node gets from its network card to its image.
    Booting,
    /// The reference of `diskless_parameters.yml`.
    Configuration,
    /// What is on record of an image.
    ImageData,
    /// What is on record of images that are being made.
    Installations,
    /// Where image classes come from.
    Modules,
    /// Nodes and pools, and the file they are in.
    Nodes,
    /// Parameters files.
    Parameters,
    /// One word for one thing.
    Words,
}

impl Topic {
    /// All of them, in the order of the help.
    pub(crate) const ALL: [Self; 8] = [
        Self::Booting,
        Self::Configuration,
        Self::ImageData,
        Self::Installations,
        Self::Modules,
        Self::Nodes,
        Self::Parameters,
        Self::Words,
    ];

    /// The word for it on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Booting => "booting",
            Self::Configuration => "configuration",
            Self::ImageData => "image-data",
            Self::Installations => "installations",
            Self::Modules => "modules",
            Self::Nodes => "nodes",
            Self::Parameters => "parameters",
            Self::Words => "words",
        }
    }

    /// The topic of a word.
    pub(crate) fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.name() == word)
    }

    /// What it is about, for the list of topics.
    pub(crate) fn about(self) -> &'static str {
        match self {
            Self::Booting => "How a node boots, and what to look at when it does not",
            Self::Configuration => "The configuration file diskless_parameters.yml",
            Self::ImageData => "The record of an image, image_data.yml",
            Self::Installations => "The images that are being made, installations.yml",
            Self::Modules => "Modules, which bring classes of images",
            Self::Nodes => "Nodes and pools, and their file nodes.yml",
            Self::Parameters => "Files that describe an image, for create --from",
            Self::Words => "The words of this program, each for one thing",
        }
    }

    /// The section of its man page: 5 for files, 7 for the rest.
    pub(crate) fn section(self) -> u8 {
        match self {
            Self::Booting | Self::Modules | Self::Words => 7,
            Self::Configuration | Self::ImageData | Self::Installations | Self::Nodes | Self::Parameters => 5,
        }
    }

    /// The name of its man page.
    pub(crate) fn title(self) -> String {
        format!("disklessset-{}", self.name())
    }

    /// The page, in Markdown.
    ///
    /// # Errors
    /// When the site cannot be opened or a module cannot be loaded.
    pub(crate) fn page(self, site: impl FnOnce() -> Result<Site>) -> Result<String> {
        match self {
            Self::Parameters => self.page_of(&site()?),
            // The page that helps with a broken configuration is there when it is broken.
            _ => Ok(self.page_alone()),
        }
    }

    /// The page for a site that is open.
    ///
    /// # Errors
    /// When a module cannot be loaded.
    pub(crate) fn page_of(self, site: &Site) -> Result<String> {
        match self {
            Self::Parameters => parameters::page(site),
            _ => Ok(self.page_alone()),
        }
    }

    /// A page that is the same everywhere.
    fn page_alone(self) -> String {
        let page = match self {
            Self::Configuration => return configuration::page(),
            Self::Parameters => parameters::HEAD,
            Self::Booting => include_str!("../../../docs/booting.md"),
            Self::ImageData => include_str!("../../../docs/image-data.md"),
            Self::Installations => include_str!("../../../docs/installations.md"),
            Self::Modules => include_str!("../../../docs/modules.md"),
            Self::Nodes => include_str!("../../../docs/nodes.md"),
            Self::Words => include_str!("../../../docs/glossary.md"),
        };
        page.to_owned()
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
