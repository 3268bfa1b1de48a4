//! The traits that authors of image classes write.

use crate::{
    ActionSpec, Arguments, Attributes, BootContext, Host, Image, ImageName, Kernel,
    error::{Error, Result},
};
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
pub trait ImageClass: Send + Sync + 'static {
    /// The actions of the class. Its creation is the one with [`crate::Role::Create`].
    fn actions(&self) -> Vec<ActionSpec>;

    /// Fills `image.directory()` and sets attributes.
    ///
    /// # Errors
    /// Any error: the host undoes everything acquired and removes the directory.
    fn create_new_image(&self, image: &mut Image, args: &Arguments, host: &Host<'_>) -> Result<()>;

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

    /// Changes the kernel; the host writes record and boot file afterwards.
    ///
    /// # Errors
    /// When the image cannot use it.
    fn set_kernel(&self, image: &mut Image, kernel: &Kernel, _host: &Host<'_>) -> Result<()> {
        image.set_kernel(kernel);
        Ok(())
    }

    /// Facts beside the attributes, for `show`: an object of name and value.
    ///
    /// # Errors
    /// When they cannot be found out.
    fn show(&self, _image: &Image, _host: &Host<'_>) -> Result<Value> {
        Ok(Value::Null)
    }

    /// Runs one of the actions other than creation.
    ///
    /// # Errors
    /// Any error: what the action acquired is undone.
    fn action(&self, words: &str, _image: &mut Image, _args: &Arguments, _host: &Host<'_>) -> Result<Value> {
        Err(Error::usage(format!("this class has no action {words}")))
    }

    /// Runs one of the actions with [`crate::Role::Overview`], which are about no single image.
    ///
    /// # Errors
    /// When it cannot be found out.
    fn overview(&self, words: &str, _args: &Arguments, _host: &Host<'_>) -> Result<Value> {
        Err(Error::usage(format!("this class has no action {words}")))
    }

    /// Objects to the removal of an image that something else needs, before anything is touched.
    ///
    /// # Errors
    /// The objection: it names who needs the image.
    fn check_removal(&self, _image: &Image, _host: &Host<'_>) -> Result<()> {
        Ok(())
    }

    /// Settles a created image after `action` on it was killed. What was on record is undone already; a class whose attributes
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

/// A class built on another: every method may be left out, the base's is then used. `Ok(None)` leaves a step to the base, with
/// the image as it was: a class that changes the image and then gives back `Ok(None)` gets an error. [`Host::base`] has the base do its part
/// within a step of the class's own.
pub trait DerivedImageClass: Send + Sync + 'static {
    /// Its own actions, in place of the base's of the same words and beside the others. One that creates takes the place of the base's
    /// creation whatever its words are.
    fn actions(&self) -> Vec<ActionSpec> {
        Vec::new()
    }

    /// An action that the class has from its base, as it is for this class: with a parameter more or fewer, another default, another
    /// label (`action.with("size", |size| size.default("2G")).without("layout")`). `None` when this class does not have it.
    ///
    /// Only a creation may get other words. What it is to an image stays ([`crate::Role`]). Hosts of API 1.1 do not ask: under them
    /// the action is as the base declares it.
    fn refine(&self, action: ActionSpec) -> Option<ActionSpec> {
        Some(action)
    }

    /// See [`ImageClass::create_new_image`].
    ///
    /// # Errors
    /// As there.
    fn create_new_image(
        &self,
        _image: &mut Image,
        _args: &Arguments,
        _host: &Host<'_>,
    ) -> Result<Option<()>> {
        Ok(None)
    }

    /// See [`ImageClass::remove_files`].
    ///
    /// # Errors
    /// As there.
    fn remove_files(&self, _image: &Image, _host: &Host<'_>) -> Result<Option<()>> {
        Ok(None)
    }

    /// See [`ImageClass::clean`]. The base cleans after it, whatever it gives back (under hosts of API 1.1 only after `Ok(None)`).
    ///
    /// # Errors
    /// As there; the base cleans all the same.
    fn clean(&self, _name: &ImageName, _host: &Host<'_>) -> Result<Option<()>> {
        Ok(None)
    }

    /// See [`ImageClass::get_boot_file_template`].
    ///
    /// # Errors
    /// As there.
    fn get_boot_file_template(
        &self,
        _image: &Image,
        _boot: &BootContext,
        _host: &Host<'_>,
    ) -> Result<Option<String>> {
        Ok(None)
    }

    /// See [`ImageClass::clone_image`].
    ///
    /// # Errors
    /// As there.
    fn clone_image(&self, _source: &Image, _image: &mut Image, _host: &Host<'_>) -> Result<Option<()>> {
        Ok(None)
    }

    /// See [`ImageClass::set_kernel`].
    ///
    /// # Errors
    /// As there.
    fn set_kernel(&self, _image: &mut Image, _kernel: &Kernel, _host: &Host<'_>) -> Result<Option<()>> {
        Ok(None)
    }

    /// See [`ImageClass::show`].
    ///
    /// # Errors
    /// As there.
    fn show(&self, _image: &Image, _host: &Host<'_>) -> Result<Option<Value>> {
        Ok(None)
    }

    /// See [`ImageClass::action`].
    ///
    /// # Errors
    /// As there.
    fn action(
        &self,
        _words: &str,
        _image: &mut Image,
        _args: &Arguments,
        _host: &Host<'_>,
    ) -> Result<Option<Value>> {
        Ok(None)
    }

    /// See [`ImageClass::overview`].
    ///
    /// # Errors
    /// As there.
    fn overview(&self, _words: &str, _args: &Arguments, _host: &Host<'_>) -> Result<Option<Value>> {
        Ok(None)
    }

    /// See [`ImageClass::check_removal`].
    ///
    /// # Errors
    /// As there.
    fn check_removal(&self, _image: &Image, _host: &Host<'_>) -> Result<Option<()>> {
        Ok(None)
    }

    /// See [`ImageClass::recovered`]. `Ok(None)` leaves it to the base, `Ok(Some(None))` has nothing to say.
    ///
    /// # Errors
    /// As there.
    fn recovered(
        &self,
        _image: &mut Image,
        _action: &str,
        _host: &Host<'_>,
    ) -> Result<Option<Option<String>>> {
        Ok(None)
    }

    /// See [`ImageClass::step`].
    ///
    /// # Errors
    /// As there.
    fn step(
        &self,
        _step: &str,
        _image: &mut Image,
        _attrs: &Attributes,
        _host: &Host<'_>,
    ) -> Result<Option<Value>> {
        Ok(None)
    }
}
