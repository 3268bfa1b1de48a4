//! `kernel`: kernels with their initramfs files, and the kernel of an image.

pub(crate) mod following;

use self::following::Images;
use super::{boxed, image_name, kernel_version, parse_image_name, path_option, word};
use crate::cli::{
    globals::absolute,
    request::{Effect, Request, Session},
};
use camino::Utf8PathBuf;
use clap::{Arg, ArgGroup, ArgMatches, Command};
use disklessset_plugin_api::{Error, ErrorKind, ImageName, KernelVersion, Result};

pub(crate) fn command() -> Command {
    let version = || word("version", "VERSION", "The version, as kernel list shows it");
    Command::new("kernel")
        .about("Manage kernels")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("list").about("List kernels, their initramfs files and the images that use them"),
        )
        .subcommand(
            Command::new("add")
                .about("Add a kernel")
                .arg(path_option("vmlinuz", "FILE", "Add this kernel file"))
                .arg(path_option("modules", "DIR", "The modules that belong to FILE").requires("vmlinuz"))
                .arg(path_option("from-tree", "DIR", "Add the kernel of an OS tree, with its modules"))
                .arg(
                    Arg::new("from-image")
                        .long("from-image")
                        .value_name("NAME")
                        .help("Add the kernel inside an image, with its modules"),
                )
                .group(ArgGroup::new("source").args(["vmlinuz", "from-tree", "from-image"]).required(true))
                .arg(following::only()),
        )
        .subcommand(
            Command::new("initramfs")
                .about("Generate the initramfs of a kernel; replaces an existing one")
                .arg(version())
                .arg(following::only()),
        )
        .subcommand(
            Command::new("set")
                .about("Set the kernel of an image")
                .arg(word("name", "NAME", "The image"))
                .arg(version()),
        )
        .subcommand(Command::new("remove").about("Remove a kernel that no image uses").arg(version()))
}

pub(crate) fn request(matches: &ArgMatches) -> Result<Box<dyn Request>> {
    match matches.subcommand() {
        Some(("add", matches)) => boxed(add(matches)),
        Some(("initramfs", matches)) => boxed(initramfs(matches)),
        Some(("set", matches)) => boxed(set(matches)),
        Some(("remove", matches)) => {
            boxed(kernel_version(matches, "version").map(|version| RemoveKernel { version }))
        }
        _ => boxed(Ok(ListKernels)),
    }
}

fn initramfs(matches: &ArgMatches) -> Result<GenerateInitramfs> {
    Ok(GenerateInitramfs { version: kernel_version(matches, "version")?, images: Images::chosen(matches) })
}

fn add(matches: &ArgMatches) -> Result<AddKernel> {
    Ok(AddKernel { from: origin(matches)?, images: Images::chosen(matches) })
}

fn origin(matches: &ArgMatches) -> Result<Origin> {
    let path = |id| matches.get_one::<Utf8PathBuf>(id).map(|path| absolute(path)).transpose();
    if let Some(name) = matches.get_one::<String>("from-image") {
        return Ok(Origin::Image(parse_image_name(name)?));
    }
    if let Some(tree) = path("from-tree")? {
        return Ok(Origin::Tree(tree));
    }
    let vmlinuz = path("vmlinuz")?.ok_or_else(|| Error::usage("--vmlinuz is missing"))?;
    Ok(Origin::File { vmlinuz, modules: path("modules")? })
}

fn set(matches: &ArgMatches) -> Result<SetKernel> {
    Ok(SetKernel { name: image_name(matches, "name")?, version: kernel_version(matches, "version")? })
}

/// Lists the kernels.
pub(crate) struct ListKernels;

impl Request for ListKernels {
    fn effect(&self) -> Effect {
        Effect::Reads
    }

    fn plan(&self, _session: &Session) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        let kernels = session.kernels().list()?;
        if kernels.is_empty() {
            let directory = session.site.layout().kernels_dir();
            session.output.say(&format!("There are no kernels in {directory}."));
        }
        session.output.document("kernels", &kernels, |output| {
            if kernels.is_empty() {
                return String::new();
            }
            let rows = kernels.iter().map(|kernel| {
                let initramfs = kernel.initramfs.as_deref().unwrap_or("- (not offered for images)");
                let users =
                    if kernel.used_by.is_empty() { "-".to_owned() } else { kernel.used_by.join(", ") };
                vec![(&kernel.version).into(), (&kernel.vmlinuz).into(), initramfs.into(), users.into()]
            });
            output.table(&["VERSION", "KERNEL", "INITRAMFS", "USED BY"], rows.collect())
        });
        Ok(())
    }
}

