//! A module that is built with another minor version of the API than the host's.
#![forbid(unsafe_code)]

use disklessset_plugin_api::{
    API_VERSION, ActionSpec, Arguments, Attributes, BootContext, Command, DerivedImageClass, Error, Hold, Host, Image,
    ImageClass, ImageName, ParamKind, ParamSpec, Result, declare_module, serde_json::Value, serde_json::json,
};

struct EraImage;

impl ImageClass for EraImage {
    fn actions(&self) -> Vec<ActionSpec> {
        let sizes = ParamKind::Size { min: 100, max: 200, auto: true };
        vec![
            ActionSpec::create("Create a frozen image")
                .param(ParamSpec::flag("degrees", ParamKind::Integer { min: -200, max: 0 }, "How cold").default(-20))
                .param(ParamSpec::flag("block", sizes, "How large").default("auto"))
                .param(ParamSpec::flag("secret_recipe", ParamKind::Secret, "The recipe")),
            ActionSpec::change("ice melt", "Melt an image").confirm("Melt it?"),
        ]
    }

    fn create_new_image(&self, image: &mut Image, args: &Arguments, host: &Host<'_>) -> Result<()> {
        host.info("freezing");
        host.progress("freezing", 1, 2);
        host.checkpoint()?;
        let area = host.work_area(image.name(), Hold::Action)?;
        let done = host.run(&Command::new("uname").arg("-r").current_dir(area.as_str()))?;
        image.set("degrees", args.need::<i64>("degrees")?);
        image.set("uname", done.stdout.trim());
        let cold = host.step("chill", image, Attributes::from([("by".to_owned(), json!(3))]))?;
        image.set("chilled", cold);
        Ok(())
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

    fn action(&self, words: &str, image: &mut Image, _args: &Arguments, _host: &Host<'_>) -> Result<Value> {
        image.unset("degrees");
        Ok(words.into())
    }

    fn step(&self, step: &str, _image: &mut Image, attrs: &Attributes, _host: &Host<'_>) -> Result<Value> {
        match step {
            "chill" => Ok(json!({ "colder": attrs.get("by") })),
            other => Err(Error::not_defined(other)),
        }
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
