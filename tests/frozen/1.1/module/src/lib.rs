//! A module of the time of API 1.1.0. It uses what came with that version.
#![forbid(unsafe_code)]

use camino::Utf8PathBuf;
use disklessset_plugin_api::{
    ActionSpec, Arguments, BootContext, Command, DerivedImageClass, Error, Export, Hold, Host, Image,
    ImageClass, ImageName, ParamKind, ParamSpec, Result, StandingOverlay, declare_module, serde_json::Value,
    serde_json::json,
};

const FILE: &str = "frost.txt";

/// The tree of an image outside its directory, and the view of it that stands.
fn place(name: &ImageName, host: &Host<'_>) -> Result<Utf8PathBuf> {
    Ok(host.paths()?.nfs_golden.join(name.as_str()))
}

fn overlay(name: &ImageName, host: &Host<'_>) -> Result<StandingOverlay> {
    let place = place(name, host)?;
    let below = |directory: &str| place.join(directory);
    Ok(StandingOverlay {
        lower: below("tree"),
        upper: below("upper"),
        work: below("work"),
        target: below("view"),
    })
}

struct FrostedImage;

impl FrostedImage {
    fn fill(image: &Image, text: &str, host: &Host<'_>) -> Result<()> {
        let place = place(image.name(), host)?;
        host.acquire_directory(&place, Hold::Image)?;
        for directory in ["tree", "upper", "work", "view"] {
            std::fs::create_dir(place.join(directory))?;
        }
        std::fs::write(place.join("tree").join(FILE), text)?;
        std::fs::write(image.directory().join(FILE), text)?;
        Ok(())
    }

    fn write(image: &mut Image, text: &str, host: &Host<'_>) -> Result<()> {
        let next = host.work_area(image.name(), Hold::Action)?.join(FILE);
        std::fs::write(&next, text)?;
        image.set("text", text);
        host.publish_with(image, &next, &image.directory().join(FILE))
    }
}

impl ImageClass for FrostedImage {
    fn actions(&self) -> Vec<ActionSpec> {
        let text = || ParamSpec::flag("text", ParamKind::Text, "What is written").default("frost");
        let seconds = || {
            ParamSpec::flag("seconds", ParamKind::Integer { min: 0, max: 60 }, "Seconds it takes").default(0)
        };
        vec![
            ActionSpec::create("Create a frosted image").param(text()).param(seconds()),
            ActionSpec::change("write", "Write on an image").param(text()).param(seconds()),
            ActionSpec::change("keep", "Keep an image from being removed"),
            ActionSpec::change("release", "Let an image be removed"),
            ActionSpec::change("offer", "Offer an image to NFS clients"),
            ActionSpec::change("withdraw", "No longer offer an image"),
            ActionSpec::change("stand", "Let a view of an image stand"),
            ActionSpec::change("fall", "Take the view of an image away"),
            ActionSpec::overview("offers", "What is offered, and to whom"),
        ]
    }

    fn create_new_image(&self, image: &mut Image, args: &Arguments, host: &Host<'_>) -> Result<()> {
        let text: String = args.need("text")?;
        Self::fill(image, &text, host)?;
        host.run(&Command::new("sleep").arg(args.need::<i64>("seconds")?.to_string()))?;
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
        image.unset("kept");
        let text = std::fs::read_to_string(source.directory().join(FILE))?;
        Self::fill(image, &text, host)
    }

    fn action(&self, words: &str, image: &mut Image, args: &Arguments, host: &Host<'_>) -> Result<Value> {
        let place = place(image.name(), host)?;
        match words {
            "write" => {
                Self::write(image, &args.need::<String>("text")?, host)?;
                host.run(&Command::new("sleep").arg(args.need::<i64>("seconds")?.to_string()))?;
            }
            "keep" => image.set("kept", true),
            "release" => image.unset("kept"),
            "offer" => {
                let (clients, options) =
                    (vec!["10.0.0.0/8".to_owned()], vec!["ro".to_owned(), "fsid=7".to_owned()]);
                host.export(&Export { path: place.join("tree"), clients, options })?;
            }
            "withdraw" => return Ok(host.unexport(&place.join("tree"))?.into()),
            "stand" => host.standing_overlay(&overlay(image.name(), host)?)?,
            "fall" => host.release(&place.join("view"))?,
            other => return Err(Error::usage(format!("there is no action {other}"))),
        }
        Ok(Value::Null)
    }

    fn overview(&self, words: &str, _args: &Arguments, host: &Host<'_>) -> Result<Value> {
        let offered = host.exports()?;
        let clients: Vec<&str> = offered.iter().map(|export| export.clients.as_str()).collect();
        Ok(json!({ "words": words, "images": host.images("FrostedImage")?, "clients": clients }))
    }

    fn check_removal(&self, image: &Image, _host: &Host<'_>) -> Result<()> {
        if image.flag("kept") {
            return Err(
                Error::refused(format!("image {} is kept", image.name())).hint("disklessset frosted release")
            );
        }
        Ok(())
    }

    fn recovered(&self, image: &mut Image, action: &str, _host: &Host<'_>) -> Result<Option<String>> {
        image.set("recovered_from", action);
        Ok(Some(format!("the frost of {} stays", image.name())))
    }
}

/// Built on a class of a module of API 1.0.0.
struct FrostedIce;

impl DerivedImageClass for FrostedIce {
    fn check_removal(&self, image: &Image, _host: &Host<'_>) -> Result<Option<()>> {
        if image.text("text").as_deref() == Some("mammoth") {
            return Err(Error::refused(format!("there is a mammoth in image {}", image.name())));
        }
        Ok(None)
    }

    fn show(&self, _image: &Image, _host: &Host<'_>) -> Result<Option<Value>> {
        Ok(Some(json!({ "era": "1.1.0" })))
    }
}

declare_module! {
    name: "frosted",
    title: "Built against API 1.1.0",
    classes: {
        "FrostedImage" => FrostedImage,
        "FrostedIce": "IceImage" "^0.3" => FrostedIce,
    },
}
