//! Kernel parameters of a user: one line in which the boot loader finds nothing of its own.

use crate::{one_line, text};
use disklessset_kit::boot_line::check;

pub(super) fn run(data: &[u8]) {
    let Some(text) = text(data) else { return };
    match check(text) {
        Err(refusal) => one_line(&refusal.to_string()),
        Ok(line) => {
            assert!(!line.contains(|c: char| c.is_control() || "\"'\\`".contains(c)), "{line:?}");
            assert!(!line.contains("${") && line.len() <= 1024, "{line:?}");
            assert_eq!(check(&line).as_ref(), Ok(&line), "what was checked passes again");
        }
    }
}
