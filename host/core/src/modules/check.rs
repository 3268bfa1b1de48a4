//! `module check`: what can be said of a module file before anybody relies on it.
//!
//! The first level is here: the file by itself, then its code up to the description. The second, the contract of its
//! classes exercised in a throw-away root (the crate `disklessset-check`), adds its findings to these.

use camino::{Utf8Path, Utf8PathBuf};

use super::description::Description;
use super::loader;
use super::note::{self, Identity, NotedClass};
use super::registry::ModuleRegistry;
use super::trust::Trust;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Outcome {
    /// As it should be.
    #[serde(rename = "ok")]
    Good,
    /// It was not tried, and why: nothing is said about it.
    #[serde(rename = "not exercised")]
    NotExercised,
    /// It works, and its author or user should know this.
    #[serde(rename = "warning")]
    Warning,
    /// The module cannot be used as it is.
    #[serde(rename = "failed")]
    Bad,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Finding {
    /// What was looked at, such as `owner and mode`.
    pub subject: String,
    /// How it is.
    pub outcome: Outcome,
    /// In one line.
    pub text: String,
    /// What to do about it, in one line.
    pub hint: Option<String>,
}

/// All that was found.
#[derive(Debug, Clone)]
pub struct Report {
    /// The file.
    pub file: Utf8PathBuf,
    /// Who it is, where that can be read.
    pub identity: Option<Identity>,
    /// In the order of looking; what depends on something bad was not looked at.
    pub findings: Vec<Finding>,
}

impl Report {
    /// The worst outcome.
    pub fn outcome(&self) -> Outcome {
        let has = |outcome| self.findings.iter().any(|finding| finding.outcome == outcome);
        if has(Outcome::Bad) {
            Outcome::Bad
        } else if has(Outcome::Warning) {
            Outcome::Warning
        } else {
            Outcome::Good
        }
    }

    /// Adds a finding.
    pub fn add(&mut self, subject: &str, outcome: Outcome, text: impl Into<String>, hint: Option<String>) {
        self.findings.push(Finding { subject: subject.to_owned(), outcome, text: text.into(), hint });
    }
}

/// Checks a file by itself and loads it into this process, which runs its initialisers: for a file that may be bad enough to
/// end the process, call it in a child.
///
/// `registry` says which other modules there are, for classes that build on theirs.
pub fn check(file: &Utf8Path, registry: &ModuleRegistry) -> Report {
    let mut report = Report { file: file.to_owned(), identity: None, findings: Vec::new() };
    if preflight(&mut report) {
        load(&mut report);
        bases(&mut report, registry);
        neighbours(&mut report, registry);
    }
    report
}

/// What can be said without running anything of it; whether it can be loaded.
fn preflight(report: &mut Report) -> bool {
    let inspected = match note::inspect(&report.file) {
        Ok(inspected) => inspected,
        Err(refusal) => {
            report.add("identity", Outcome::Bad, refusal.to_string(), refusal.hint());
            return false;
        }
    };
    let identity = &inspected.identity;
    let line =
        format!("module {} {}, built against module API {}", identity.name, identity.version, identity.api);
    report.add("identity", Outcome::Good, line, None);
    match inspected.require_file_name() {
        Ok(()) => report.add("file name", Outcome::Good, "agrees with the identity note", None),
        Err(refusal) => report.add("file name", Outcome::Bad, refusal.to_string(), refusal.hint()),
    }
    let fits = inspected.require_glibc();
    report.identity = Some(inspected.identity);
    if let Err(refusal) = fits {
        report.add("C library", Outcome::Bad, refusal.to_string(), refusal.hint());
        return false;
    }
    // Its initialisers run with our rights: not when somebody else could have written them.
    match Trust::new().check(&report.file) {
        Ok(()) => report.add("owner and mode", Outcome::Good, "nobody else can write to it", None),
        Err(untrusted) => {
            let hint = untrusted.hint().map(str::to_owned);
            report.add("owner and mode", Outcome::Bad, untrusted.to_string(), hint);
            return false;
        }
    }
    true
}

fn load(report: &mut Report) {
    match loader::load(&report.file) {
        Err(error) => {
            let causes: String = error.causes().iter().map(|cause| format!(": {cause}")).collect();
            report.add("loading", Outcome::Bad, format!("{error}{causes}"), error.hint());
        }
        Ok(module) => {
            let text = "the binary interface fits and the description agrees with the note";
            report.add("loading", Outcome::Good, text, None);
            actions(report, module.description());
            sources(report, module.description());
        }
    }
}

fn actions(report: &mut Report, description: &Description) {
    for class in &description.classes {
        for action in &class.actions {
            let subject = format!("action {} of {}", action.spec.words, class.name);
            match &action.disabled {
                None => report.add(&subject, Outcome::Good, action.spec.help.clone(), None),
                Some(reason) => report.add(&subject, Outcome::Bad, format!("disabled: {reason}"), None),
            }
        }
    }
}

fn sources(report: &mut Report, description: &Description) {
    for source in &description.sources {
        let subject = format!("source {}", source.description.name);
        match &source.disabled {
            None => report.add(&subject, Outcome::Good, source.description.spec.help.clone(), None),
            Some(reason) => report.add(&subject, Outcome::Bad, format!("disabled: {reason}"), None),
        }
    }
}

/// What of the installed modules has the same name or a class or source of it.
fn neighbours(report: &mut Report, registry: &ModuleRegistry) {
    let Some(identity) = report.identity.clone() else { return };
    let own_file = report.file.canonicalize_utf8().ok();
    let same_file = |file: &Utf8Path| own_file.is_some() && file.canonicalize_utf8().ok() == own_file;
    // Those that wait or are refused count, too, once it can be told who they are: they may come back.
    let others = registry.entries().iter().filter(|entry| !same_file(&entry.file));
    for other in others {
        let Some(version) = &other.version else { continue };
        if other.name == identity.name.as_str() {
            let text = format!(
                "module {} {version} is installed ({}): this one would take its place",
                other.name, other.file
            );
            report.add("installed modules", Outcome::Warning, text, None);
            continue;
        }
        let has = |class: &&NotedClass| other.classes.iter().any(|taken| taken.name == class.name);
        for class in identity.classes.iter().filter(has) {
            let text = format!(
                "class {} is that of module {} ({}): only one of the two can be used",
                class.name, other.name, other.file
            );
            report.add("installed modules", Outcome::Warning, text, None);
        }
        for source in identity.sources.iter().filter(|source| other.sources.contains(source)) {
            let text = format!(
                "source {source} is that of module {} ({}): only one of the two can be used",
                other.name, other.file
            );
            report.add("installed modules", Outcome::Warning, text, None);
        }
    }
}

fn bases(report: &mut Report, registry: &ModuleRegistry) {
    let Some(identity) = report.identity.clone() else { return };
    for class in &identity.classes {
        let Some(base) = &class.base else { continue };
        let subject = format!("base of {}", class.name);
        if identity.classes.iter().any(|own| own.name.as_str() == base.class) {
            report.add(&subject, Outcome::Good, format!("{} of this module", base.class), None);
            continue;
        }
        match registry.module_of(&base.class) {
            Ok(holder) => {
                let text = format!("{} of module {}, accepted: {}", base.class, holder.name, base.version);
                report.add(&subject, Outcome::Good, text, None);
            }
            Err(unavailable) => report.add(&subject, Outcome::Warning, unavailable.to_string(), None),
        }
    }
}
