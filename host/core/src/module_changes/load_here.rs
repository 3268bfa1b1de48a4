//! The check of a module in this process.

use camino::Utf8Path;

use crate::modules::loader;

/// The check of [`ModuleManager::install`](super::ModuleManager::install) that loads the module into this process: layout and
/// description.
///
/// # Errors
/// The loader's, in one line with its causes.
pub fn load_here(file: &Utf8Path) -> Result<(), String> {
    match loader::load(file) {
        Ok(_) => Ok(()),
        Err(error) => {
            let text = error.to_string();
            let text = text.strip_prefix(&format!("cannot load {file}: ")).unwrap_or(&text).to_owned();
            Err(error.causes().iter().fold(text, |text, cause| format!("{text}: {cause}")))
        }
    }
}
