//! Classes that build on each other: which module runs which step.
//!
//! A step goes to the most derived class first, and to the class below when it is not defined there. Base classes call back
//! to the most derived class through the host ([`Classes::run_call`]), so that a class which changes one step alone changes it
//! for everything its base does.

use disklessset_plugin_api::messages::{StepCall, StepReply, StepRequest, steps};
use disklessset_plugin_api::{ActionSpec, Error, ErrorKind, ImageName, Kernel, Role};

use super::action_rules;
use super::description::Action;
use super::inheritance::{self, ClassAction};
use super::registry::{ChainLink, ModuleEntry, ModuleRegistry, ModuleState, Unavailable};
use super::session::HostService;
use super::sources::takes_a_source;

/// The classes of all modules in use.
#[derive(Debug, Clone)]
pub struct Classes {
    registry: ModuleRegistry,
}

/// An action as a module offers it.
#[derive(Debug, Clone)]
pub struct OfferedAction {
    /// The classes of the module whose images it works on; of a creation the one class it creates.
    pub classes: Vec<String>,
    /// The class that declares it: one of these, or one they are built on.
    pub declared_by: String,
    /// The declaration.
    pub action: Action,
}

impl Classes {
    /// The classes of these modules.
    pub fn new(registry: ModuleRegistry) -> Self {
        Self { registry }
    }

    /// The modules behind the classes.
    pub fn registry(&self) -> &ModuleRegistry {
        &self.registry
    }

    /// Takes over what a new scan of the modules directory found.
    pub fn rescan(&mut self, registry: ModuleRegistry) {
        self.registry = registry;
    }

    /// The name of the module in use that has a class.
    pub fn module_of(&self, class: &str) -> Option<String> {
        self.registry.module_of(class).ok().map(|module| module.name.clone())
    }

    /// Whether a class is another, or is built on it.
    pub fn is_a(&self, class: &str, other: &str) -> bool {
        class == other
            || self.registry.chain(class).is_ok_and(|chain| chain.iter().any(|link| link.class == other))
    }

    /// The declarations of the actions of one class, those it inherits included.
    ///
    /// # Errors
    /// When no module in use has the class, or it cannot be loaded.
    pub fn actions_of_class(&self, class: &str) -> Result<Vec<ActionSpec>, Error> {
        let module = self.registry.module_of(class).map_err(of_unavailable)?.name.clone();
        let offered = self.actions(&module)?;
        let of_class = |offered: &OfferedAction| {
            offered.action.disabled.is_none() && offered.classes.iter().any(|name| name == class)
        };
        Ok(offered.into_iter().filter(of_class).map(|offered| offered.action.spec).collect())
    }

    /// All actions a module offers: those of its classes, and of the classes these are built on as they have them. Loads the module
    /// and the bases of its classes.
    ///
    /// # Errors
    /// When there is no such module, or it or a base cannot be loaded.
    pub fn actions(&self, module: &str) -> Result<Vec<OfferedAction>, Error> {
        let entry = self.ready_module(module)?;
        let mut offered: Vec<OfferedAction> = Vec::new();
        for class in &entry.classes {
            let chain = self.registry.chain(class.name.as_str()).map_err(of_unavailable)?;
            for own in inheritance::actions_along(&chain)? {
                offer(&mut offered, class.name.as_str(), own);
            }
        }
        if offered.iter().any(|offered| takes_a_source(&offered.action.spec)) {
            let sources = self.sources();
            offered.iter_mut().for_each(|offered| offered.action.spec.offer_sources(&sources));
        }
        // Making comes before what is done with the made, whatever class each is of.
        offered.sort_by_key(|offered| offered.action.spec.role != Role::Create);
        Ok(offered)
    }

    /// The actions that a class has and nobody gets, by their words, with the reason: what it made of an inherited one cannot be
    /// offered. What is wrong with one that it declares itself, or with one of its base, is said of these.
    ///
    /// # Errors
    /// As [`Self::actions_of_class`].
    pub fn left_out(&self, class: &str) -> Result<Vec<(String, String)>, Error> {
        let module = self.registry.module_of(class).map_err(of_unavailable)?.name.clone();
        let offered = self.actions(&module)?;
        let chain = self.registry.chain(class).map_err(of_unavailable)?;
        let of_base = inheritance::actions_along(chain.get(1..).unwrap_or_default())?;
        let fault_of_base = |own: &ClassAction| {
            own.action.disabled.is_some()
                && of_base.iter().any(|base| base.declared_by == own.declared_by && base.action == own.action)
        };
        let inherited = inheritance::actions_along(&chain)?.into_iter().filter(|own| {
            let declared = own.declared_by == class && own.action.disabled.is_some();
            !declared && !fault_of_base(own)
        });
        Ok(inherited
            .filter_map(|own| {
                let reason =
                    own.action.disabled.clone().or_else(|| otherwise(&offered, class, &own.action.spec));
                Some((own.action.spec.words, reason?))
            })
            .collect())
    }

    /// Runs a step of a class, most derived first.
    ///
    /// # Errors
    /// The step's own; [`ErrorKind::NOT_FOUND`] when no module has the class; [`ErrorKind::NOT_DEFINED`] when no class
    /// of the chain defines the step and the host has no default for it.
    pub fn run_step(
        &self,
        class: &str,
        request: StepRequest,
        host: &dyn HostService,
    ) -> Result<StepReply, Error> {
        let chain = self.registry.chain(class).map_err(of_unavailable)?;
        run_along(&chain, request, host)
    }

