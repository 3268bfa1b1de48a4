//! A module with a choice of faults, one at a time, that its author's tests would not show: for `module check`.
#![allow(unsafe_code, reason = "some faults need it")]
#![allow(clippy::disallowed_methods, clippy::exit, clippy::print_stdout, reason = "these are the faults")]

use disklessset_plugin_api::{
    Action, Arguments, BootContext, Error, Hold, Host, Image, ImageClass, ImageName, ParamKind, ParamSpec,
    Result, declare_module,
};
use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
    sync::OnceLock,
    time::Duration,
};

const FAULTS: [&str; 29] = [
    "none",
    "forgets-a-file-in-clean",
    "forgets-a-file-in-remove",
    "leaves-a-temporary-file",
    "panics-in-create",
    "panics-in-remove",
    "changes-the-directory",
    "prints",
    "leaves-a-mount",
    "removes-a-kernel",
    "ignores-a-stop",
    "leaves-a-process",
    "changes-the-umask",
    "changes-the-environment",
    "handles-a-signal",
    "leaks-a-thread",
    "leaks-a-file",
    "aborts",
    "exits",
    "hangs",
    "boots-another-way-each-time",
    "boots-no-script",
    "remembers-in-memory",
    "changes-while-reading",
    "changes-the-source-of-a-clone",
    "fails-to-remove",
    "refuses-to-create",
    "changes-a-file",
    "makes-a-directory",
];

/// What an image was made with; gone with the process.
static MADE: OnceLock<String> = OnceLock::new();

struct FaultyImage;

impl ImageClass for FaultyImage {
    fn actions(&self) -> Vec<Action<Self>> {
        let choices = FAULTS.map(str::to_owned).to_vec();
        let fault = ParamSpec::flag("fault", ParamKind::Choice { choices }, "What is wrong");
        vec![
            Action::create("Create a faulty image", Self::create).param(fault.required().sample("none")),
            Action::read("peek", "Look at an image", Self::peek),
            Action::change("poke", "Change an image", Self::poke),
        ]
    }

    fn remove_files(&self, image: &Image, host: &Host<'_>) -> Result<()> {
        match fault_of(image).as_str() {
            "forgets-a-file-in-clean" => fs::remove_file(forgotten(image.name(), host)?)?,
            "panics-in-remove" => panic!("nobody expected this either"),
            "fails-to-remove" => return Err(Error::failed("there is always something")),
            _ => {}
        }
        Ok(())
    }

