//! The classes of a site, as a program lists them.

use super::manager::ImageManager;
use crate::modules::ModuleState;
use serde::Serialize;

/// One class of images and the module that has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ListedClass {
    /// The class, such as `LivenetImage`.
    pub name: String,
    /// The class it builds on.
    pub base: Option<String>,
    /// The module, by its name.
    pub module: String,
    /// What the module says of itself, one line, perhaps empty.
    pub title: String,
    /// Whether images of it can be made and changed.
    pub is_usable: bool,
    /// Why its module is not used, one line; `None` when it is.
    pub reason: Option<String>,
}

impl ImageManager<'_> {
    /// All classes of the modules here, in the order of the modules' files. Classes that cannot be used are in it, with the reason.
    ///
    /// What an action of a class needs tells [`ImageManager::action`].
    pub fn classes(&self) -> Vec<ListedClass> {
        let modules = self.site.classes.registry().entries().iter();
        let classes = modules.flat_map(|module| {
            module.classes.iter().map(|class| ListedClass {
                name: class.name.to_string(),
                base: class.base.as_ref().map(|base| base.class.clone()),
                module: module.name.clone(),
                title: module.title.clone(),
                is_usable: module.state == ModuleState::Ready,
                reason: module.reason.clone(),
            })
        });
        classes.collect()
    }
}
