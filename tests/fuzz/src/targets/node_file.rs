//! The node file, as somebody wrote it by hand or as it came from another server: what is taken comes back as it is, and no name in it
//! leads out of the directory of boot files.

use crate::{one_line, text};
use disklessset::fuzzing::{Inventory, node_path, pool_path};

pub(super) fn run(data: &[u8]) {
    let Some(text) = text(data) else { return };
    match Inventory::parse(text) {
        Err(error) => one_line(&error.to_string()),
        Ok(found) => {
            let written = found.to_text().unwrap_or_default();
            assert_eq!(Inventory::parse(&written).as_ref(), Ok(&found), "{written}");
            assert_eq!(Inventory::parse(&written).map(|again| again.to_text()), Ok(Ok(written)));
            found.pools().keys().for_each(|name| is_one_file(pool_path(name).as_str()));
            for (name, node) in found.nodes() {
                for name in std::iter::once(name).chain(&node.alias) {
                    is_one_file(node_path(name).as_str());
                }
                assert!(node.mac.iter().all(|mac| !mac.with_hyphens().contains('/')));
                assert!(!node.kernel_parameters.as_str().contains(['\n', '$']), "{node:?}");
                let mut values = node.variables.values();
                assert!(values.all(|value| !value.as_str().contains(['\n', '$'])), "{node:?}");
            }
        }
    }
}

/// A folder, and a name in it that is no way out.
fn is_one_file(path: &str) {
    let parts: Vec<&str> = path.split('/').collect();
    assert!(parts.len() == 2 && !parts[1].starts_with('.') && parts[1].ends_with(".ipxe"), "{path:?}");
}
