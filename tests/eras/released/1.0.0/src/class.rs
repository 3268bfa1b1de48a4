//! The traits that authors of image classes write.

use crate::{
    Action, ActionCheck, ActionSpec, Arguments, Attributes, BootContext, Boots, Finding, Host, Image,
    ImageName, Kernel, Refusal,
    error::{Error, Result},
    messages::steps,
};
use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A class that others may be built on, with the versions of its module that are accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseClass {
    /// The class name.
    pub class: String,
    /// A version requirement on the module that has the class, such as `^0.1`.
    pub version: String,
}

/// A class of images.
///
/// The host leads: it checks names and arguments, locks, registers the installation, calls the class, writes
/// `image_data.yml` and `boot.ipxe`, publishes in one rename and unregisters. A class only fills in what is its own.
pub trait ImageClass: Sized + Send + Sync + 'static {
    /// The actions of the class, each with the function that does it. A class without [`Action::create`] is a
    /// base for others.
    fn actions(&self) -> Vec<Action<Self>>;

    /// Removes what a properly created image has outside its directory and its work area. The directory itself is
    /// already out of service when this is called.
    ///
    /// # Errors
    /// Any error: the removal is finished by the next cleaning.
    fn remove_files(&self, image: &Image, host: &Host<'_>) -> Result<()>;

    /// Removes what a crashed creation may have left outside the directory, the work area and the record of the host,
    /// from the name alone. Called with nothing there, it does nothing.
    ///
    /// # Errors
    /// Any error: the image stays CORRUPTED.
    fn clean(&self, name: &ImageName, host: &Host<'_>) -> Result<()>;

    /// The text of `boot.ipxe`, written whenever kernel or attributes change.
    ///
    /// # Errors
    /// When the image cannot be booted as it is.
    fn get_boot_file_template(&self, image: &Image, boot: &BootContext, host: &Host<'_>) -> Result<String>;

    /// Fills a new image from an existing one. Its attributes are those of the source already, its name and directory
    /// are its own.
    ///
    /// # Errors
    /// Any error, as for creation.
    fn clone_image(&self, source: &Image, image: &mut Image, host: &Host<'_>) -> Result<()>;

    /// What nodes fetch to boot an image, beside the boot file that [`Self::get_boot_file_template`] gives.
    ///
    /// # Errors
    /// When it cannot be found out.
    fn boots(&self, _image: &Image, _host: &Host<'_>) -> Result<Boots> {
        Ok(Boots::kernel_and_initramfs())
    }

    /// Changes the kernel; the host writes record and boot file afterwards.
    ///
    /// # Errors
    /// When the image cannot use it.
    fn set_kernel(&self, image: &mut Image, kernel: &Kernel, host: &Host<'_>) -> Result<()> {
        match self.boots(image, host)?.initramfs {
            true => image.set_kernel(kernel),
            false => image.set_kernel_alone(kernel),
        }
        Ok(())
    }

    /// Facts beside the attributes, for `show`: an object of name and value.
    ///
    /// # Errors
    /// When they cannot be found out.
    fn show(&self, _image: &Image, _host: &Host<'_>) -> Result<Value> {
        Ok(Value::Null)
    }

    /// Looks at an action before it is run, and says of each argument why it will not do. The menu asks after each answer, a parameters file,
    /// the command line and `--dry-run` when all is given. An action itself asks under the lock of its image. It changes nothing. A creation comes with
    /// an image that is not there yet.
    ///
    /// # Errors
    /// What speaks against the action itself, whatever its arguments (the image is mounted, a tool is missing).
    fn check(&self, _action: &ActionCheck<'_>, _image: &Image, _host: &Host<'_>) -> Result<Vec<Refusal>> {
        Ok(Vec::new())
    }

    /// Looks at a created image for `verify`: what only the class can tell. It changes nothing.
    ///
    /// # Errors
    /// When it cannot be found out.
    fn verify(&self, _image: &Image, _host: &Host<'_>) -> Result<Vec<Finding>> {
        Ok(Vec::new())
    }

    /// The OS tree of an image, a directory that may be written to and is there until the action ends: for `kernel add --from-image`.
    ///
    /// # Errors
    /// [`Error::not_defined`] for a class without one; others when it cannot be shown.
    fn os_tree(&self, _image: &Image, _host: &Host<'_>) -> Result<Utf8PathBuf> {
        Err(Error::not_defined(steps::OS_TREE))
    }

    /// Objects to the removal of an image that something else needs, before anything is touched.
    ///
    /// # Errors
    /// The objection: it names who needs the image.
    fn check_removal(&self, _image: &Image, _host: &Host<'_>) -> Result<()> {
        Ok(())
    }

    /// Recovers a created image after `action` on it was killed. What was on record is undone already; a class whose attributes
    /// follow from what is on disk sets them here. Gives back a sentence about what stays, for the user.
    ///
    /// # Errors
    /// When it cannot be told what is there.
    fn recovered(&self, _image: &mut Image, _action: &str, _host: &Host<'_>) -> Result<Option<String>> {
        Ok(None)
    }

    /// Runs a step of the class's own, which classes built on this one may override.
    ///
    /// # Errors
    /// [`Error::not_defined`] for steps it does not have.
    fn step(&self, step: &str, _image: &mut Image, _attrs: &Attributes, _host: &Host<'_>) -> Result<Value> {
        Err(Error::not_defined(step))
    }
}

/// A class built on another: every method may be left out, the base's is then used. A method that is there can have the base do its part
/// through [`Host::base`], before, after or in the middle of its own.
///
/// ```
/// # use disklessset_plugin_api::{Arguments, DerivedImageClass, Host, Image, Result};
/// struct Tuned;
///
/// impl DerivedImageClass for Tuned {
///     fn create_new_image(&self, image: &mut Image, args: &Arguments, host: &Host<'_>) -> Result<()> {
///         host.base().create_new_image(image, args)?;
///         image.set("profile", "low-latency");
///         Ok(())
///     }
/// }
/// ```
///
/// The errors of each method are those of the one of the same name in [`ImageClass`].
#[allow(clippy::missing_errors_doc, reason = "said once, above")]
pub trait DerivedImageClass: Sized + Send + Sync + 'static {
    /// Its own actions with the functions that do them, in place of the base's of the same words and beside
    /// the others. One that creates takes the place of the base's creation whatever its words are.
    fn actions(&self) -> Vec<Action<Self>> {
        Vec::new()
    }

    /// An action that the class has from its base, as it is for this class: with a parameter more or fewer, another default, another
    /// label (`action.with("size", |size| size.default("2G")).without("layout")`). `None` when this class does not have it.
    ///
    /// Only a creation may get other words. What it is to an image stays ([`crate::Role`]).
    fn refine(&self, action: ActionSpec) -> Option<ActionSpec> {
        Some(action)
    }

    /// Fills `image.directory()` and sets attributes, by the creation that the class has from its base: not
    /// called for a class with one of its own among [`Self::actions`].
    fn create_new_image(&self, image: &mut Image, args: &Arguments, host: &Host<'_>) -> Result<()> {
        host.base().create_new_image(image, args)
    }

    /// See [`ImageClass::remove_files`].
    fn remove_files(&self, image: &Image, host: &Host<'_>) -> Result<()> {
        host.base().remove_files(image)
    }

    /// See [`ImageClass::clean`]. It cleans what is this class's own; the host has the base clean after it, whatever it gives back.
    fn clean(&self, _name: &ImageName, _host: &Host<'_>) -> Result<()> {
        Ok(())
    }

    /// See [`ImageClass::get_boot_file_template`].
    fn get_boot_file_template(&self, image: &Image, boot: &BootContext, host: &Host<'_>) -> Result<String> {
        host.base().get_boot_file_template(image, boot)
    }

    /// See [`ImageClass::clone_image`].
    fn clone_image(&self, source: &Image, image: &mut Image, host: &Host<'_>) -> Result<()> {
        host.base().clone_image(source, image)
    }

    /// See [`ImageClass::boots`].
    fn boots(&self, image: &Image, host: &Host<'_>) -> Result<Boots> {
        host.base().boots(image)
    }

    /// See [`ImageClass::set_kernel`].
    fn set_kernel(&self, image: &mut Image, kernel: &Kernel, host: &Host<'_>) -> Result<()> {
        host.base().set_kernel(image, kernel)
    }

    /// See [`ImageClass::show`].
    fn show(&self, image: &Image, host: &Host<'_>) -> Result<Value> {
        host.base().show(image)
    }

    /// Runs an action that the class has from its base: those of its own ([`Self::actions`]) have functions
    /// of their own.
    fn action(&self, words: &str, image: &mut Image, args: &Arguments, host: &Host<'_>) -> Result<Value> {
        host.base().action(words, image, args)
    }

    /// Runs an action about all images that the class has from its base.
    fn overview(&self, words: &str, args: &Arguments, host: &Host<'_>) -> Result<Value> {
        host.base().overview(words, args)
    }

    /// See [`ImageClass::check`].
    fn check(&self, action: &ActionCheck<'_>, image: &Image, host: &Host<'_>) -> Result<Vec<Refusal>> {
        host.base().check(action, image)
    }

    /// See [`ImageClass::verify`].
    fn verify(&self, image: &Image, host: &Host<'_>) -> Result<Vec<Finding>> {
        host.base().verify(image)
    }

    /// See [`ImageClass::os_tree`].
    fn os_tree(&self, image: &Image, host: &Host<'_>) -> Result<Utf8PathBuf> {
        host.base().os_tree(image)
    }

    /// See [`ImageClass::check_removal`].
    fn check_removal(&self, image: &Image, host: &Host<'_>) -> Result<()> {
        host.base().check_removal(image)
    }

    /// See [`ImageClass::recovered`].
    fn recovered(&self, image: &mut Image, action: &str, host: &Host<'_>) -> Result<Option<String>> {
        host.base().recovered(image, action)
    }

    /// See [`ImageClass::step`].
    fn step(&self, step: &str, image: &mut Image, attrs: &Attributes, host: &Host<'_>) -> Result<Value> {
        host.base().step(step, image, attrs.clone())
    }
}