    fn clean(&self, name: &ImageName, host: &Host<'_>) -> Result<()> {
        // Of the image it knows the name alone: which fault it is says the configuration.
        match host.config()?["clean"].as_str() {
            Some("panics") => panic!("nobody cleans {name}"),
            // Only this class knows of it: without the module nobody does.
            Some("by-name") => drop(fs::remove_file(forgotten(name, host)?)),
            // A pattern that is too wide.
            Some("takes-too-much") => {
                for entry in fs::read_dir(host.paths()?.kernels)? {
                    fs::remove_file(entry?.path())?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn get_boot_file_template(&self, image: &Image, boot: &BootContext, _host: &Host<'_>) -> Result<String> {
        match fault_of(image).as_str() {
            "boots-another-way-each-time" => {
                Ok(format!("#!ipxe\necho {}\necho {}\n", boot.image, std::process::id()))
            }
            "boots-no-script" => Ok(format!("echo {}\n", boot.image)),
            _ => Ok(format!("#!ipxe\necho {}\n", boot.image)),
        }
    }

    fn clone_image(&self, source: &Image, image: &mut Image, host: &Host<'_>) -> Result<()> {
        fs::copy(source.directory().join("part"), image.directory().join("part"))?;
        match fault_of(source).as_str() {
            "forgets-a-file-in-clean" => fs::write(forgotten(image.name(), host)?, "x")?,
            "changes-the-source-of-a-clone" => fs::write(source.directory().join("cloned"), "x")?,
            _ => {}
        }
        Ok(())
    }
}

impl FaultyImage {
    fn create(&self, image: &mut Image, args: Arguments, host: &Host<'_>) -> Result<()> {
        let fault: String = args.need("fault")?;
        image.set("fault", fault.as_str());
        let work = host.work_area(image.name(), Hold::Action)?;
        fs::write(work.join("part"), "a part")?;
        fs::copy(work.join("part"), image.directory().join("part"))?;
        match fault.as_str() {
            "forgets-a-file-in-clean" | "forgets-a-file-in-remove" => {
                fs::write(forgotten(image.name(), host)?, "x")?
            }
            "leaves-a-temporary-file" => fs::write(format!("/tmp/faulty-{}", image.name()), "x")?,
            "panics-in-create" => panic!("nobody expected this"),
            "changes-the-directory" => std::env::set_current_dir(image.directory())?,
            "prints" => println!("making an image"),
            "leaves-a-mount" => mount(image.name(), host)?,
            "refuses-to-create" => return Err(Error::refused("nobody gets an image of this class")),
            "changes-a-file" => fs::write(host.paths()?.kernels.join("vmlinuz-6.1.1-check"), "another")?,
            "makes-a-directory" => {
                let directory = host.paths()?.work.join("of-faulty/deep");
                fs::create_dir_all(&directory)?;
                fs::write(directory.join("traces"), "x")?;
            }
            "removes-a-kernel" => host.remove(&host.paths()?.kernels.join("vmlinuz-6.1.1-check"))?,
            // A loop that tries again, whatever the error.
            "ignores-a-stop" => {
                while host.checkpoint().is_err() {
                    std::thread::sleep(Duration::from_millis(100));
                }
            }
            "leaves-a-process" => {
                let sleep =
                    Command::new("sleep").arg("600").stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
                std::mem::forget(sleep);
            }
            "changes-the-umask" => drop(nix::sys::stat::umask(nix::sys::stat::Mode::S_IRWXO)),
            // SAFETY: it is not safe, which is why modules must not.
            "changes-the-environment" => unsafe { std::env::set_var("FAULTY", "yes") },
            "handles-a-signal" => handle_a_signal()?,
            "leaks-a-thread" => drop(std::thread::spawn(|| std::thread::sleep(Duration::from_secs(600)))),
            "leaks-a-file" => std::mem::forget(fs::File::open("/etc/passwd")?),
            "aborts" => std::process::abort(),
            "exits" => std::process::exit(0),
            "hangs" => std::thread::sleep(Duration::from_secs(600)),
            "remembers-in-memory" => drop(MADE.set(image.name().to_string())),
            _ => {}
        }
        Ok(())
    }

    fn peek(&self, image: &Image, (): (), host: &Host<'_>) -> Result<()> {
        if fault_of(image) == "changes-while-reading" {
            fs::write(host.paths()?.images.join(image.name().as_str()).join("peeked"), "x")?;
        }
        Ok(())
    }

    fn poke(&self, image: &mut Image, (): (), _host: &Host<'_>) -> Result<()> {
        if fault_of(image) == "remembers-in-memory" && MADE.get().is_none() {
            return Err(Error::failed("this image was made by somebody else"));
        }
        image.set("poked", "yes");
        Ok(())
    }
}

fn fault_of(image: &Image) -> String {
    image.text("fault").unwrap_or_default()
}

/// A file of an image that is on no record.
fn forgotten(name: &ImageName, host: &Host<'_>) -> Result<PathBuf> {
    Ok(host.paths()?.work.join(format!("{name}.forgotten")).into())
}

fn mount(name: &ImageName, host: &Host<'_>) -> Result<()> {
    use nix::mount::{MsFlags, mount};
    let point = host.work_area(name, Hold::Action)?.join("mounted");
    fs::create_dir(&point)?;
    mount(Some("none"), point.as_std_path(), Some("tmpfs"), MsFlags::empty(), None::<&str>)
        .map_err(|cause| Error::failed("cannot mount").because(cause))
}

fn handle_a_signal() -> Result<()> {
    use nix::sys::signal::{SigHandler, Signal, signal};
    // SAFETY: ignoring a signal runs no code.
    let done = unsafe { signal(Signal::SIGUSR1, SigHandler::SigIgn) };
    done.map(drop).map_err(|cause| Error::failed("cannot handle").because(cause))
}

declare_module! {
    name: "faulty",
    title: "A choice of faults",
    classes: { "FaultyImage" => FaultyImage },
}
