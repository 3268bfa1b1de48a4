//! A module of the time of API 1.0.0. It uses what was there then.
#![forbid(unsafe_code)]

use camino::Utf8PathBuf;
use disklessset_plugin_api::{
    ActionSpec, Arguments, Attributes, BootContext, Command, DerivedImageClass, Error, Hold, Host, Image,
    ImageClass, ImageName, ParamKind, ParamSpec, Result, declare_module, serde_json::Value, serde_json::json,
};

struct FrozenImage;

impl ImageClass for FrozenImage {
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
        Ok(json!({ "era": "1.0.0" }))
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

/// Lives a whole life: what it makes outside its directory is acquired through the host.
struct IceImage;

impl IceImage {
    fn place(name: &ImageName, host: &Host<'_>) -> Result<Utf8PathBuf> {
        Ok(host.paths()?.nfs_golden.join(name.as_str()))
    }

    fn fill(image: &Image, text: &str, host: &Host<'_>) -> Result<()> {
        let place = Self::place(image.name(), host)?;
        host.acquire_directory(&place, Hold::Image)?;
        std::fs::write(place.join("tree"), text)?;
        let work = host.work_area(image.name(), Hold::Action)?;
        std::fs::write(work.join("half"), text)?;
        if let Some(seconds) = image.text("seconds") {
            host.run(&Command::new("sleep").arg(seconds))?;
        }
        std::fs::rename(work.join("half"), image.directory().join("ice.txt"))?;
        Ok(())
    }
}

impl ImageClass for IceImage {
    fn actions(&self) -> Vec<ActionSpec> {
        let text = || ParamSpec::flag("text", ParamKind::Text, "What is carved").default("ice");
        vec![
            ActionSpec::create("Create an ice image").words("carve").param(text()).param(
                ParamSpec::flag("seconds", ParamKind::Integer { min: 0, max: 60 }, "Seconds it takes").default(0),
            ),
            ActionSpec::change("engrave", "Engrave an ice image").param(text()),
        ]
    }

    fn create_new_image(&self, image: &mut Image, args: &Arguments, host: &Host<'_>) -> Result<()> {
        let text: String = args.need("text")?;
        image.set("seconds", args.need::<i64>("seconds")?);
        Self::fill(image, &text, host)?;
        image.set("text", text);
        Ok(())
    }

    fn remove_files(&self, _image: &Image, _host: &Host<'_>) -> Result<()> {
        Ok(())
    }

    fn clean(&self, _name: &ImageName, _host: &Host<'_>) -> Result<()> {
        Ok(())
    }

    fn get_boot_file_template(&self, image: &Image, boot: &BootContext, _host: &Host<'_>) -> Result<String> {
        Ok(format!("#!ipxe\necho {} says {}\n", boot.image, image.text("text").unwrap_or_default()))
    }

    fn clone_image(&self, source: &Image, image: &mut Image, host: &Host<'_>) -> Result<()> {
        let text = std::fs::read_to_string(source.directory().join("ice.txt"))?;
        Self::fill(image, &text, host)
    }

    fn action(&self, _words: &str, image: &mut Image, args: &Arguments, host: &Host<'_>) -> Result<Value> {
        let text: String = args.need("text")?;
        let next = host.work_area(image.name(), Hold::Action)?.join("next");
        std::fs::write(&next, &text)?;
        host.publish(&next, &image.directory().join("ice.txt"))?;
        image.set("text", text);
        Ok(Value::Null)
    }
}

/// Built on a class of the present time.
struct FrozenDemo;

impl DerivedImageClass for FrozenDemo {
    fn show(&self, _image: &Image, _host: &Host<'_>) -> Result<Option<Value>> {
        Ok(Some("a demo on ice".into()))
    }
}

declare_module! {
    name: "frozen",
    title: "Built against API 1.0.0",
    classes: {
        "FrozenImage" => FrozenImage,
        "IceImage" => IceImage,
        "FrozenDemo": "DemoImage" "*" => FrozenDemo,
    },
}
