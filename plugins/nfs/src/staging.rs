//! `NfsStagingImage`: the base tree, customised by a shell inside or by booting one tuning node on it.

use crate::{
    boot_file, identities, parameters,
    places::{self, GOLDEN, Staging},
    show, space_check, verify,
};
use camino::Utf8PathBuf;
use disklessset_kit::{
    os_tree::{self, OsTreeRequest, Purpose, params},
    space::Plan,
    trees::{self, Wanted},
};
use disklessset_plugin_api::{
    Action, Arguments, BootContext, DerivedImageClass, Error, Finding, Hold, Host, Image, Kernel, Result,
};
use serde_json::Value;

/// The class of staging images.
pub(crate) struct NfsStagingImage;

impl DerivedImageClass for NfsStagingImage {
    fn actions(&self) -> Vec<Action<Self>> {
        let create = Action::create("Create a staging image", |_, image, args: Arguments, host| {
            create(image, &OsTreeRequest::from_arguments(Purpose::Nfs, &args, host)?, host)
        });
        vec![
            create
                .words("create-staging")
                .help("Create a staging image: a tree to customise, from which golden images are made")
                .map_spec(parameters::of_staging),
        ]
    }

    fn remove_files(&self, image: &Image, host: &Host<'_>) -> Result<()> {
        // Images of 1.x are not on record: the name says where the tree is.
        host.remove(&Staging::of(image.name(), host)?.tree)
    }

    fn check_removal(&self, image: &Image, host: &Host<'_>) -> Result<()> {
        let mut needers = Vec::new();
        for name in host.images(GOLDEN)? {
            if host.image(&name)?.text("staging").as_deref() == Some(image.name().as_str()) {
                needers.push(name.to_string());
            }
        }
        if needers.is_empty() {
            return Ok(());
        }
        let (what, verb) = if needers.len() == 1 { ("image", "is") } else { ("images", "are") };
        Err(Error::refused(format!("golden {what} {} {verb} made from it", needers.join(", ")))
            .hint(format!("remove the golden {what} first")))
    }

    fn get_boot_file_template(&self, image: &Image, boot: &BootContext, host: &Host<'_>) -> Result<String> {
        let tree = Staging::of(image.name(), host)?.tree;
        boot_file::template(image, "NFS staging", &tree, "", boot, host)
    }

    fn clone_image(&self, source: &Image, image: &mut Image, host: &Host<'_>) -> Result<()> {
        let (from, to) = (Staging::of(source.name(), host)?, Staging::of(image.name(), host)?);
        host.acquire_directory(&to.work, Hold::Action)?;
        host.acquire_directory(&to.tree, Hold::Image)?;
        let choice = trees::choose(&from.tree, &to.work, Wanted::Auto, host)?;
        host.info(format!("making the tree by {} ({})", choice.method, choice.why));
        space_check::one(image.name(), &from.tree, &to.work, choice.method, host)?;
        let made = to.work.join("tree");
        trees::copy_tree(&from.tree, &made, choice.method, host)?;
        identities::forget(&made, host)?;
        places::put(&made, &to.tree, host)?;
        places::record(image, &to.tree, host)?;
        Ok(())
    }

    fn set_kernel(&self, image: &mut Image, kernel: &Kernel, host: &Host<'_>) -> Result<()> {
        let places = Staging::of(image.name(), host)?;
        show::check_kernel(&places.tree, kernel, host)?;
        image.set_kernel(kernel);
        places::record(image, &places.tree, host)
    }

    fn show(&self, image: &Image, host: &Host<'_>) -> Result<Value> {
        show::staging(image, host)
    }

    fn verify(&self, image: &Image, host: &Host<'_>) -> Result<Vec<Finding>> {
        verify::staging(image, host)
    }

    fn os_tree(&self, image: &Image, host: &Host<'_>) -> Result<Utf8PathBuf> {
        Ok(Staging::of(image.name(), host)?.tree)
    }
}

/// The tree is made beside its place, flushed to disk, and put there in one rename.
fn create(image: &mut Image, request: &OsTreeRequest, host: &Host<'_>) -> Result<()> {
    let places = Staging::of(image.name(), host)?;
    let plan = Plan::of(format!("making image {}", image.name()));
    os_tree::plan_space(plan, request, &places.work)?.0.check(host)?;
    host.acquire_directory(&places.work, Hold::Action)?;
    host.acquire_directory(&places.tree, Hold::Image)?;
    let (tree, scratch) = (places.work.join("tree"), places.work.join("scratch"));
    trees::make_root(&tree, host)?;
    os_tree::make_directory(&scratch, 0o700)?;
    let made = os_tree::make(image.name().as_str(), request, &tree, &scratch, host)?;
    trees::flush(&tree)?;
    places::put(&tree, &places.tree, host)?;
    image.set_kernel(&made.kernel);
    request.record(image);
    image.set(params::PACKAGE_SET, request.set.to_string());
    places::record(image, &places.tree, host)
}
