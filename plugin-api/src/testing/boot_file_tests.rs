//! Given a class whose boot files are wrong: the test host refuses them with the words of the host, wherever
//! the host would.

use super::TestHost;
use crate::{
    Action, BootContext, Boots, Hold, Host, Image, ImageClass, ImageName, Kernel, KernelVersion, Result,
};

/// Its images boot what their attribute says.
struct Wrong;

impl Wrong {
    fn create(&self, image: &mut Image, (): (), host: &Host<'_>) -> Result<()> {
        host.work_area(image.name(), Hold::Action)?;
        let name = image.name().to_string();
        image.set("boots", name);
        Ok(())
    }

    fn break_it(&self, image: &mut Image, (): (), _host: &Host<'_>) -> Result<()> {
        image.set("boots", "silence");
        Ok(())
    }

    fn lose_file(&self, image: &mut Image, (): (), _host: &Host<'_>) -> Result<()> {
        image.set("boots", "file");
        Ok(())
    }

    fn take_kernel(&self, image: &mut Image, (): (), _host: &Host<'_>) -> Result<()> {
        image.set_kernel(&Kernel::new(KernelVersion::parse("6.1").unwrap()));
        image.set("boots", "kernel");
        Ok(())
    }
}

impl ImageClass for Wrong {
    fn actions(&self) -> Vec<Action<Self>> {
        vec![
            Action::create("Create it", Self::create),
            Action::change("break", "Break it", Self::break_it),
            Action::change("lose", "Lose its file", Self::lose_file),
            Action::change("boot", "Boot a kernel", Self::take_kernel),
        ]
    }

    fn boots(&self, image: &Image, _host: &Host<'_>) -> Result<Boots> {
        Ok(match image.text("boots").as_deref() {
            Some("file") => Boots::only("file"),
            _ => Boots::kernel_and_initramfs(),
        })
    }

    fn get_boot_file_template(&self, image: &Image, boot: &BootContext, _host: &Host<'_>) -> Result<String> {
        Ok(match image.text("boots").as_deref() {
            Some("silence") => String::new(),
            Some("file") => format!("#!ipxe\nchain {}\n", boot.file_url("file")),
            Some("kernel") => format!("#!ipxe\nkernel {}\n# {}\n", boot.kernel_url, boot.initramfs_url),
            _ => "#!ipxe\necho nothing\n".to_owned(),
        })
    }

    fn clone_image(&self, _source: &Image, image: &mut Image, _host: &Host<'_>) -> Result<()> {
        image.set("boots", "silence");
        Ok(())
    }

    fn remove_files(&self, _image: &Image, _host: &Host<'_>) -> Result<()> {
        Ok(())
    }

    fn clean(&self, _name: &ImageName, _host: &Host<'_>) -> Result<()> {
        Ok(())
    }
}

#[test]
fn a_boot_file_that_the_host_refuses_is_refused_in_tests_too() {
    let test = TestHost::new();
    test.add_class("Wrong", Wrong);
    let silent = |name: &str| format!("the boot file of image {name} does not start with #!ipxe");
    let refused = |done: Result<Image>| done.unwrap_err().message;
    assert_eq!(refused(test.create("silence", "Wrong", &[])), silent("silence"));
    assert!(!test.places().images.join("silence").exists() && test.open().is_empty(), "all of it is undone");

    let image = test.create("well", "Wrong", &[]).unwrap();
    assert_eq!(test.boot_file(&image).unwrap(), "#!ipxe\necho nothing\n");
    assert_eq!(refused(test.clone_image(&image, "copy")), silent("copy"));
    for (words, reason) in [
        ("break", silent("well")),
        ("lose", "nodes are to fetch file, which image well does not have".to_owned()),
        (
            "boot",
            "the boot file of image well fetches the kernel without its initramfs, or the other way round"
                .into(),
        ),
    ] {
        let error = test.run_action(&mut image.clone(), words, &[]).unwrap_err();
        assert_eq!(error.message, reason, "{words}");
    }
}

#[test]
fn the_functions_of_actions_are_called_by_their_words() {
    let test = TestHost::new();
    test.add_class("Wrong", Wrong);
    let mut image = test.create("well", "Wrong", &[]).unwrap();
    let unknown = test.run_action(&mut image, "mend", &[]).unwrap_err();
    assert_eq!(unknown.message, "class Wrong declares no action mend");
    let _ = test.run_action(&mut image, "boot", &[]).unwrap_err();
    assert_eq!(image.text("boots").as_deref(), Some("kernel"), "its function was called");
}