/// Adds a kernel.
pub(crate) struct AddKernel {
    from: Origin,
    images: Images,
}

enum Origin {
    File { vmlinuz: Utf8PathBuf, modules: Option<Utf8PathBuf> },
    Tree(Utf8PathBuf),
    Image(ImageName),
}

impl Request for AddKernel {
    fn effect(&self) -> Effect {
        Effect::Changes
    }

    fn plan(&self, session: &Session) -> Result<Vec<String>> {
        Ok(match &self.from {
            Origin::File { vmlinuz, modules } => {
                let (kernel, _) = session.kernels().check_file(vmlinuz, modules.as_deref())?;
                let line = format!("add the kernel {vmlinuz}, version {}", kernel.version);
                [vec![line], self.images.plan(session, &kernel.version)?].concat()
            }
            Origin::Tree(tree) => {
                session.kernels().check_tree(tree)?;
                vec![format!("add the kernel of the tree {tree}")]
            }
            Origin::Image(name) => {
                session.images().get_created_image(name)?;
                vec![format!("add the kernel inside image {name}")]
            }
        })
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        let kernels = session.kernels();
        let version = match &self.from {
            Origin::File { vmlinuz, modules } => kernels.add(vmlinuz, modules.as_deref())?,
            Origin::Tree(tree) => kernels.add_from_tree(tree)?,
            Origin::Image(name) => session.images().add_kernel_of(name)?,
        };
        session.output.say(&format!("added kernel {version}"));
        let added = kernels.list()?.into_iter().find(|kernel| kernel.version == version.as_str());
        if added.is_some_and(|kernel| kernel.initramfs.is_none()) {
            let hint = format!("disklessset kernel initramfs {version}");
            session.output.say(&format!("It has no initramfs yet and is not offered for images: {hint}"));
        }
        self.images.follow(session, &version)
    }
}

/// Generates an initramfs.
pub(crate) struct GenerateInitramfs {
    pub(crate) version: KernelVersion,
    pub(crate) images: Images,
}

impl Request for GenerateInitramfs {
    fn effect(&self) -> Effect {
        Effect::Changes
    }

    fn plan(&self, session: &Session) -> Result<Vec<String>> {
        session.kernels().check_initramfs(&self.version)?;
        let line = format!("generate the initramfs of kernel {}", self.version);
        Ok([vec![line], self.images.plan(session, &self.version)?].concat())
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        session.kernels().generate_initramfs(&self.version)?;
        session.output.end_progress();
        session.output.say(&format!("generated the initramfs of kernel {}", self.version));
        self.images.follow(session, &self.version)
    }
}

/// Sets the kernel of an image.
pub(crate) struct SetKernel {
    pub(crate) name: ImageName,
    pub(crate) version: KernelVersion,
}

impl Request for SetKernel {
    fn effect(&self) -> Effect {
        Effect::Changes
    }

    fn plan(&self, session: &Session) -> Result<Vec<String>> {
        session.images().get_created_image(&self.name)?;
        session.kernels().usable(&self.version)?;
        Ok(vec![format!("set the kernel of image {} to {}", self.name, self.version)])
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        session.images().set_kernel(&self.name, &self.version)?;
        session.output.say(&format!("image {} boots kernel {} from now on", self.name, self.version));
        Ok(())
    }
}

/// Removes a kernel.
pub(crate) struct RemoveKernel {
    version: KernelVersion,
}

impl Request for RemoveKernel {
    fn effect(&self) -> Effect {
        Effect::Changes
    }

    fn question(&self) -> Option<String> {
        Some(format!("Remove kernel {} with its initramfs?", self.version))
    }

    fn plan(&self, session: &Session) -> Result<Vec<String>> {
        must_be_there(session, &self.version)?;
        Ok(vec![format!("remove kernel {}", self.version)])
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        session.kernels().remove(&self.version)?;
        session.output.say(&format!("removed kernel {}", self.version));
        Ok(())
    }
}

fn must_be_there(session: &Session, version: &KernelVersion) -> Result<()> {
    if session.kernels().list()?.iter().any(|kernel| kernel.version == version.as_str()) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::NOT_FOUND, format!("there is no kernel {version}"))
        .hint("`disklessset kernel list` shows all kernels"))
}
