//! A module of the time of API 1.2.0. It uses what came with that version: a class that refines what it has from a base of another
//! module, whichever version that is built for.
#![forbid(unsafe_code)]

use disklessset_plugin_api::{
    ActionSpec, Arguments, DerivedImageClass, Host, Image, ImageName, ParamKind, ParamSpec, Result,
    declare_module, serde_json::Value,
};

struct RimedDemo;

impl DerivedImageClass for RimedDemo {
    fn actions(&self) -> Vec<ActionSpec> {
        vec![
            ActionSpec::change("thaw", "Thaw an image").confirm("It melts. Go on?").safe_to_try(),
            ActionSpec::change("freeze", "Freeze an image").never_tried("it is cold enough"),
        ]
    }

    fn refine(&self, action: ActionSpec) -> Option<ActionSpec> {
        let thick = ParamSpec::flag("thick", ParamKind::Flag, "Thick rime");
        match action.words.as_str() {
            "create" => Some(
                action
                    .words("rime")
                    .label("Create a rimed image")
                    .without("crash")
                    .with("my_message", |message| message.default("rime").help("What is under the rime"))
                    .param(thick),
            ),
            "message" => None,
            _ => Some(action),
        }
    }

    fn create_new_image(&self, image: &mut Image, args: &Arguments, host: &Host<'_>) -> Result<Option<()>> {
        host.base().create_new_image(image, &args.clone().with("crash", false))?;
        image.set("thick", args.flag("thick"));
        Ok(Some(()))
    }

    fn clone_image(&self, source: &Image, image: &mut Image, host: &Host<'_>) -> Result<Option<()>> {
        host.base().clone_image(source, image)?;
        image.set("thawed_from", source.name().to_string());
        Ok(Some(()))
    }

    fn clean(&self, _name: &ImageName, host: &Host<'_>) -> Result<Option<()>> {
        host.info("the rime is wiped off");
        Ok(Some(()))
    }

    fn action(
        &self,
        words: &str,
        image: &mut Image,
        args: &Arguments,
        host: &Host<'_>,
    ) -> Result<Option<Value>> {
        if words == "thaw" {
            // Words that only the base knows.
            host.base().action("message", image, &args.clone().with("my_message", "thawed"))?;
        }
        image.set("thick", words == "freeze");
        Ok(Some(Value::Null))
    }
}

declare_module! {
    name: "rimed",
    title: "A module of API 1.2.0",
    classes: { "RimedDemo": "DemoImage" "^0.1" => RimedDemo },
}
