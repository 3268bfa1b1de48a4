//! A module that lacks something: a class with no creation, and one whose parameter has the name of a
//! parameter of a source (`origin`), which its action therefore cannot offer.
#![forbid(unsafe_code)]

use disklessset_plugin_api::{
    Action, BootContext, Host, Image, ImageClass, ImageName, ParamKind, Parameters, Result, declare_module,
};

/// Its author has forgotten the creation.
struct Barren;

impl ImageClass for Barren {
    fn actions(&self) -> Vec<Action<Self>> {
        vec![Action::read("peek", "Look at an image", |_, _, (): (), _| -> Result<()> { Ok(()) })]
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
}

/// What the other class is told.
#[derive(Parameters)]
struct Creation {
    /// Where it comes from
    #[parameter(kind = ParamKind::Source, default = "apt")]
    source: String,
    /// Its own
    #[parameter(default = "here")]
    origin_from: String,
}

fn create(_class: &Clash, image: &mut Image, wanted: Creation, _host: &Host<'_>) -> Result<()> {
    image.set("source", wanted.source);
    image.set("from", wanted.origin_from);
    Ok(())
}

/// Its parameter `origin_from` is also that of the source `origin`, as an action has it.
struct Clash;

impl ImageClass for Clash {
    fn actions(&self) -> Vec<Action<Self>> {
        vec![Action::create("Create an image that needs nothing", create)]
    }

    fn remove_files(&self, _image: &Image, _host: &Host<'_>) -> Result<()> {
        Ok(())
    }

    fn clean(&self, _name: &ImageName, _host: &Host<'_>) -> Result<()> {
        Ok(())
    }

    fn get_boot_file_template(&self, _image: &Image, boot: &BootContext, _host: &Host<'_>) -> Result<String> {
        Ok(format!("#!ipxe\necho {}\n", boot.image))
    }

    fn clone_image(&self, _source: &Image, _image: &mut Image, _host: &Host<'_>) -> Result<()> {
        Ok(())
    }
}

declare_module! {
    name: "lacking",
    title: "Lacks what others need",
    classes: { "ClashImage_" => Clash, "BarrenImage" => Barren },
}
