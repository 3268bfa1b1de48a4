//! What a tree has of one machine: a tuning node leaves it in a staging image, packages and services on the way.

use camino::Utf8Path;
use disklessset_kit::{anonymise, tree_files::TreeFiles, trees};
use disklessset_plugin_api::{Host, Result};

/// Takes it away from a tree that many nodes will have, and says so.
pub(crate) fn forget(tree: &Utf8Path, host: &Host<'_>) -> Result<()> {
    let gone = anonymise::forget_machine(&TreeFiles::open(tree)?)?;
    tell(&gone, host);
    if gone.is_empty() { Ok(()) } else { trees::flush(tree) }
}

/// What a tree has of one machine; nothing where it cannot be read.
pub(crate) fn of(tree: &Utf8Path) -> Vec<&'static str> {
    TreeFiles::open(tree).and_then(|files| anonymise::identities(&files)).unwrap_or_default()
}

/// Takes away what is new since `before`: packages and services made it while something ran inside.
pub(crate) fn forget_new(tree: &Utf8Path, before: &[&str], host: &Host<'_>) -> Result<()> {
    let files = TreeFiles::open(tree)?;
    tell(&anonymise::forget_identities(&files, before)?, host);
    if anonymise::given(&files)?.iter().any(|words| !before.contains(words))
        && let Some(remark) = anonymise::remark(&files)?
    {
        host.warn(remark);
    }
    Ok(())
}

/// Warns before nodes get copies of a tree that has something of one machine.
pub(crate) fn warn(tree: &Utf8Path, host: &Host<'_>) {
    let all = of(tree);
    if !all.is_empty() {
        host.warn(format!(
            "each of these nodes gets the same of {}: they are in the golden tree",
            all.join(", ")
        ));
    }
}

fn tell(gone: &[&str], host: &Host<'_>) {
    if !gone.is_empty() {
        host.warn(format!("left out, for they are one machine's own: {}", gone.join(", ")));
    }
}
