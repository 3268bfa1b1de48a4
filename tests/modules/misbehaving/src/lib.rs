//! A module that does what modules should not do, by way of the author's kit.
#![forbid(unsafe_code)]

use disklessset_plugin_api::{
    Action, BootContext, Error, ErrorKind, Hold, Host, Image, ImageClass, ImageName, Result, declare_module,
};

/// Panics in every step.
struct PanicImage;

impl ImageClass for PanicImage {
    fn actions(&self) -> Vec<Action<Self>> {
        vec![Action::create("Create an image and panic", Self::create)]
    }
    fn remove_files(&self, _image: &Image, _host: &Host<'_>) -> Result<()> {
        let nothing: std::result::Result<(), &str> =
            "no number".parse::<u8>().map(drop).map_err(|_| "no number");
        nothing.expect("removal panics");
        Ok(())
    }
    fn clean(&self, _name: &ImageName, _host: &Host<'_>) -> Result<()> {
        // A payload that panics again when it is dropped.
        std::panic::panic_any(Bomb)
    }
    fn get_boot_file_template(&self, image: &Image, _boot: &BootContext, _host: &Host<'_>) -> Result<String> {
        Ok(image.name().as_str()[200..].to_owned())
    }
    fn clone_image(&self, _source: &Image, _image: &mut Image, host: &Host<'_>) -> Result<()> {
        // The service itself panics in the host.
        host.call::<()>("panic", &())
    }
}

impl PanicImage {
    fn create(&self, image: &mut Image, (): (), _host: &Host<'_>) -> Result<()> {
        panic!("no image {}", image.name())
    }
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("dropped")
    }
}

/// Panics in destructors: in those of values made in steps, and in its own.
struct DropImage(#[allow(dead_code, reason = "only its destructor matters")] Bomb);

impl ImageClass for DropImage {
    fn actions(&self) -> Vec<Action<Self>> {
        vec![Action::create("Create an image and panic at the end", Self::create).words("create-drop")]
    }
    fn remove_files(&self, _image: &Image, _host: &Host<'_>) -> Result<()> {
        Ok(())
    }
    fn clean(&self, _name: &ImageName, _host: &Host<'_>) -> Result<()> {
        Ok(())
    }
    fn get_boot_file_template(
        &self,
        _image: &Image,
        _boot: &BootContext,
        _host: &Host<'_>,
    ) -> Result<String> {
        Ok(String::new())
    }
    fn clone_image(&self, source: &Image, image: &mut Image, _host: &Host<'_>) -> Result<()> {
        // A mistake easily made: the new image becomes the old one.
        *image = source.clone();
        Ok(())
    }
}

impl DropImage {
    fn create(&self, _image: &mut Image, (): (), _host: &Host<'_>) -> Result<()> {
        let _bomb = Bomb;
        Ok(())
    }
}

/// Returns errors.
struct ErrorImage;

impl ImageClass for ErrorImage {
    fn actions(&self) -> Vec<Action<Self>> {
        vec![Action::create("Create an image and fail", Self::create).words("create-error")]
    }
    fn remove_files(&self, _image: &Image, host: &Host<'_>) -> Result<()> {
        host.call("no such service", &())
    }
    fn clean(&self, _name: &ImageName, _host: &Host<'_>) -> Result<()> {
        Ok(())
    }
    fn get_boot_file_template(&self, image: &Image, _boot: &BootContext, host: &Host<'_>) -> Result<String> {
        host.step("nobody_has_this", &mut image.clone(), Default::default())?;
        Ok(String::new())
    }
    fn clone_image(&self, _source: &Image, _image: &mut Image, _host: &Host<'_>) -> Result<()> {
        Ok(())
    }
}

impl ErrorImage {
    fn create(&self, image: &mut Image, (): (), _host: &Host<'_>) -> Result<()> {
        Err(Error::new(ErrorKind::BUSY, "no space left")
            .because("the disk is small")
            .context(format!("cannot fill image {}", image.name()))
            .hint("buy a disk"))
    }
}

/// Ends the process, as a C library in a module may: in the midst of a creation, and says that all went well.
struct ExitImage;

impl ImageClass for ExitImage {
    fn actions(&self) -> Vec<Action<Self>> {
        vec![Action::create("Create an image and exit", Self::create).words("create-exit")]
    }
    fn remove_files(&self, _image: &Image, _host: &Host<'_>) -> Result<()> {
        Ok(())
    }
    fn clean(&self, _name: &ImageName, _host: &Host<'_>) -> Result<()> {
        Ok(())
    }
    fn get_boot_file_template(
        &self,
        _image: &Image,
        _boot: &BootContext,
        _host: &Host<'_>,
    ) -> Result<String> {
        Ok(String::new())
    }
    fn clone_image(&self, _source: &Image, _image: &mut Image, _host: &Host<'_>) -> Result<()> {
        Ok(())
    }
}

impl ExitImage {
    #[allow(clippy::exit, reason = "what modules should not do")]
    fn create(&self, image: &mut Image, (): (), host: &Host<'_>) -> Result<()> {
        host.work_area(image.name(), Hold::Image)?;
        std::process::exit(0)
    }
}

declare_module! {
    name: "misbehaving",
    title: "Panics, errors and destructors that panic",
    classes: {
        "PanicImage" => PanicImage,
        "DropImage" => DropImage(Bomb),
        "ErrorImage" => ErrorImage,
        "ExitImage" => ExitImage,
    },
}
