//! Looks for tools.

use super::table::{Action, Family, Sites, Tool, ToolPath};
use crate::system::command;
use camino::{Utf8Path, Utf8PathBuf};
use std::sync::OnceLock;

/// Where dracut keeps its parts.
const DRACUT_PARTS: &str = "/usr/lib/dracut/modules.d";

/// A tool of an action, looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub tool: &'static Tool,
    /// Where it is.
    pub path: Option<Utf8PathBuf>,
    /// What it is for, where the action does without it as well.
    pub only_for: Option<&'static str>,
}

impl Finding {
    /// Whether the action fails for want of it.
    pub fn is_lacking(&self) -> bool {
        self.path.is_none() && self.only_for.is_none()
    }
}

impl Action {
    /// Looks for all of its tools.
    pub fn look(&'static self) -> Vec<Finding> {
        let needed = self.needs.iter().map(|tool| (tool, None));
        let helping = self.helps.iter().map(|(tool, what)| (tool, Some(*what)));
        let look = |(tool, only_for)| Finding { tool, path: found(tool), only_for };
        needed.chain(helping).map(look).collect()
    }

    /// Whether a server of this family is expected to be able to do it.
    pub fn is_expected(&self, family: Option<Family>) -> bool {
        match self.sites {
            Sites::All => true,
            Sites::Of(of) => family == Some(of),
            Sites::Some => false,
        }
    }
}

/// Where a tool is; none where it is not installed.
pub fn found(tool: &Tool) -> Option<Utf8PathBuf> {
    match tool.place {
        ToolPath::Programs => command::find(tool.name),
        ToolPath::At(places) => {
            places.iter().map(Utf8Path::new).find(|path| path.exists()).map(Utf8PathBuf::from)
        }
        ToolPath::DracutPart(wanted) => {
            let entries = Utf8Path::new(DRACUT_PARTS).read_dir_utf8().ok()?;
            let part = |name: &str| name.trim_start_matches(|c: char| c.is_ascii_digit()) == wanted;
            entries.flatten().find(|entry| part(entry.file_name())).map(|entry| entry.path().to_owned())
        }
    }
}

/// The family of this server, where it is one that we know.
pub fn of_this_server() -> Option<Family> {
    static FAMILY: OnceLock<Option<Family>> = OnceLock::new();
    let read = || {
        std::fs::read_to_string("/etc/os-release").or_else(|_| std::fs::read_to_string("/usr/lib/os-release"))
    };
    *FAMILY.get_or_init(|| read().ok().and_then(|text| Family::of(&text)))
}

#[cfg(test)]
mod tests {
    use super::super::table;
    use super::*;

    #[test]
    fn families_are_known_by_what_they_are_like() {
        assert_eq!(Family::of("NAME=x\nID=debian\n"), Some(Family::Debian));
        assert_eq!(Family::of("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n"), Some(Family::Debian));
        assert_eq!(Family::of("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n"), Some(Family::Enterprise));
        assert_eq!(Family::of("ID=arch\nPRETTY_NAME=debian\n"), None);
    }

    #[test]
    fn a_tool_is_found_or_not() {
        let tool = |name, place| Tool { name, place, debian: None, enterprise: None };
        assert!(found(&tool("env", ToolPath::Programs)).is_some());
        assert_eq!(found(&tool("no-such-program-here", ToolPath::Programs)), None);
        assert_eq!(
            found(&tool("x", ToolPath::At(&["/no/such", "/proc/self"]))).as_deref(),
            Some("/proc/self".into())
        );
        assert_eq!(found(&tool("no-such-part", ToolPath::DracutPart("no-such-part"))), None);
    }

    #[test]
    fn a_tool_has_one_package_wherever_it_stands_and_every_action_a_name_of_its_own() {
        let mut names = std::collections::BTreeSet::new();
        let mut packages = std::collections::BTreeMap::new();
        for action in table::ACTIONS {
            assert!(names.insert(action.name), "{}", action.name);
            for tool in action.needs.iter().chain(action.helps.iter().map(|(tool, _)| tool)) {
                let both = (tool.debian, tool.enterprise);
                assert_eq!(*packages.entry(tool.name).or_insert(both), both, "{}", tool.name);
            }
        }
        assert!(packages.values().all(|(debian, _)| *debian != Some("dracut")), "it removes initramfs-tools");
        for (name, (debian, _)) in packages {
            // What is said of a tool that is missed when it is to run.
            let said = command::debian_package(name);
            assert!(said.is_none() || said == debian, "{name}: {said:?}, {debian:?}");
        }
    }
}
