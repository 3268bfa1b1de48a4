//! What the entries of the main menu do.

use super::{
    Menu,
    page::Page,
    stop::{Step, Stop},
};
use crate::{
    ImageStatus, ListedImage,
    cli::{
        commands::{self, parse_image_name},
        globals::absolute,
        request::{Effect, Request},
    },
    modules::{ModuleState, OfferedAction},
    versions::VersionReference,
};
use disklessset_plugin_api::{Error, ErrorKind, ImageName, KernelVersion, Role};

const BACK: &str = "Back to the main menu";
/// Below the modules: the main menu keeps its ten entries.
const VERSIONS: &str = "Versions of an image";
const NODES: &str = "Nodes and pools";
const REGISTRIES: &str = "Registries: push, pull, mirror";
/// The entry that clears an image, counted from 0. What it is for must not be cleaned first.
const CLEAR: usize = 8;

impl Menu {
    /// Does an entry, counted from 0. What crashes left is cleaned first, once: whatever was chosen, but the last resort.
    pub(super) fn entry(&mut self, chosen: usize) -> Step<()> {
        if chosen == CLEAR {
            return self.clear();
        }
        self.session.clean_first(&Effect::Changes)?;
        match chosen {
            0 => self.modules(),
            1 => Ok(self.session.perform(&commands::list::List::default())?),
            6 => Ok(self.session.perform(&commands::kernel::ListKernels)?),
            2 => self.remove(),
            3 => self.clone_image(),
            4 => self.create_from_file(),
            5 => self.set_kernel(),
            _ => self.generate_initramfs(),
        }
    }

    fn modules(&mut self) -> Step<()> {
        self.session.site.rescan();
        let output = &self.session.output;
        let registry = self.session.site.classes().registry();
        if let Some(problem) = registry.problem() {
            return Err(Error::failed(problem).into());
        }
        for entry in registry.entries().iter().filter(|entry| entry.state != ModuleState::Ready) {
            let reason = entry.reason.as_deref().unwrap_or("it is not used");
            output.warn(&format!("module {}: {reason}", entry.name));
        }
        let mut modules: Vec<(String, String)> = registry
            .ready()
            .filter(|entry| !entry.classes.is_empty())
            .map(|entry| (entry.name.clone(), entry.title.clone()))
            .collect();
        modules.sort();
        if modules.is_empty() {
            output.data(&format!("There are no modules in {}.\n", registry.directory()));
            return Ok(());
        }
        let mut entries: Vec<String> =
            modules.iter().map(|(name, title)| format!("{name}: {title}")).collect();
        entries.extend([VERSIONS, NODES, REGISTRIES].map(str::to_owned));
        entries.push(BACK.to_owned());
        let chosen = Page::new("Modules", &entries).choose(output, "Your choice")?;
        match modules.get(chosen) {
            Some((module, _)) => self.actions(module),
            None if chosen == modules.len() => self.versions(),
            None if chosen == modules.len() + 1 => self.nodes(),
            None if chosen == modules.len() + 2 => self.registries(),
            None => Ok(()),
        }
    }

    fn actions(&self, module: &str) -> Step<()> {
        let offered = self.session.site.classes().actions(module)?;
        let label = |offered: &OfferedAction| match &offered.action.disabled {
            None => offered.action.spec.label.clone(),
            Some(reason) => format!("{} (cannot be used: {reason})", offered.action.spec.label),
        };
        let mut entries: Vec<String> = offered.iter().map(label).collect();
        entries.push(BACK.to_owned());
        self.session.output.data("\n");
        let heading = format!("Module {module}");
        let chosen = Page::new(&heading, &entries).choose(&self.session.output, "Your choice")?;
        let Some(offered) = offered.get(chosen) else { return Ok(()) };
        if let Some(reason) = &offered.action.disabled {
            return Err(Error::refused(format!("this action of module {module} cannot be used"))
                .because(reason)
                .into());
        }
        self.action(module, offered)
    }

