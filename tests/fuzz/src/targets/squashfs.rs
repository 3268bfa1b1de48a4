//! Superblocks of root images.

use crate::{file::InMemory, one_line};
use disklessset_kit::squashfs::Superblock;

pub(super) fn run(data: &[u8]) {
    match Superblock::read(InMemory::new(data).path()) {
        Err(refusal) => one_line(&refusal.to_string()),
        Ok(found) => {
            assert!(data.starts_with(b"hsqs"));
            assert!((96..=data.len() as u64).contains(&found.bytes_used));
        }
    }
}
