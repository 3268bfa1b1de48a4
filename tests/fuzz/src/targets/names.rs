//! Names that are parts of paths and words of command lines: none leads elsewhere or reads as an option.

use crate::{one_line, text};
use disklessset::modules::{ClassName, ModuleName};
use disklessset_kit::node_set::NodeName;
use disklessset_plugin_api::{ImageName, Kernel, KernelVersion, PackageName};
use std::fmt::Display;

pub(super) fn run(data: &[u8]) {
    let Some(text) = text(data) else { return };
    check(text, ImageName::parse(text), "._+-", 128);
    match PackageName::parse(text) {
        Err(refusal) => one_line(&refusal.to_string()),
        Ok(name) => {
            assert_eq!(name.as_str(), text);
            assert!(text.len() <= 255 && !text.starts_with(['-', '.', '@', ' ', '<', '=', '>']), "{text:?}");
            let plain = |c: char| c.is_ascii_alphanumeric() || "._+-:~@=^()/*?[] <>".contains(c);
            assert!(text.chars().all(plain) && !text.contains(" -"), "{text:?}");
        }
    }
    check(text, KernelVersion::parse(text), "._+-~", 128);
    check(text, ModuleName::parse(text), "-_", 64);
    check(text, ClassName::parse(text), "_", 64);
    check(text, text.parse::<NodeName>(), "-_.", NodeName::LONGEST);
    if let Some(kernel) = Kernel::from_attribute(text) {
        assert_eq!(Kernel::from_file_name(&kernel.vmlinuz()), Some(kernel));
    }
}

fn check<N: Display, E: Display>(text: &str, parsed: Result<N, E>, marks: &str, most: usize) {
    match parsed {
        Err(refusal) => one_line(&refusal.to_string()),
        Ok(name) => {
            assert_eq!(name.to_string(), text);
            assert!(text.len() <= most && text.starts_with(|c: char| c.is_ascii_alphanumeric()), "{text:?}");
            assert!(text.chars().all(|c| c.is_ascii_alphanumeric() || marks.contains(c)), "{text:?}");
        }
    }
}
