//! What ought to be there, and what each command makes of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::system::small::KERNEL;

/// Another kernel that images may boot.
pub(super) const OTHER: &str = "6.1.0-other";
/// A kernel that comes and goes; no image boots it.
pub(super) const GUEST: &str = "6.1.0-guest";
/// Every livenet image begins with this size, in MiB.
pub(super) const SIZE: u64 = 200;

/// One image as its user knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Picture {
    Demo {
        message: String,
        kernel: Option<String>,
    },
    Livenet {
        /// What is in `etc/motd` of the image in service.
        motd: String,
        kernel: String,
        size: u64,
        /// What is in it where the image is edited, while it is.
        edited: Option<String>,
    },
    Staging {
        kernel: String,
        exported: bool,
    },
    Golden {
        staging: String,
        kernel: String,
        exported: bool,
        nodes: BTreeSet<u32>,
    },
}

/// Which build of the demo module is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Build {
    First,
    Second,
    Gone,
}

/// All that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Model {
    pub(super) images: BTreeMap<String, Picture>,
    /// Whether the guest among the kernels is there, with its modules.
    pub(super) guest: bool,
    pub(super) demo: Build,
}

/// One command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    CreateDemo(String, String),
    Message(String, String),
    CreateLivenet(String, &'static str),
    Mount(String),
    /// Not a command: what a user does in a mounted tree.
    Edit(String, String),
    Unmount(String),
    Discard(String),
    Exec(String, String),
    Resize(String, u64),
    CreateStaging(String),
    CreateGolden(String, String),
    AddNodes(String, u32, u32),
    RemoveNodes(String, u32, u32),
    Export(String),
    Unexport(String),
    Clone(String, String),
    Remove(String),
    SetKernel(String, &'static str),
    AddKernel,
    RemoveKernel,
    InstallModule(Build),
    RemoveModule,
    Clean,
}

impl Model {
    pub(super) fn empty() -> Self {
        Self { images: BTreeMap::new(), guest: false, demo: Build::First }
    }

    /// What is there after a command that came to its end.
    pub(super) fn after(&self, step: &Step) -> Self {
        let mut next = self.clone();
        match step {
            Step::CreateDemo(name, message) => {
                next.put(name, Picture::Demo { message: message.clone(), kernel: None });
            }
            Step::CreateLivenet(name, _) => {
                let (motd, kernel) = (String::new(), KERNEL.to_owned());
                next.put(name, Picture::Livenet { motd, kernel, size: SIZE, edited: None });
            }
            Step::CreateStaging(name) => {
                next.put(name, Picture::Staging { kernel: KERNEL.to_owned(), exported: false });
            }
            Step::CreateGolden(name, from) => {
                let kernel = self.images[from].kernel().unwrap_or_default().to_owned();
                let (staging, nodes) = (from.clone(), BTreeSet::new());
                next.put(name, Picture::Golden { staging, kernel, exported: false, nodes });
            }
            Step::Clone(from, to) => next.put(to, self.images[from].copied()),
            Step::Remove(name) => drop(next.images.remove(name)),
            Step::AddKernel => next.guest = true,
            Step::RemoveKernel => next.guest = false,
            Step::InstallModule(build) => next.demo = *build,
            Step::RemoveModule => next.demo = Build::Gone,
            Step::Clean => {}
            Step::Message(name, _)
            | Step::Mount(name)
            | Step::Edit(name, _)
            | Step::Unmount(name)
            | Step::Discard(name)
            | Step::Exec(name, _)
            | Step::Resize(name, _)
            | Step::AddNodes(name, ..)
            | Step::RemoveNodes(name, ..)
            | Step::Export(name)
            | Step::Unexport(name)
            | Step::SetKernel(name, _) => {
                next.images.get_mut(name).unwrap().change(step);
            }
        }
        next
    }

    /// Whether golden images are made from a staging image, which stays for their sake.
    pub(super) fn is_needed(&self, image: &str) -> bool {
        self.images
            .values()
            .any(|picture| matches!(picture, Picture::Golden { staging, .. } if staging == image))
    }

    fn put(&mut self, name: &str, picture: Picture) {
        assert!(self.images.insert(name.to_owned(), picture).is_none(), "{name} is there twice");
    }

    /// Whether this is something that a killed command may have left once it was cleaned: all or nothing of it, and of nodes
    /// each by itself.
    pub(super) fn may_follow(&self, before: &Self, step: &Step) -> bool {
        let after = before.after(step);
        if *self == *before || *self == after {
            return true;
        }
        let (Step::AddNodes(name, ..) | Step::RemoveNodes(name, ..)) = step else { return false };
        let nodes = |model: &Self| match &model.images[name] {
            Picture::Golden { nodes, .. } => nodes.clone(),
            _ => BTreeSet::new(),
        };
        let Some(Picture::Golden { .. }) = self.images.get(name) else { return false };
        let (old, new, now) = (nodes(before), nodes(&after), nodes(self));
        let between = old.intersection(&new).all(|node| now.contains(node))
            && now.iter().all(|node| old.contains(node) || new.contains(node));
        let mut otherwise = self.clone();
        otherwise.images.insert(name.clone(), before.images[name].clone());
        between && otherwise == *before
    }
}

impl Picture {
    /// The kernel it boots.
    pub(super) fn kernel(&self) -> Option<&str> {
        match self {
            Self::Demo { kernel, .. } => kernel.as_deref(),
            Self::Livenet { kernel, .. } | Self::Staging { kernel, .. } | Self::Golden { kernel, .. } => {
                Some(kernel)
            }
        }
    }

    /// A clone of it: of what is in service, and exported to nobody.
    fn copied(&self) -> Self {
        let mut copy = self.clone();
        match &mut copy {
            Self::Demo { .. } => {}
            Self::Livenet { edited, .. } => *edited = None,
            Self::Staging { exported, .. } | Self::Golden { exported, .. } => *exported = false,
        }
        copy
    }

    fn change(&mut self, step: &Step) {
        match (self, step) {
            (Self::Demo { message, .. }, Step::Message(_, new)) => message.clone_from(new),
            (Self::Livenet { motd, edited, .. }, Step::Mount(_)) => *edited = Some(motd.clone()),
            (Self::Livenet { edited, .. }, Step::Edit(_, new)) => *edited = Some(new.clone()),
            (Self::Livenet { motd, edited, .. }, Step::Unmount(_)) => *motd = edited.take().unwrap(),
            (Self::Livenet { edited, .. }, Step::Discard(_)) => *edited = None,
            (Self::Livenet { motd, .. }, Step::Exec(_, new)) => motd.clone_from(new),
            (Self::Livenet { size, .. }, Step::Resize(_, new)) => *size = *new,
            (Self::Golden { nodes, .. }, Step::AddNodes(_, from, to)) => nodes.extend(*from..=*to),
            (Self::Golden { nodes, .. }, Step::RemoveNodes(_, from, to)) => {
                nodes.retain(|node| !(from..=to).contains(&node));
            }
            (Self::Staging { exported, .. } | Self::Golden { exported, .. }, Step::Export(_)) => {
                *exported = true
            }
            (Self::Staging { exported, .. } | Self::Golden { exported, .. }, Step::Unexport(_)) => {
                *exported = false;
            }
            (Self::Demo { kernel, .. }, Step::SetKernel(_, new)) => *kernel = Some((*new).to_owned()),
            (
                Self::Livenet { kernel, .. } | Self::Staging { kernel, .. } | Self::Golden { kernel, .. },
                Step::SetKernel(_, new),
            ) => (*new).clone_into(kernel),
            (picture, step) => panic!("{step:?} is nothing for {picture:?}"),
        }
    }
}
