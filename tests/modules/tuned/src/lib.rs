//! A module of classes that build on others: one on a class of the demo module, one on a class of its own.
#![forbid(unsafe_code)]

use disklessset_plugin_api::{
    Action, Attributes, BootContext, DerivedImageClass, Error, Host, Image, ImageClass, ImageName, Result,
    declare_module,
};
use disklessset_plugin_api::{messages::steps, serde_json::Value, serde_json::json};

/// Changes the boot file of the demo class and nothing else.
struct TunedDemo;

impl DerivedImageClass for TunedDemo {
    fn get_boot_file_template(&self, image: &Image, boot: &BootContext, host: &Host<'_>) -> Result<String> {
        let attrs = Attributes::from([("boot".to_owned(), json!(boot))]);
        let text = host.base_step(steps::BOOT_FILE, &mut image.clone(), attrs)?;
        Ok(format!("{}# tuned\n", text.as_str().unwrap_or_default()))
    }

    fn remove_files(&self, image: &Image, host: &Host<'_>) -> Result<()> {
        // That nobody defines this step says nothing about the removal itself.
        host.step("nobody_has_this", &mut image.clone(), Attributes::new())?;
        Ok(())
    }
}

/// A base class with a step of its own that it runs through the host.
struct PackedImage;

impl ImageClass for PackedImage {
    fn actions(&self) -> Vec<Action<Self>> {
        vec![
            Action::create("Create a packed image", pack).words("create-packed"),
            Action::read("describe", "Describe the packing", |_, _, (): (), _| -> Result<()> {
                Err(Error::failed("nobody can describe it"))
            }),
        ]
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
        Ok("#!ipxe\n".to_owned())
    }
    fn clone_image(&self, _source: &Image, _image: &mut Image, _host: &Host<'_>) -> Result<()> {
        Ok(())
    }
    fn step(&self, step: &str, image: &mut Image, _attrs: &Attributes, _host: &Host<'_>) -> Result<Value> {
        if step != "pack" {
            return Err(disklessset_plugin_api::Error::not_defined(step));
        }
        image.set("packer", "base");
        Ok("packed".into())
    }
}

fn pack<C>(_class: &C, image: &mut Image, (): (), host: &Host<'_>) -> Result<()> {
    let how = host.step("pack", image, Attributes::new())?;
    image.set("packed", how);
    Ok(())
}

/// Changes the packing alone.
struct BetterPackedImage;

impl DerivedImageClass for BetterPackedImage {
    fn actions(&self) -> Vec<Action<Self>> {
        vec![Action::create("Create a better packed image", pack).words("create-better")]
    }
    fn step(&self, step: &str, image: &mut Image, attrs: &Attributes, host: &Host<'_>) -> Result<Value> {
        if step != "pack" {
            return host.base().step(step, image, attrs.clone());
        }
        let base = host.base_step("pack", image, attrs.clone())?;
        Ok(format!("better {}", base.as_str().unwrap_or_default()).into())
    }
}

declare_module! {
    name: "tuned",
    title: "Classes built on others",
    classes: {
        "TunedDemo": "DemoImage" "^0.1" => TunedDemo,
        "PackedImage" => PackedImage,
        "BetterPackedImage": "PackedImage" "^0.1" => BetterPackedImage,
    },
}
