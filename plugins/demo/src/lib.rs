//! The demo module: a worked example for authors, and a way to try disklessset without privileges.
//!
//! `DemoImage` has a message, a file that nodes could fetch, and a temporary file in its work area while it is being made.
//! With `--crash` it dies in the middle of its creation, so that one can see the cleaning at work.
#![forbid(unsafe_code)]

use disklessset_plugin_api::{
    Action, BootContext, Hold, Host, Image, ImageClass, ImageName, Parameters, Result, declare_module,
};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::Write;

/// The file in the image's directory.
const MESSAGE_FILE: &str = "message.txt";

struct DemoImage;

/// What a new image is to be like. Menu entry and questions, command-line flags, and the parameters of a file
/// follow from it.
#[derive(Parameters)]
struct Creation {
    /// Text to keep in the image
    #[parameter(flag = "message", default = "Hello from disklessset", sample = "Hello")]
    my_message: String,
    /// Crash half-way, to try the cleaning
    #[parameter(not_asked)]
    crash: bool,
}

/// What a change of the message is told.
#[derive(Parameters)]
struct NewMessage {
    /// New text to keep in the image
    #[parameter(position, sample = "Hello again")]
    my_message: String,
}

impl ImageClass for DemoImage {
    // Each action with the function that does it, which takes its parameters.
    fn actions(&self) -> Vec<Action<Self>> {
        vec![
            Action::create("Create a demo image", Self::create),
            Action::change("message", "Change the message of a demo image", Self::change_message),
        ]
    }

    fn remove_files(&self, image: &Image, host: &Host<'_>) -> Result<()> {
        // Directory and work area are the host's to remove; a demo image of ours has nothing else.
        remove_leftovers_of_1x(image.name(), host)
    }

    fn clean(&self, name: &ImageName, host: &Host<'_>) -> Result<()> {
        // Everything was acquired through the host, whose record is enough.
        remove_leftovers_of_1x(name, host)
    }

    fn get_boot_file_template(&self, image: &Image, boot: &BootContext, _host: &Host<'_>) -> Result<String> {
        // The message is the user's text, so it does not go into a script.
        Ok(format!(
            "#!ipxe\necho {} is a demo image: there is nothing to boot\necho It was created on {}\n",
            boot.image,
            image.text("creation_date").unwrap_or_default()
        ))
    }

    fn clone_image(&self, source: &Image, image: &mut Image, _host: &Host<'_>) -> Result<()> {
        let from = source.directory().join(MESSAGE_FILE);
        // Images of 1.x have no such file.
        if from.is_file() {
            fs::copy(from, image.directory().join(MESSAGE_FILE))?;
        }
        Ok(())
    }

    fn show(&self, image: &Image, _host: &Host<'_>) -> Result<Value> {
        let length = image.text(Creation::MY_MESSAGE).unwrap_or_default().chars().count();
        Ok(json!({ "message_length": length }))
    }
}

impl DemoImage {
    fn create(&self, image: &mut Image, wanted: Creation, host: &Host<'_>) -> Result<()> {
        // Asked from the host, the work area is on record before it exists: whatever kills us, it is cleaned.
        let work = host.work_area(image.name(), Hold::Action)?;
        let temporary = work.join("message.tmp");
        write(&temporary, &wanted.my_message)?;
        if wanted.crash {
            host.warn(
                "crashing on purpose; `disklessset list` now shows CORRUPTED, the next change cleans it",
            );
            std::process::abort();
        }
        fs::copy(&temporary, image.directory().join(MESSAGE_FILE))?;
        image.set(Creation::MY_MESSAGE, wanted.my_message);
        Ok(())
    }

    fn change_message(&self, image: &mut Image, wanted: NewMessage, host: &Host<'_>) -> Result<()> {
        let next = host.work_area(image.name(), Hold::Action)?.join(MESSAGE_FILE);
        write(&next, &wanted.my_message)?;
        image.set(Creation::MY_MESSAGE, wanted.my_message);
        // Nodes get the old file or the new one, never half of one; and what the image says of itself is true
        // of either.
        host.publish_with(image, &next, &image.directory().join(MESSAGE_FILE))
    }
}

/// Removes what 1.x made for a demo image outside of its directory. Nothing of ours is there.
fn remove_leftovers_of_1x(name: &ImageName, host: &Host<'_>) -> Result<()> {
    let place = host.paths()?.root.join("diskless");
    for left in [format!("demo_directory_{name}"), format!("demo_file_to_remove_{name}.txt")] {
        let left = place.join(left);
        if left.symlink_metadata().is_ok() {
            host.remove(&left)?;
        }
    }
    Ok(())
}

fn write(path: &camino::Utf8Path, text: &str) -> Result<()> {
    let mut file = File::create(path)?;
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    Ok(file.sync_all()?)
}

declare_module! {
    name: "demo",
    title: "Worked example for module authors",
    classes: { "DemoImage" => DemoImage },
}
