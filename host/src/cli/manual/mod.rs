//! Man pages: of commands from their declarations, of files and ideas from the pages that `help` prints.

mod markdown;

use super::{declared, tree};
use crate::{reference::Topic, site::Site};
use clap::Command;
use disklessset_plugin_api::{Error, Result};
use std::collections::BTreeMap;

/// What stands at the top of every page.
const MANUAL: &str = "disklessset";

/// All pages of a site, by the names of their files: section 1 for the program, its commands and those of its modules, 5 for files, 7 for ideas.
///
/// `date` stands on each.
///
/// # Errors
/// When a module cannot be loaded.
pub(super) fn pages(site: &Site, date: &str) -> Result<BTreeMap<String, String>> {
    let mut tree = tree(Some(site), None).term_width(100);
    let mut modules: Vec<&str> =
        site.classes().registry().ready().map(|module| module.name.as_str()).collect();
    modules.sort_unstable();
    for name in modules {
        let entry = site.classes().registry().module(name);
        let title = entry.map(|entry| entry.title.clone()).unwrap_or_default();
        let offered = site.classes().actions(name)?;
        // What brings sources alone has no commands.
        if !offered.is_empty() {
            tree = tree.mut_subcommand(name, |_| declared::module_command(name, &title, &offered));
        }
    }
    let mut pages = BTreeMap::new();
    let mut tree = tree.disable_help_subcommand(true);
    tree.build();
    add_commands(&tree, date, &mut pages)?;
    for topic in Topic::ALL {
        let (title, section) = (topic.title(), topic.section());
        let head = markdown::Head { name: &title, section, about: topic.about(), date };
        pages.insert(format!("{title}.{section}"), markdown::page(&head, &topic.page_of(site)?));
    }
    Ok(pages)
}

/// The page of a command, and of each below it.
fn add_commands(command: &Command, date: &str, pages: &mut BTreeMap<String, String>) -> Result<()> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    let page = clap_mangen::Man::new(command.clone()).manual(MANUAL).source(source()).date(date);
    let mut bytes = Vec::new();
    page.render(&mut bytes)
        .map_err(|cause| Error::failed(format!("cannot write the page {name}")).because(cause))?;
    // Breaks around an empty line are a new paragraph, and man says so.
    let text = String::from_utf8_lossy(&bytes).replace("\n.br\n\n.br\n", "\n.sp\n");
    pages.insert(format!("{name}.1"), text);
    let mut inner = command.get_subcommands().filter(|inner| !is_program_s_own(inner));
    inner.try_for_each(|inner| add_commands(inner, date, pages))
}

/// What is called by no person.
fn is_program_s_own(command: &Command) -> bool {
    command.get_name() == super::commands::manual::NAME
}

fn source() -> String {
    format!("disklessset {}", env!("CARGO_PKG_VERSION"))
}
