//! Which command comes next: any that a user could give now.

use fastrand::Rng;

use super::model::{Build, GUEST, Model, OTHER, Picture, SIZE, Step};
use crate::system::small::KERNEL;

/// The names images may have; the first letter tells the class.
const NAMES: [&str; 9] = ["d1", "d2", "d3", "l1", "l2", "s1", "s2", "g1", "g2"];

/// Where the things lie that commands are given.
pub(super) struct Sources {
    pub(super) tree: String,
    pub(super) vmlinuz: String,
    pub(super) modules: String,
    pub(super) builds: [String; 2],
}

impl Model {
    /// Everything that can be done now.
    fn steps(&self, rng: &mut Rng) -> Vec<Step> {
        let mut steps = vec![Step::Clean];
        let text = format!("text {}", rng.u32(..));
        let demo = self.demo != Build::Gone;
        for name in NAMES {
            let own = || name.to_owned();
            let Some(picture) = self.images.get(name) else {
                steps.extend(self.comings(name, demo, &text, rng));
                continue;
            };
            if matches!(picture, Picture::Demo { .. }) && !demo {
                continue;
            }
            let kernel = if picture.kernel() == Some(OTHER) { KERNEL } else { OTHER };
            let mut at_rest = vec![Step::SetKernel(own(), kernel)];
            at_rest.extend((!self.is_needed(name)).then(|| Step::Remove(own())));
            match picture {
                Picture::Demo { .. } => at_rest.push(Step::Message(own(), text.clone())),
                Picture::Livenet { edited: None, .. } => at_rest.extend([
                    Step::Mount(own()),
                    Step::Mount(own()),
                    Step::Exec(own(), text.clone()),
                    Step::Resize(own(), rng.u64(SIZE..2 * SIZE)),
                ]),
                Picture::Livenet { .. } => {
                    at_rest = vec![
                        Step::Edit(own(), text.clone()),
                        Step::Unmount(own()),
                        Step::Unmount(own()),
                        Step::Discard(own()),
                    ];
                }
                Picture::Staging { exported, .. } => at_rest.push(turned(*exported, own())),
                Picture::Golden { exported, nodes, .. } => {
                    at_rest.push(turned(*exported, own()));
                    let (from, to) = (rng.u32(1..5), rng.u32(5..8));
                    if (from..=to).any(|node| !nodes.contains(&node)) {
                        at_rest.push(Step::AddNodes(own(), from, to));
                    }
                    if (from..=to).all(|node| nodes.contains(&node)) {
                        at_rest.push(Step::RemoveNodes(own(), from, to));
                    }
                }
            }
            steps.extend(at_rest);
        }
        steps.push(if self.guest { Step::RemoveKernel } else { Step::AddKernel });
        steps.push(match self.demo {
            Build::First => Step::InstallModule(Build::Second),
            Build::Second => Step::RemoveModule,
            Build::Gone => Step::InstallModule(Build::First),
        });
        steps
    }

    /// The ways in which an image of a name may come to be.
    fn comings(&self, name: &str, demo: bool, text: &str, rng: &mut Rng) -> Vec<Step> {
        let own = || name.to_owned();
        let class = &name[..1];
        let created = match class {
            "d" => demo.then(|| Step::CreateDemo(own(), text.to_owned())),
            "l" => Some(Step::CreateLivenet(own(), if rng.bool() { "flat" } else { "classic" })),
            "s" => Some(Step::CreateStaging(own())),
            _ => {
                let staging = self.images.keys().find(|image| image.starts_with('s'));
                staging.map(|staging| Step::CreateGolden(own(), staging.clone()))
            }
        };
        let mut alike = self.images.keys().filter(|image| image.starts_with(class));
        let cloned =
            alike.next().filter(|_| demo || class != "d").map(|from| Step::Clone(from.clone(), own()));
        created.into_iter().chain(cloned).collect()
    }

    /// One of them.
    pub(super) fn next(&self, rng: &mut Rng) -> Step {
        let steps = self.steps(rng);
        steps[rng.usize(..steps.len())].clone()
    }
}

fn turned(exported: bool, name: String) -> Step {
    if exported { Step::Unexport(name) } else { Step::Export(name) }
}

impl Step {
    /// The words of its command line.
    pub(super) fn words(&self, from: &Sources) -> Vec<String> {
        let size;
        let nodes;
        let source = format!("tree:{}", from.tree);
        let script;
        let words: Vec<&str> = match self {
            Self::CreateDemo(name, text) => vec!["demo", "create", name, "--message", text],
            Self::Message(name, text) => vec!["demo", "message", name, text],
            Self::CreateLivenet(name, layout) => {
                size = format!("{SIZE}M");
                let create = ["livenet", "create", name, "--kernel", KERNEL, "--source", &source];
                [&create[..], &["--layout", layout, "--size", &size]].concat()
            }
            Self::Mount(name) => vec!["livenet", "mount", name],
            Self::Edit(..) => panic!("an edit is no command"),
            Self::Unmount(name) => vec!["livenet", "unmount", name],
            Self::Discard(name) => vec!["livenet", "unmount", name, "--discard", "--yes"],
            Self::Exec(name, text) => {
                script = format!("printf %s '{text}' >/etc/motd");
                vec!["livenet", "exec", name, "--", "/bin/sh", "-c", &script]
            }
            Self::Resize(name, mebibytes) => {
                size = format!("{mebibytes}M");
                vec!["livenet", "resize", name, &size]
            }
            Self::CreateStaging(name) => {
                vec!["nfs", "create-staging", name, "--kernel", KERNEL, "--source", &source]
            }
            Self::CreateGolden(name, staging) => vec!["nfs", "create-golden", name, "--from", staging],
            Self::AddNodes(name, first, last) => {
                nodes = format!("c[{first}-{last}]");
                vec!["nfs", "nodes", "add", name, &nodes]
            }
            Self::RemoveNodes(name, first, last) => {
                nodes = format!("c[{first}-{last}]");
                vec!["nfs", "nodes", "remove", name, &nodes, "--yes"]
            }
            Self::Export(name) => vec!["nfs", "export", name, "--client", "*"],
            Self::Unexport(name) => vec!["nfs", "unexport", name],
            Self::Clone(name, copy) => vec!["clone", name, copy],
            Self::Remove(name) => vec!["remove", name, "--yes"],
            Self::SetKernel(name, version) => vec!["kernel", "set", name, version],
            Self::AddKernel => vec!["kernel", "add", "--vmlinuz", &from.vmlinuz, "--modules", &from.modules],
            Self::RemoveKernel => vec!["kernel", "remove", GUEST, "--yes"],
            Self::InstallModule(build) => {
                vec!["module", "install", &from.builds[usize::from(*build == Build::Second)]]
            }
            Self::RemoveModule => vec!["module", "remove", "demo", "--yes"],
            Self::Clean => vec!["clean", "--yes"],
        };
        words.into_iter().map(str::to_owned).collect()
    }

    /// What it is called in an account of how long such things take.
    pub(super) fn kind(&self) -> String {
        let text = format!("{self:?}");
        let end = text.find('(').unwrap_or(text.len());
        // The layouts take different times; everything else is alike.
        let layout = if text.contains("\"classic\"") { " classic" } else { "" };
        format!("{}{layout}", &text[..end])
    }
}
