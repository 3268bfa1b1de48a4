//! A program of your own on the library of disklessset: makes a demo image and tells of all images.
//!
//! `cargo run --example connect -- ROOT MODULES_DIR [NAME]`, with the demo module in MODULES_DIR. Nothing here needs more than
//! the two public crates, and nothing of the command line is used.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example program talks to its user")]

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

use disklessset::{ImageManager, KernelManager, Observer, Site, SiteOptions};
use disklessset_plugin_api::{Error, ImageName, Level, Raw, Result};

/// Hears what the library is doing. A web server would pass it on to its client.
struct Printer;

impl Observer for Printer {
    fn line(&self, level: Level, text: &str) {
        println!("  [{level:?}] {text}");
    }
}

fn main() -> ExitCode {
    match connect() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            for cause in &error.causes {
                eprintln!("  because: {cause}");
            }
            ExitCode::from(disklessset::failure::exit_code(error.kind))
        }
    }
}

fn connect() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [root, modules_dir, rest @ ..] = arguments.as_slice() else {
        return Err(Error::usage("usage: connect ROOT MODULES_DIR [NAME]"));
    };
    let name = rest.first().map_or("connected", String::as_str);
    let name = ImageName::parse(name).map_err(|reason| Error::usage(reason.to_string()))?;

    let options = SiteOptions {
        root: Some(root.into()),
        modules_dir: Some(modules_dir.into()),
        ..SiteOptions::default()
    };
    let site = Site::open(&options, Arc::new(Printer))?;
    for module in site.classes().registry().entries() {
        println!("module {} is {:?}", module.name, module.state);
    }

    // The words and parameters are those the module declares; the library checks them.
    let images = ImageManager::new(&site);
    let given = BTreeMap::from([("my_message".to_owned(), Raw::Text("made by connect".to_owned()))]);
    images.run_action("DemoImage", "create", &name, given)?;

    let shown = images.show(&name)?;
    println!("{} is {} and says {}", name, shown.listed.status, shown.listed.attributes["my_message"]);
    let image = images.get_created_image(&name)?;
    println!("nodes boot it through {}/boot.ipxe", image.directory());
    for listed in images.list()? {
        println!("image {} is {}", listed.name, listed.status);
    }
    println!("{} kernels are there", KernelManager::new(&site).list()?.len());
    Ok(())
}
