//! What was edited in an image since it was made from its definition.

use super::file::Definition;
use crate::{
    images::{host_action::HostAction, manager::ImageManager},
    versions::{Edit, MadeFrom, Marker},
};
use disklessset_plugin_api::{Error, Image, ImageName, ParamKind, ParamSpec, Result};

/// Whether an action makes versions with changes that no definition tells of: all that classes have to change images.
fn is_edit(action: &str) -> bool {
    !matches!(
        HostAction::named(action),
        Some(
            HostAction::Create
                | HostAction::Clone
                | HostAction::SetKernel
                | HostAction::RenewKernel
                | HostAction::Rebuild
                | HostAction::Recover
        )
    )
}

impl ImageManager<'_> {
    /// What the next version of an image is made from when an action changes it.
    ///
    /// # Errors
    /// When what is on record cannot be read.
    pub(in crate::images) fn carried(
        &self,
        image: &Image,
        current: Option<&Marker>,
        action: &str,
    ) -> Result<Option<MadeFrom>> {
        let Some(marker) = current else { return Ok(None) };
        let history = self.store().history(image.name())?;
        let before = history.get(marker.version.number()).and_then(|version| version.made_from.clone());
        let Some(mut made) = before else { return Ok(None) };
        if is_edit(action) {
            made.edited(format!("{}@{}", image.name(), history.next()), action);
        }
        if HostAction::named(action) == Some(HostAction::SetKernel)
            && let Some(kernel) = image.kernel()
            && let Ok(creation) = self.creation(image.class())
        {
            let of_kernel = |param: &&ParamSpec| {
                matches!(param.kind, ParamKind::Kernel { .. } | ParamKind::KernelAlone { .. })
            };
            let names = creation.params.iter().filter(of_kernel).map(|param| param.name.as_str());
            made.set_kernel(names, &kernel.version);
        }
        Ok(Some(made))
    }

    /// Refuses to make an image again that was edited since it was made: its edits would be lost.
    ///
    /// # Errors
    /// The edits, by their versions.
    pub(super) fn must_not_be_changed_by_hand(&self, definition: &Definition) -> Result<()> {
        let name = &definition.name;
        let from = match definition.path.as_str() {
            "" => String::new(),
            path => format!(" --from {path}"),
        };
        let hint = format!("disklessset rebuild {name}{from} --discard-edits");
        let edits = self.edits_of(name)?.ok_or_else(|| {
            Error::refused(format!(
                "it is not on record what image {name} was made from, nor what was edited in it"
            ))
            .hint(hint.clone())
        })?;
        let said: Vec<String> =
            edits.iter().map(|edit| format!("{} came from {}", edit.version, edit.action)).collect();
        match said.is_empty() {
            true => Ok(()),
            false => {
                let text = format!("image {name} was edited since it was made: {}", said.join(", "));
                Err(Error::refused(text).hint(hint))
            }
        }
    }

    /// The edits that nodes get, and those that wait for their release. None where nobody knows.
    fn edits_of(&self, name: &ImageName) -> Result<Option<Vec<Edit>>> {
        let Some(made) = self.current_made_from(name)? else { return Ok(None) };
        let current = self.store().current(name.as_str())?.map(|marker| marker.version.number());
        let mut edits = made.edits;
        for version in self.store().history(name)?.versions() {
            let waits = Some(version.number) > current && version.withdrawn.is_none();
            if waits && is_edit(&version.action) {
                let version_name = format!("{name}@{}", version.number);
                edits.push(Edit { version: version_name, action: version.action.clone() });
            }
        }
        Ok(Some(edits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_of_classes_are_edits_and_what_definitions_tell_of_is_none() {
        for edit in ["exec", "unmount", "shell", "resize", "nodes add", "register"] {
            assert!(is_edit(edit), "{edit}");
        }
        for known in ["create", "clone", "rebuild", "set kernel"] {
            assert!(!is_edit(known), "{known}");
        }
    }
}
