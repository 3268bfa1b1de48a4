//! A program of your own on the library of disklessset: makes a demo image, tells of all there is, cancels an action, and cleans up.
//!
//! `cargo run --example connect -- ROOT MODULES_DIR [NAME]`, with the demo module in MODULES_DIR. Nothing here needs more than
//! the public library, and nothing of the command line is used. A test runs it (`tests/system/library.rs`).
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example program talks to its user")]

use std::process::ExitCode;
use std::sync::Arc;

use disklessset::{
    Cancel, Error, ErrorKind, ImageManager, ImageName, ImageStatus, KernelManager, Level, Observer, Result,
    Site, SiteOptions,
};

/// Hears what the library is doing. A web server would pass it on to its client.
struct Printer;

impl Observer for Printer {
    fn action_begins(&self, action: &str, subject: &str) {
        println!("  {action} {subject} begins");
    }

    fn action_ends(&self, action: &str, subject: &str, error: Option<&Error>) {
        match error {
            None => println!("  {action} {subject} is done"),
            Some(error) => println!("  {action} {subject} failed: {error}"),
        }
    }

    fn progress(&self, label: &str, done: u64, total: u64) {
        println!("  {label}: {done} of {total}");
    }

    fn line(&self, level: Level, text: &str) {
        println!("  [{level:?}] {text}");
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match connect(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            for cause in &error.causes {
                eprintln!("  because: {cause}");
            }
            ExitCode::from(disklessset::exit_code(error.kind))
        }
    }
}

pub(crate) fn connect(arguments: &[String]) -> Result<()> {
    let [root, modules_dir, rest @ ..] = arguments else {
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
    let images = ImageManager::new(&site);
    for class in images.classes() {
        println!("class {} of module {}: {}", class.name, class.module, class.title);
    }

    // The words and parameters are those the module declares; the library checks them.
    let given = images.parameters_from_text("DemoImage", "create", ["message=made by connect"])?;
    images.run_action("DemoImage", "create", &name, given)?;

    let shown = images.show(&name)?;
    let message: Option<String> = shown.listed.attribute("my_message")?;
    println!("{name} is {} and says {}", shown.listed.status, message.unwrap_or_default());

    // Attributes that a program changes are saved with the boot file, in one step.
    let mut image = images.get_created_image(&name)?;
    image.set("my_message", "changed by connect");
    images.register_image(&image)?;
    println!("nodes boot it through {}/boot.ipxe", image.directory());

    // An action that is cancelled leaves nothing. A server would call `cancel` from another thread.
    let cancel = Cancel::new().map_err(|cause| Error::failed("cannot make a handle").because(cause))?;
    cancel.cancel();
    let other = ImageName::parse(&format!("{name}-2")).map_err(|reason| Error::usage(reason.to_string()))?;
    match cancel.watch(|| images.clone_image(&name, &other)) {
        Err(error) if error.kind == ErrorKind::INTERRUPTED => println!("{error}"),
        outcome => return outcome.and(Err(Error::failed("the action was not cancelled"))),
    }

    for checked in images.verify(&[])? {
        for fault in &checked.faults {
            println!("{} {:?}: {}", checked.name, fault.severity, fault.text);
        }
    }
    for listed in images.list()? {
        let note = if listed.status == ImageStatus::Created { "" } else { " (to be cleaned)" };
        println!("image {} is {}{note}", listed.name, listed.status);
    }
    println!("{} kernels are there", KernelManager::new(&site).list()?.len());
    Ok(())
}
