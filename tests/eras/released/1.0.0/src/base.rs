//! What the base of a class does, for the class that is built on it.

use crate::{
    ActionCheck, Arguments, Attributes, BootContext, Boots, Finding, Host, Image, Kernel, Refusal,
    error::Result,
    messages::{StepCall, StepReply, StepRequest, services, steps},
};
use camino::Utf8PathBuf;
use serde::Deserialize;
use serde_json::{Value, json};

/// The base of the class that is being called, from [`Host::base`]: a class that overrides a step has the base do its
/// part of it, before, after or in the middle of its own.
///
/// Steps that the base runs through [`Host::step`] come back to the most derived class, so that a class which changes one of them
/// changes it for everything its base does. There is nothing for `clean` here: the host has every class of the chain clean, from the
/// derived one down to the base.
///
/// ```
/// # use disklessset_plugin_api::{Arguments, Host, Image, Result};
/// # struct Tuned;
/// # impl Tuned {
/// fn create_new_image(&self, image: &mut Image, args: &Arguments, host: &Host<'_>) -> Result<()> {
///     host.base().create_new_image(image, args)?;
///     image.set("profile", args.need::<String>("profile")?);
///     Ok(())
/// }
/// # }
/// ```
#[derive(Clone, Copy)]
pub struct Base<'h, 'a> {
    host: &'h Host<'a>,
}

fn read<T: for<'d> Deserialize<'d>>(value: Value) -> Result<T> {
    Ok(serde_json::from_value(value)?)
}

impl<'h, 'a> Base<'h, 'a> {
    pub(crate) fn new(host: &'h Host<'a>) -> Self {
        Self { host }
    }

    fn run(&self, request: StepRequest) -> Result<StepReply> {
        let base_of = Some(self.host.class().to_owned());
        self.host.call(services::STEP, &StepCall { base_of, request })
    }

    /// Runs a step that may change the image.
    fn change(&self, image: &mut Image, request: StepRequest) -> Result<Value> {
        let reply = self.run(StepRequest { image: Some(image.clone()), ..request })?;
        if let Some(changed) = reply.image {
            *image = changed;
        }
        Ok(reply.value)
    }

    /// Runs a step that leaves the image as it is.
    fn look(&self, image: &Image, request: StepRequest) -> Result<Value> {
        self.run(StepRequest { image: Some(image.clone()), ..request }).map(|reply| reply.value)
    }

    /// Makes an image by the base's creation ([`crate::Action::create`]). The base looks at the arguments
    /// that it knows; those of a parameter that was taken away from its action are added to what it is given
    /// with [`Arguments::with`].
    ///
    /// # Errors
    /// The base's own.
    pub fn create_new_image(&self, image: &mut Image, args: &Arguments) -> Result<()> {
        self.change(image, StepRequest { arguments: args.clone(), ..StepRequest::new("", steps::CREATE) })
            .map(drop)
    }

    /// See [`crate::ImageClass::remove_files`].
    ///
    /// # Errors
    /// The base's own.
    pub fn remove_files(&self, image: &Image) -> Result<()> {
        self.look(image, StepRequest::new("", steps::REMOVE)).map(drop)
    }

    /// See [`crate::ImageClass::get_boot_file_template`].
    ///
    /// # Errors
    /// The base's own.
    pub fn get_boot_file_template(&self, image: &Image, boot: &BootContext) -> Result<String> {
        let attrs = Attributes::from([("boot".to_owned(), json!(boot))]);
        read(self.look(image, StepRequest { attrs, ..StepRequest::new("", steps::BOOT_FILE) })?)
    }

    /// See [`crate::ImageClass::clone_image`].
    ///
    /// # Errors
    /// The base's own.
    pub fn clone_image(&self, source: &Image, image: &mut Image) -> Result<()> {
        self.change(image, StepRequest { source: Some(source.clone()), ..StepRequest::new("", steps::CLONE) })
            .map(drop)
    }

    /// See [`crate::ImageClass::boots`].
    ///
    /// # Errors
    /// The base's own.
    pub fn boots(&self, image: &Image) -> Result<Boots> {
        read(self.look(image, StepRequest::new("", steps::BOOTS))?)
    }

    /// See [`crate::ImageClass::set_kernel`].
    ///
    /// # Errors
    /// The base's own.
    pub fn set_kernel(&self, image: &mut Image, kernel: &Kernel) -> Result<()> {
        let attrs = Attributes::from([("kernel".to_owned(), json!(kernel))]);
        self.change(image, StepRequest { attrs, ..StepRequest::new("", steps::SET_KERNEL) }).map(drop)
    }

    /// See [`crate::ImageClass::show`].
    ///
    /// # Errors
    /// The base's own.
    pub fn show(&self, image: &Image) -> Result<Value> {
        self.look(image, StepRequest::new("", steps::SHOW))
    }

    /// Runs an action of the base by its words.
    ///
    /// # Errors
    /// The base's own.
    pub fn action(&self, words: &str, image: &mut Image, args: &Arguments) -> Result<Value> {
        let attrs = Attributes::from([("words".to_owned(), words.into())]);
        self.change(
            image,
            StepRequest { arguments: args.clone(), attrs, ..StepRequest::new("", steps::ACTION) },
        )
    }

    /// Runs an action of the base about all images by its words.
    ///
    /// # Errors
    /// The base's own.
    pub fn overview(&self, words: &str, args: &Arguments) -> Result<Value> {
        let attrs = Attributes::from([("words".to_owned(), words.into())]);
        self.run(StepRequest { arguments: args.clone(), attrs, ..StepRequest::new("", steps::OVERVIEW) })
            .map(|reply| reply.value)
    }

    /// See [`crate::ImageClass::check`]. The base looks at the arguments that it knows.
    ///
    /// # Errors
    /// The base's own.
    pub fn check(&self, action: &ActionCheck<'_>, image: &Image) -> Result<Vec<Refusal>> {
        read(self.look(image, StepRequest::check(action))?)
    }

    /// See [`crate::ImageClass::verify`].
    ///
    /// # Errors
    /// The base's own.
    pub fn verify(&self, image: &Image) -> Result<Vec<Finding>> {
        read(self.look(image, StepRequest::new("", steps::VERIFY))?)
    }

    /// See [`crate::ImageClass::os_tree`].
    ///
    /// # Errors
    /// The base's own; [`crate::ErrorKind::NOT_DEFINED`] when no class below has one.
    pub fn os_tree(&self, image: &Image) -> Result<Utf8PathBuf> {
        read(self.look(image, StepRequest::new("", steps::OS_TREE))?)
    }

    /// See [`crate::ImageClass::check_removal`].
    ///
    /// # Errors
    /// The base's objection.
    pub fn check_removal(&self, image: &Image) -> Result<()> {
        self.look(image, StepRequest::new("", steps::CHECK_REMOVAL)).map(drop)
    }

    /// See [`crate::ImageClass::recovered`].
    ///
    /// # Errors
    /// The base's own.
    pub fn recovered(&self, image: &mut Image, action: &str) -> Result<Option<String>> {
        let attrs = Attributes::from([("action".to_owned(), action.into())]);
        read(self.change(image, StepRequest { attrs, ..StepRequest::new("", steps::RECOVER) })?)
    }

    /// See [`crate::ImageClass::step`].
    ///
    /// # Errors
    /// The base's own; [`crate::ErrorKind::NOT_DEFINED`] when no class below defines it.
    pub fn step(&self, step: &str, image: &mut Image, attrs: Attributes) -> Result<Value> {
        self.change(image, StepRequest { attrs, ..StepRequest::new("", step) })
    }
}
