//! A module that is built with another minor version of the API than the host's.
#![forbid(unsafe_code)]

use disklessset_plugin_api::{
    API_VERSION, Action, Attributes, BootContext, Command, DerivedImageClass, Error, Hold, Host, Image, ImageClass,
    ImageName, ParamKind, Parameters, Result, Secret, SizeOrAuto, declare_module, serde_json::Value, serde_json::json,
};

struct EraImage;

/// How an image is frozen.
#[derive(Parameters)]
#[allow(dead_code, reason = "some are declared alone")]
struct Recipe {
    /// How cold
    #[parameter(kind = ParamKind::Integer { min: -200, max: 0 }, default = -20)]
    degrees: i64,
    /// How large
    #[parameter(kind = ParamKind::Size { min: 100, max: 200, auto: true }, default = "auto")]
    block: Option<SizeOrAuto>,
    /// The recipe
    secret_recipe: Option<Secret>,
}

impl ImageClass for EraImage {
    fn actions(&self) -> Vec<Action<Self>> {
        vec![
            Action::create("Create a frozen image", Self::create),
            Action::change("ice melt", "Melt an image", |_, image, (): (), _| {
                image.unset("degrees");
                Ok("ice melt")
            })
            .confirm("Melt it?"),
        ]
    }

    fn remove_files(&self, image: &Image, _host: &Host<'_>) -> Result<()> {
        Err(Error::refused(format!("image {} is too cold", image.name())).because("it is frozen").hint("wait"))
    }

    fn clean(&self, name: &ImageName, _host: &Host<'_>) -> Result<()> {
        panic!("slipped on {name}")
    }

    fn get_boot_file_template(&self, _image: &Image, boot: &BootContext, _host: &Host<'_>) -> Result<String> {
        Ok(format!("#!ipxe\nkernel {} initrd={}\ninitrd {}\nboot\n", boot.kernel_url, boot.initramfs, boot.initramfs_url))
    }

    fn clone_image(&self, source: &Image, image: &mut Image, _host: &Host<'_>) -> Result<()> {
        image.set("thawed_from", source.name().as_str());
        Ok(())
    }

    fn show(&self, _image: &Image, _host: &Host<'_>) -> Result<Value> {
        Ok(json!({ "era": API_VERSION }))
    }

    fn step(&self, step: &str, _image: &mut Image, attrs: &Attributes, _host: &Host<'_>) -> Result<Value> {
        match step {
            "chill" => Ok(json!({ "colder": attrs.get("by") })),
            other => Err(Error::not_defined(other)),
        }
    }
}

impl EraImage {
    fn create(&self, image: &mut Image, recipe: Recipe, host: &Host<'_>) -> Result<()> {
        host.info("freezing");
        host.progress("freezing", 1, 2);
        host.checkpoint()?;
        let area = host.work_area(image.name(), Hold::Action)?;
        let done = host.run(&Command::new("uname").arg("-r").current_dir(area.as_str()))?;
        image.set("degrees", recipe.degrees);
        image.set("uname", done.stdout.trim());
        let cold = host.step("chill", image, Attributes::from([("by".to_owned(), json!(3))]))?;
        image.set("chilled", cold);
        Ok(())
    }
}

/// Built on a class of the host's own time.
struct EraDemo;

impl DerivedImageClass for EraDemo {
    fn show(&self, _: &Image, _: &Host<'_>) -> Result<Value> {
        Ok("a demo of another time".into())
    }
}

declare_module! {
    name: "era",
    title: "Built against another API",
    classes: {
        "EraImage" => EraImage,
        "EraDemo": "DemoImage" "*" => EraDemo,
    },
}
