//! An initramfs of any making: cpio, perhaps compressed.

use crate::file::InMemory;
use disklessset_kit::initramfs_facts::{FlatSupport, dracut_modules, facts, flat_support};

pub(super) fn run(data: &[u8]) {
    let file = InMemory::new(data);
    let modules = dracut_modules(file.path());
    let has = matches!(&modules, Ok(Some(modules)) if modules.iter().any(|module| module == "overlayfs"));
    assert_eq!(flat_support(file.path()) == FlatSupport::Yes, has);
    if let Ok(facts) = facts(file.path()) {
        assert!(facts.kernel.is_none_or(|version| !version.contains(|c: char| !c.is_ascii_graphic())));
    }
    for module in modules.ok().flatten().unwrap_or_default() {
        assert!(!module.is_empty() && !module.contains(char::is_whitespace), "{module:?}");
    }
}
