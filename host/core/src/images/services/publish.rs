//! What a class puts in service, and what it removes.

use super::Host;
use crate::{
    failure,
    images::manager::ImageManager,
    operation::{NewFile, Operation, Reading, next_state, undo},
    system::{atomic_file, remove_tree},
};
use camino::Utf8Path;
use disklessset_plugin_api::{Error, Image, ImageName, Result, messages};

/// Puts a finished file in its place.
pub(super) fn publish(host: Host<'_, '_>, request: &messages::Publish) -> Result<()> {
    let reading = host.reading();
    reading.must_be_ours(&request.from)?;
    let Some(own) = reading.subject().image() else {
        return Err(Error::refused("kernels are not published this way"));
    };
    let directory = reading.site().layout.image_dir(own.as_str());
    match (request.to.parent(), request.to.file_name()) {
        // An existing image: its directory goes to the next state in one step.
        (Some(parent), Some(name)) if parent == directory => {
            in_next_state(host.changing()?, own, name, request)
        }
        // An image being created: its directory is private still.
        _ => {
            reading.must_be_ours(&request.to)?;
            next_state::publishable(&request.from).map_err(failure::of)?;
            atomic_file::rename_replacing(&request.from, &request.to).map_err(failure::of)
        }
    }
}

fn in_next_state(
    operation: &Operation<'_>,
    own: &ImageName,
    name: &str,
    request: &messages::Publish,
) -> Result<()> {
    let manager = ImageManager::new(operation.site());
    let image = manager.records.load(own)?;
    let file = (name, NewFile(request.from.as_path()));
    match &request.image {
        None => manager.replace_with(operation, &image, &[file]),
        // Only attributes are the class's to decide.
        Some(next) => {
            let next = Image::new(
                own.clone(),
                image.class(),
                next.attributes().clone(),
                image.directory().to_owned(),
            );
            manager.replace_with(operation, &next, &[file])
        }
    }
}

/// Removes something of an image, or one of the files that 1.x put beside its tree.
pub(super) fn remove(reading: &Reading<'_>, path: &Utf8Path) -> Result<()> {
    let layout = &reading.site().layout;
    // Beside the trees of NFS images, and nowhere else in that directory.
    let of_1x = |name: &ImageName| layout.demo_files_of_1x(name.as_str());
    if let Some(found) = reading.subject().image().map(of_1x)
        && found.iter().any(|own| own == path)
    {
        let roots: Vec<_> = path.parent().map(Utf8Path::to_owned).into_iter().collect();
        return remove_tree::remove_tree(path, &roots)
            .map_err(|error| undo::UndoError::from(error).into_api_error())
            .map(drop);
    }
    reading.must_be_ours(path)?;
    undo::remove(path, &reading.site().layout).map_err(undo::UndoError::into_api_error)
}
