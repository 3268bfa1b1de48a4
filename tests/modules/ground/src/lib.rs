//! A class for others to build on (`refined`): it leaves something outside of its image's directory that is on no record of the
//! host, so that only its own `clean` and `remove_files` can take it away.
#![forbid(unsafe_code)]
#![allow(clippy::disallowed_methods, reason = "a module of another author writes its files as it likes")]

use disklessset_plugin_api::{
    ActionSpec, Arguments, BootContext, Error, Host, Image, ImageClass, ImageName, Kernel, ParamKind,
    ParamSpec, Result, declare_module, serde_json::Value, serde_json::json,
};
use std::fs;

struct GroundImage;

/// What is left outside.
fn trace(name: &ImageName, host: &Host<'_>) -> Result<camino::Utf8PathBuf> {
    Ok(host.paths()?.work.join(format!("{name}.ground")))
}

impl ImageClass for GroundImage {
    fn actions(&self) -> Vec<ActionSpec> {
        let flag = |name: &str, help: &str| ParamSpec::flag(name, ParamKind::Flag, help);
        vec![
            ActionSpec::create("Create an image on the ground")
                .param(ParamSpec::flag("text", ParamKind::Text, "The text").default("plain"))
                .param(flag("deep", "Dig deeper"))
                .param(flag("crash", "Die in the middle").not_asked()),
            ActionSpec::change("paint", "Paint it")
                .param(ParamSpec::position("colour", ParamKind::Text, "The colour").sample("green")),
            ActionSpec::read("tell", "Tell its text"),
            ActionSpec::overview("census", "Count the images"),
            ActionSpec::change("wipe", "Wipe it").confirm("The text is lost. Go on?").safe_to_try(),
            ActionSpec::change("dig", "Dig by hand").never_tried("it wants a spade"),
        ]
    }

    fn create_new_image(&self, image: &mut Image, args: &Arguments, host: &Host<'_>) -> Result<()> {
        fs::write(trace(image.name(), host)?, "")?;
        if args.flag("crash") {
            std::process::abort();
        }
        let text: String = args.need("text")?;
        fs::write(image.directory().join("text"), &text)?;
        image.set("text", text);
        image.set("deep", args.flag("deep"));
        Ok(())
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

    fn action(&self, words: &str, image: &mut Image, args: &Arguments, _host: &Host<'_>) -> Result<Value> {
        match words {
            "paint" => {
                let coats = image.text("coats").unwrap_or_default().to_owned();
                image.set("coats", format!("{coats}{} ", args.need::<String>("colour")?));
            }
            "wipe" => image.set("text", ""),
            "dig" => image.set("deep", true),
            _ => return Ok(image.text("text").unwrap_or_default().into()),
        }
        Ok(Value::Null)
    }

    fn overview(&self, _words: &str, _args: &Arguments, host: &Host<'_>) -> Result<Value> {
        Ok(json!({ "ground": host.images("GroundImage")? }))
    }

    fn check_removal(&self, image: &Image, _host: &Host<'_>) -> Result<()> {
        match image.text("text").as_deref() {
            Some("kept") => Err(Error::refused("the ground keeps it")),
            _ => Ok(()),
        }
    }
}

declare_module! {
    name: "ground",
    title: "A class for others to build on",
    classes: { "GroundImage" => GroundImage },
}