    fn action(&self, module: &str, offered: &OfferedAction) -> Step<()> {
        let spec = &offered.action.spec;
        self.session.output.data("\n");
        if spec.role == Role::Overview {
            return self.do_it(&commands::overview::Overview {
                class: offered.classes.first().cloned().unwrap_or_default(),
                words: spec.words.clone(),
                given: self.ask_parameters(&spec.params)?,
            });
        }
        let name = match spec.role {
            Role::Create => self.ask_new_name("Name of the new image")?,
            _ => {
                let of_class = |image: &ListedImage| {
                    let own = image.image_class.as_deref().unwrap_or_default();
                    offered.classes.iter().any(|class| self.session.site.classes().is_a(own, class))
                };
                let classes = offered.classes.join(" or ");
                self.choose_image("Images", &format!("There are no images of class {classes}"), of_class)?
            }
        };
        let class = offered.classes.first().map(String::as_str).unwrap_or_default();
        let given = self.ask_parameters_for(&spec.params, Some((class, &spec.words, &name)))?;
        if spec.role == Role::Create && !self.approves(&name, &spec.params, &given)? {
            self.session.output.data("Nothing was done.\n");
            return Ok(());
        }
        self.do_it(&commands::action::Action {
            module: module.to_owned(),
            classes: offered.classes.clone(),
            spec: spec.clone(),
            name,
            given,
            secret_files: [].into(),
        })
    }

    fn remove(&self) -> Step<()> {
        let name = self.choose_image("Images", "There are no images to remove", |_| true)?;
        self.do_it(&commands::remove::Remove { names: vec![name] })
    }

    fn clone_image(&self) -> Step<()> {
        let name = self.choose_image("Images", "There are no images to clone", |_| true)?;
        let new = self.ask_new_name("Name of the clone")?;
        if !self.session.output.ask_yes_no(&format!("Clone image {name} as {new}?"))? {
            self.session.output.data("Nothing was done.\n");
            return Ok(());
        }
        self.do_it(&commands::clone::Clone { from: VersionReference::from(name), new })
    }

    fn create_from_file(&self) -> Step<()> {
        loop {
            let answer = self.session.output.ask_line("Path of the parameters file: ")?;
            let from = absolute(answer.trim().into());
            match from.and_then(|from| self.session.images().load_image_file(&from).map(|_| from)) {
                Ok(from) => return self.do_it(&commands::create::Create { from }),
                Err(error) => self.session.output.error(&error),
            }
        }
    }

    fn set_kernel(&self) -> Step<()> {
        let name = self.choose_image("Images", "There are no images", |_| true)?;
        let image = self.session.images().get_created_image(&name)?;
        let now = image.kernel().map_or_else(|| "none".to_owned(), |kernel| kernel.version.to_string());
        self.session.output.data(&format!("\nThe kernel of image {name} is: {now}\n"));
        let versions = self.usable_kernels()?;
        if versions.is_empty() {
            return Err(no_kernel().into());
        }
        let version = kernel_version(&versions[self.choose_or_back("Kernels", &versions, "New kernel")?])?;
        self.do_it(&commands::kernel::SetKernel { name, version })
    }

    fn generate_initramfs(&self) -> Step<()> {
        let kernels = self.session.kernels().list()?;
        if kernels.is_empty() {
            let directory = self.session.site.layout().kernels_dir();
            self.session.output.data(&format!("There are no kernels in {directory}.\n"));
            return Ok(());
        }
        let entries: Vec<String> = kernels
            .iter()
            .map(|kernel| match kernel.initramfs {
                Some(_) => format!("{} (its initramfs will be replaced)", kernel.version),
                None => format!("{} (has no initramfs)", kernel.version),
            })
            .collect();
        let chosen = self.choose_or_back("Kernels", &entries, "Your choice")?;
        let version = kernel_version(&kernels[chosen].version)?;
        let images = commands::kernel::following::Images::Follow;
        self.do_it(&commands::kernel::GenerateInitramfs { version, images })
    }

