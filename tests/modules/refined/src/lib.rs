//! A class built on one of another module (`ground`): it refines what it inherits, has its base do its part of every step, and leaves
//! something outside of its image's directory beside what its base leaves.
#![forbid(unsafe_code)]
#![allow(clippy::disallowed_methods, reason = "a module of another author writes its files as it likes")]

use disklessset_plugin_api::{
    ActionSpec, Arguments, BootContext, DerivedImageClass, Host, Image, ImageName, Kernel, ParamKind,
    ParamSpec, Result, declare_module, serde_json::Value,
};
use std::fs;

struct RefinedImage;

/// What is left outside.
fn trace(name: &ImageName, host: &Host<'_>) -> Result<camino::Utf8PathBuf> {
    Ok(host.paths()?.work.join(format!("{name}.refined")))
}

impl DerivedImageClass for RefinedImage {
    fn refine(&self, action: ActionSpec) -> Option<ActionSpec> {
        let choice =
            |words: &[&str]| ParamKind::Choice { choices: words.iter().map(ToString::to_string).collect() };
        match action.words.as_str() {
            "create" => Some(
                action
                    .words("raise")
                    .label("Raise a refined image")
                    .help("Raise an image above the ground")
                    .with("text", |text| text.default("fine"))
                    .without("deep")
                    .param(
                        ParamSpec::flag("tone", choice(&["low", "high"]), "The tone")
                            .required()
                            .sample("low"),
                    ),
            ),
            "paint" => Some(
                action
                    .with("colour", |colour| colour.kind(choice(&["red", "blue"])).sample("red"))
                    .param(ParamSpec::flag("twice", ParamKind::Flag, "Two coats")),
            ),
            "tell" => None,
            _ => Some(action),
        }
    }

    fn create_new_image(&self, image: &mut Image, args: &Arguments, host: &Host<'_>) -> Result<()> {
        fs::write(trace(image.name(), host)?, "")?;
        // The user is not asked, for it is always so.
        host.base().create_new_image(image, &args.clone().with("deep", true))?;
        image.set("tone", args.need::<String>("tone")?);
        Ok(())
    }

    fn remove_files(&self, image: &Image, host: &Host<'_>) -> Result<()> {
        host.remove(&trace(image.name(), host)?)?;
        host.base().remove_files(image)
    }

    fn clean(&self, name: &ImageName, host: &Host<'_>) -> Result<()> {
        // What is the base's the base cleans, after this.
        host.remove(&trace(name, host)?)
    }

    fn get_boot_file_template(&self, image: &Image, boot: &BootContext, host: &Host<'_>) -> Result<String> {
        Ok(format!("{}# refined\n", host.base().get_boot_file_template(image, boot)?))
    }

    fn clone_image(&self, source: &Image, image: &mut Image, host: &Host<'_>) -> Result<()> {
        fs::write(trace(image.name(), host)?, "")?;
        host.base().clone_image(source, image)
    }

    fn set_kernel(&self, image: &mut Image, kernel: &Kernel, host: &Host<'_>) -> Result<()> {
        host.base().set_kernel(image, kernel)?;
        let below = image.text("kernel_of").unwrap_or_default();
        image.set("kernel_of", format!("{below} and refined"));
        Ok(())
    }

    fn show(&self, image: &Image, host: &Host<'_>) -> Result<Value> {
        let mut shown = host.base().show(image)?;
        shown["refined"] = true.into();
        Ok(shown)
    }

    fn action(&self, words: &str, image: &mut Image, args: &Arguments, host: &Host<'_>) -> Result<Value> {
        if words != "paint" || !args.flag("twice") {
            return host.base().action(words, image, args);
        }
        host.base().action(words, image, args)?;
        host.base().action(words, image, args)
    }

    fn overview(&self, words: &str, args: &Arguments, host: &Host<'_>) -> Result<Value> {
        let mut counted = host.base().overview(words, args)?;
        counted["refined"] = host.images("RefinedImage")?.into_iter().map(|name| name.to_string()).collect();
        Ok(counted)
    }

    fn check_removal(&self, image: &Image, host: &Host<'_>) -> Result<()> {
        host.base().check_removal(image)
    }

    fn recovered(&self, image: &mut Image, action: &str, host: &Host<'_>) -> Result<Option<String>> {
        host.base().recovered(image, action)
    }
}

/// Has the same base, one of its actions otherwise than the other class, and one against the rules: faults that `module check` names.
struct WeatheredImage;

impl DerivedImageClass for WeatheredImage {
    fn refine(&self, action: ActionSpec) -> Option<ActionSpec> {
        match action.words.as_str() {
            "paint" => Some(action.help("Paint it over")),
            // A rule broken, which disables it for this class.
            "dig" => Some(action.words("shovel")),
            "create" | "tell" => None,
            _ => Some(action),
        }
    }
}

declare_module! {
    name: "refined",
    title: "Classes built on one of another module",
    classes: {
        "RefinedImage": "GroundImage" "^0.1" => RefinedImage,
        "WeatheredImage": "GroundImage" "^0.1" => WeatheredImage,
    },
}
