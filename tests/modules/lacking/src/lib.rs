//! A module that lacks something: a class with no creation, and one whose parameter has the name of a
//! parameter of a source (`origin`), which its action therefore cannot offer.
#![forbid(unsafe_code)]

use disklessset_plugin_api::{
    ActionSpec, Arguments, BootContext, Error, Host, Image, ImageClass, ImageName, ParamKind, ParamSpec,
    Result, declare_module,
};

/// Its author has forgotten the creation.
struct Barren;

impl ImageClass for Barren {
    fn actions(&self) -> Vec<ActionSpec> {
        vec![ActionSpec::read("peek", "Look at an image")]
    }

    fn create_new_image(&self, _image: &mut Image, _args: &Arguments, _host: &Host<'_>) -> Result<()> {
        Err(Error::usage("nobody gets here"))
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

/// Its parameter `origin_from` is also that of the source `origin`, as an action has it.
struct Clash;

impl ImageClass for Clash {
    fn actions(&self) -> Vec<ActionSpec> {
        vec![
            ActionSpec::create("Create an image that needs nothing")
                .param(ParamSpec::flag("source", ParamKind::Source, "Where it comes from").default("apt"))
                .param(ParamSpec::flag("origin_from", ParamKind::Text, "Its own").default("here")),
        ]
    }

    fn create_new_image(&self, image: &mut Image, args: &Arguments, _host: &Host<'_>) -> Result<()> {
        image.set("source", args.need::<String>("source")?);
        Ok(())
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
