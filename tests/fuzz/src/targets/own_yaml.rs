//! Files that this program writes, read by the quick reader: whatever it takes, a YAML reader takes for the same.

use crate::text;

pub(super) fn run(data: &[u8]) {
    let Some(text) = text(data) else { return };
    if let Some(value) = disklessset::fuzzing::own_yaml(text) {
        assert_eq!(serde_yaml::from_str(text).ok(), Some(value));
    }
}
