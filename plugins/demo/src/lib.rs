//! The demo module.
#![forbid(unsafe_code)]
use disklessset_plugin_api::{
    ActionSpec, Arguments, BootContext, Host, Image, ImageClass, ImageName, Result, declare_module,
};

struct DemoImage;

impl ImageClass for DemoImage {
    fn actions(&self) -> Vec<ActionSpec> {
        vec![ActionSpec::create("Create a demo image")]
    }
    fn create_new_image(&self, _image: &mut Image, _args: &Arguments, _host: &Host<'_>) -> Result<()> {
        Ok(())
    }
    fn remove_files(&self, _image: &Image, _host: &Host<'_>) -> Result<()> {
        Ok(())
    }
    fn clean(&self, _name: &ImageName, _host: &Host<'_>) -> Result<()> {
        Ok(())
    }
    fn get_boot_file_template(&self, _image: &Image, boot: &BootContext, _host: &Host<'_>) -> Result<String> {
        Ok(format!("#!ipxe\necho Booting {}\n", boot.image))
    }
    fn clone_image(&self, _from: &Image, _image: &mut Image, _host: &Host<'_>) -> Result<()> {
        Ok(())
    }
}

declare_module! {
    name: "demo",
    title: "Worked example for authors",
    classes: { "DemoImage" => DemoImage },
}