    /// Runs a step that a module asked for through the host: of the image's own class, or of what lies below `base_of`.
    ///
    /// # Errors
    /// As [`Self::run_step`]; [`ErrorKind::USAGE`] without an image, or when `base_of` is no class of it.
    pub fn run_call(&self, call: StepCall, host: &dyn HostService) -> Result<StepReply, Error> {
        let StepCall { base_of, request } = call;
        let image = match (&request.image, &base_of) {
            (Some(image), _) => image,
            // Without an image the calling class is the most derived there is.
            (None, Some(above)) => {
                let chain = self.registry.chain(above).map_err(of_unavailable)?;
                return run_along(chain.get(1..).unwrap_or_default(), request, host);
            }
            (None, None) => {
                return Err(Error::usage(format!("step {} was asked for without an image", request.step)));
            }
        };
        let chain = self.registry.chain(image.class()).map_err(of_unavailable)?;
        let Some(above) = base_of else { return run_along(&chain, request, host) };
        let at = chain.iter().position(|link| link.class == above).ok_or_else(|| {
            Error::usage(format!(
                "image {} is of class {}, not built on {above}",
                image.name(),
                image.class()
            ))
        })?;
        run_along(&chain[at + 1..], request, host)
    }

    /// Has every class of a chain clean, from the derived one down to the base, each what is its own: none keeps those below from it,
    /// by not leaving it to them or by failing.
    ///
    /// # Errors
    /// What the classes could not clean, the first one's first; [`ErrorKind::NOT_FOUND`] when no module has the class.
    pub fn clean(&self, class: &str, name: &ImageName, host: &dyn HostService) -> Result<(), Error> {
        let mut failed: Option<Error> = None;
        for link in self.registry.chain(class).map_err(of_unavailable)? {
            let request =
                StepRequest { name: Some(name.clone()), ..StepRequest::new(link.class, steps::CLEAN) };
            let cleaned = link
                .module
                .load()
                .map_err(Error::from)
                .and_then(|module| module.call(request, host).map(drop));
            match (cleaned, &mut failed) {
                (Ok(()), _) => {}
                (Err(error), _) if error.kind == ErrorKind::NOT_DEFINED => {}
                (Err(error), Some(first)) => first.causes.push(format!("{} too: {error}", link.class)),
                (Err(error), None) => failed = Some(error),
            }
        }
        failed.map_or(Ok(()), Err)
    }

    fn ready_module(&self, name: &str) -> Result<&ModuleEntry, Error> {
        let hint = "disklessset module list";
        match self.registry.module(name) {
            None => Err(Error::new(ErrorKind::NOT_FOUND, format!("there is no module {name}")).hint(hint)),
            Some(entry) if entry.state == ModuleState::Ready => Ok(entry),
            Some(entry) => {
                let reason = entry.reason.as_deref().unwrap_or_default();
                let message = format!("module {name} is not used: {reason}");
                Err(Error::refused(message).hint(entry.hint.as_deref().unwrap_or(hint)))
            }
        }
    }
}

/// Adds an action unless an earlier class of the module has taken its words.
fn offer(offered: &mut Vec<OfferedAction>, class: &str, own: ClassAction) {
    let ClassAction { declared_by, action } = own;
    match offered.iter_mut().find(|other| action_rules::clash(&other.action.spec.words, &action.spec.words)) {
        None => offered.push(OfferedAction { classes: vec![class.to_owned()], declared_by, action }),
        Some(other) => {
            let shared = action_rules::is_shared(&other.action.spec, &action.spec);
            if shared && !other.classes.iter().any(|known| known == class) {
                other.classes.push(class.to_owned());
            }
        }
    }
}

/// Why an action of a class is not offered, though nothing is wrong with it: another class of the module has its words.
fn otherwise(offered: &[OfferedAction], class: &str, spec: &ActionSpec) -> Option<String> {
    let other = offered.iter().find(|other| action_rules::clash(&other.action.spec.words, &spec.words))?;
    if other.classes.iter().any(|known| known == class) {
        return None;
    }
    let (of, words) = (other.classes.join(" and "), &other.action.spec.words);
    Some(match spec.role {
        Role::Create => {
            format!("{of} of the same module has {words}, and a command creates images of one class")
        }
        _ => format!("{of} of the same module has {words} otherwise, and a command has one declaration"),
    })
}

fn run_along(
    chain: &[ChainLink<'_>],
    request: StepRequest,
    host: &dyn HostService,
) -> Result<StepReply, Error> {
    for link in chain {
        let request = StepRequest { class: link.class.to_owned(), ..request.clone() };
        match link.module.load()?.call(request, host) {
            Err(error) if error.kind == ErrorKind::NOT_DEFINED => {}
            outcome => return outcome,
        }
    }
    default_step(chain, request)
}

/// What happens when nobody defines a step.
fn default_step(chain: &[ChainLink<'_>], request: StepRequest) -> Result<StepReply, Error> {
    match request.step.as_str() {
        steps::SHOW => Ok(StepReply { image: request.image, ..StepReply::default() }),
        steps::SET_KERNEL => {
            let kernel: Kernel =
                serde_json::from_value(request.attrs.get("kernel").cloned().unwrap_or_default())?;
            let mut image = request.image;
            if let Some(image) = &mut image {
                image.set_kernel(&kernel);
            }
            Ok(StepReply { image, ..StepReply::default() })
        }
        step => {
            let asked: Vec<String> =
                chain.iter().map(|link| format!("{} of module {}", link.class, link.module.name)).collect();
            let asked =
                if asked.is_empty() { "no class is left to ask".to_owned() } else { asked.join(", ") };
            let message = format!("step {step} is defined by no class of the image (asked: {asked})");
            Err(Error::new(ErrorKind::NOT_DEFINED, message))
        }
    }
}

fn of_unavailable(unavailable: Unavailable) -> Error {
    Error::new(ErrorKind::NOT_FOUND, unavailable.to_string()).hint("disklessset module list")
}
