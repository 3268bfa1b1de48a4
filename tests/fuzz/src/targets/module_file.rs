//! Files in the modules directory: headers of ELF files, read without running them.

use crate::{file::InMemory, one_line};
use disklessset::modules::inspect;

pub(super) fn run(data: &[u8]) {
    match inspect(InMemory::new(data).path()) {
        Ok(found) => super::module_note::check(&found.identity),
        Err(refusal) => one_line(&refusal.to_string()),
    }
}
