//! A class for others to build on (`refined`): it leaves something outside of its image's directory that is on no record of the
//! host, so that only its own `clean` and `remove_files` can take it away.
#![forbid(unsafe_code)]
#![allow(clippy::disallowed_methods, reason = "a module of another author writes its files as it likes")]

use disklessset_plugin_api::{
    Action, BootContext, Error, Host, Image, ImageClass, ImageName, Kernel, Parameters, Result,
    declare_module, serde_json::Value, serde_json::json,
};
use std::fs;

struct GroundImage;

/// What a new image is like.
#[derive(Parameters)]
struct Creation {
    /// The text
    #[parameter(default = "plain")]
    text: String,
    /// Dig deeper
    deep: bool,
    /// Die in the middle
    #[parameter(not_asked)]
    crash: bool,
}

/// A coat of paint.
#[derive(Parameters)]
struct Coat {
    /// The colour
    #[parameter(position, sample = "green")]
    colour: String,
}

/// What is left outside.
fn trace(name: &ImageName, host: &Host<'_>) -> Result<camino::Utf8PathBuf> {
    Ok(host.paths()?.work.join(format!("{name}.ground")))
}

impl ImageClass for GroundImage {
    fn actions(&self) -> Vec<Action<Self>> {
        vec![
            Action::create("Create an image on the ground", Self::create),
            Action::change("paint", "Paint it", Self::paint),
            Action::read("tell", "Tell its text", |_, image, (): (), _| Ok(text_of(image))),
            Action::overview("census", "Count the images", |_, (): (), host| {
                Ok(json!({ "ground": host.images("GroundImage")? }))
            }),
            Action::change("wipe", "Wipe it", |_, image, (): (), _| {
                image.set(Creation::TEXT, "");
                Ok(())
            })
            .confirm("The text is lost. Go on?")
            .safe_to_try(),
            Action::change("dig", "Dig by hand", |_, image, (): (), _| {
                image.set(Creation::DEEP, true);
                Ok(())
            })
            .never_tried("it wants a spade"),
        ]
    }

    fn remove_files(&self, image: &Image, host: &Host<'_>) -> Result<()> {
        host.remove(&trace(image.name(), host)?)
    }

    fn clean(&self, name: &ImageName, host: &Host<'_>) -> Result<()> {
        host.remove(&trace(name, host)?)
    }

    fn get_boot_file_template(&self, image: &Image, boot: &BootContext, _host: &Host<'_>) -> Result<String> {
        Ok(format!("#!ipxe\necho {} {}\n", boot.image, image.text("kernel").unwrap_or_default()))
    }

    fn clone_image(&self, source: &Image, image: &mut Image, host: &Host<'_>) -> Result<()> {
        fs::copy(source.directory().join("text"), image.directory().join("text"))?;
        fs::write(trace(image.name(), host)?, "")?;
        Ok(())
    }

    fn set_kernel(&self, image: &mut Image, kernel: &Kernel, _host: &Host<'_>) -> Result<()> {
        image.set_kernel(kernel);
        image.set("kernel_of", "ground");
        Ok(())
    }

    fn show(&self, _image: &Image, _host: &Host<'_>) -> Result<Value> {
        Ok(json!({ "ground": true }))
    }

    fn check_removal(&self, image: &Image, _host: &Host<'_>) -> Result<()> {
        match image.text("text").as_deref() {
            Some("kept") => Err(Error::refused("the ground keeps it")),
            _ => Ok(()),
        }
    }
}

impl GroundImage {
    fn create(&self, image: &mut Image, wanted: Creation, host: &Host<'_>) -> Result<()> {
        fs::write(trace(image.name(), host)?, "")?;
        if wanted.crash {
            std::process::abort();
        }
        fs::write(image.directory().join("text"), &wanted.text)?;
        image.set(Creation::TEXT, wanted.text);
        image.set(Creation::DEEP, wanted.deep);
        Ok(())
    }

    fn paint(&self, image: &mut Image, wanted: Coat, _host: &Host<'_>) -> Result<()> {
        let coats = image.text("coats").unwrap_or_default();
        image.set("coats", format!("{coats}{} ", wanted.colour));
        Ok(())
    }
}

fn text_of(image: &Image) -> String {
    image.text(Creation::TEXT).unwrap_or_default()
}

declare_module! {
    name: "ground",
    title: "A class for others to build on",
    classes: { "GroundImage" => GroundImage },
}