    fn clear(&self) -> Step<()> {
        let images = self.session.images().list()?;
        // Only what can be named can be cleared.
        let named: Vec<(ImageName, ImageStatus)> = images
            .iter()
            .filter_map(|image| Some((ImageName::parse(&image.name).ok()?, image.status)))
            .collect();
        if named.is_empty() {
            self.session.output.data("There are no images to clear.\n");
            return Ok(());
        }
        let entries: Vec<String> = named.iter().map(|(name, status)| format!("{name} ({status})")).collect();
        let chosen = self.choose_or_back("Images", &entries, "Your choice")?;
        let name = named[chosen].0.clone();
        self.do_it(&commands::clear::Clear { name })
    }

    /// Carries a request out. The cleaning is over.
    pub(super) fn do_it(&self, request: &dyn Request) -> Step<()> {
        Ok(self.session.perform_cleaned(request)?)
    }

    pub(super) fn choose_image(
        &self,
        heading: &str,
        none: &str,
        wanted: impl Fn(&ListedImage) -> bool,
    ) -> Step<ImageName> {
        let images = self.session.images().list()?;
        let names: Vec<String> = images
            .into_iter()
            .filter(|image| {
                image.status == ImageStatus::Created && image.image_class.is_some() && wanted(image)
            })
            .map(|image| image.name)
            .collect();
        if names.is_empty() {
            return Err(Error::new(ErrorKind::NOT_FOUND, none).into());
        }
        let chosen = self.choose_or_back(heading, &names, "Your choice")?;
        Ok(parse_image_name(&names[chosen])?)
    }

    /// One of several entries; the last line of the page leads back.
    pub(super) fn choose_or_back(&self, heading: &str, entries: &[String], question: &str) -> Step<usize> {
        let mut all = entries.to_vec();
        all.push(BACK.to_owned());
        let chosen = Page::new(heading, &all).choose(&self.session.output, question)?;
        if chosen == entries.len() { Err(Stop::Back) } else { Ok(chosen) }
    }

    fn ask_new_name(&self, question: &str) -> Step<ImageName> {
        loop {
            let answer = self.session.output.ask_line(&format!("{question}: "))?;
            let problem = match ImageName::parse(answer.trim()) {
                Ok(name) => {
                    let taken = self.session.images().list()?.iter().any(|image| image.name == name.as_str());
                    if !taken {
                        return Ok(name);
                    }
                    format!("there is an image {name} already")
                }
                Err(reason) => reason.to_string(),
            };
            self.session.output.data(&format!("{problem}\n"));
        }
    }

    /// The versions of the kernels that images can boot.
    pub(super) fn usable_kernels(&self) -> Step<Vec<String>> {
        let kernels = self.session.kernels().list()?;
        Ok(kernels
            .into_iter()
            .filter(|kernel| kernel.initramfs.is_some())
            .map(|kernel| kernel.version)
            .collect())
    }

    /// The names of the created images of a class, of any class when it is empty.
    pub(super) fn images_of(&self, class: &str) -> Step<Vec<String>> {
        let classes = self.session.site.classes();
        let fits = |image: &ListedImage| {
            image.status == ImageStatus::Created
                && image
                    .image_class
                    .as_deref()
                    .is_some_and(|own| class.is_empty() || classes.is_a(own, class))
        };
        let images = self.session.images().list()?;
        Ok(images.into_iter().filter(fits).map(|image| image.name).collect())
    }
}

/// The error when no kernel can be offered.
pub(super) fn no_kernel() -> Error {
    Error::new(ErrorKind::NOT_FOUND, "there is no kernel with an initramfs")
        .hint("generate one (entry 8), or add a kernel: disklessset kernel add --help")
}

fn kernel_version(text: &str) -> Result<KernelVersion, Stop> {
    KernelVersion::parse(text).map_err(|cause| Stop::Failed(crate::failure::usage(cause)))
}
