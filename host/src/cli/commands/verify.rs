//! `verify`: whether images and kernels are as they should be, and what mends them.

use super::{image_names, words};
use crate::{
    cli::request::{Effect, Request, Session},
    failure,
    integrity::{Checked, Digests, Fault, Kind, Severity},
    mirror::MirrorManager,
    module_changes::ModuleManager,
    output::{CellStyle, Field, Output},
};
use clap::{Arg, ArgAction, ArgMatches, Command};
use disklessset_plugin_api::{Error, ErrorKind, ImageName, Kernel, KernelVersion, Result};
use serde::Serialize;

pub(crate) fn command() -> Command {
    Command::new("verify")
        .about("Check that images and kernels are unchanged since they were published, and fit together")
        .arg(words("names", "NAME", "Images to check, with their kernels [default: all images and all kernels]"))
        .arg(
            Arg::new("kernel")
                .long("kernel")
                .value_name("VERSION")
                .action(ArgAction::Append)
                .help("Check this kernel (may be given several times)"),
        )
        .arg(Arg::new("record").long("record").action(ArgAction::SetTrue).help(
            "Take the named images and kernels for good as they are now: record their digests, and sign them where the site signs; \
             with none named, only what is not on record yet",
        ))
}

pub(crate) fn request(matches: &ArgMatches) -> Result<Verify> {
    let version = |text: &String| {
        KernelVersion::parse(text.strip_prefix("vmlinuz-").unwrap_or(text)).map_err(failure::usage)
    };
    Ok(Verify {
        names: image_names(matches, "names")?,
        kernels: matches.get_many("kernel").into_iter().flatten().map(version).collect::<Result<_>>()?,
        record: matches.get_flag("record"),
    })
}

/// Checks images and kernels, or puts their digests on record.
pub(crate) struct Verify {
    names: Vec<ImageName>,
    kernels: Vec<KernelVersion>,
    record: bool,
}

/// One thing that is good, or one fault of one that is not.
#[derive(Serialize)]
struct Verified<'a> {
    name: &'a str,
    kind: Kind,
    problem: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<&'a str>,
    mend: Option<&'a str>,
}

impl<'a> Verified<'a> {
    fn of(checked: &'a Checked) -> Vec<Self> {
        let line = |fault: Option<&'a Fault>| {
            let text =
                |severity| fault.filter(|fault| fault.severity == severity).map(|fault| fault.text.as_str());
            Self {
                name: &checked.name,
                kind: checked.kind,
                problem: text(Severity::Problem),
                warning: text(Severity::Warning),
                mend: fault.and_then(|fault| fault.mend.as_deref()),
            }
        };
        match checked.faults.as_slice() {
            [] => vec![line(None)],
            faults => faults.iter().map(|fault| line(Some(fault))).collect(),
        }
    }

    fn row(&self, output: &Output) -> Vec<Field> {
        let name = match self.kind {
            Kind::Kernel => format!("kernel {}", self.name),
            Kind::Image | Kind::Site => self.name.to_owned(),
        };
        let result = match (self.problem, self.warning) {
            (Some(problem), _) => Field::with_style(problem, CellStyle::Bad),
            (None, Some(warning)) => Field::with_style(warning, CellStyle::Busy),
            (None, None) => Field::with_style("good", CellStyle::Good),
        };
        vec![name.into(), result, output.addressed(self.mend.unwrap_or_default()).into()]
    }
}

/// What is wrong with the images of a mirror; nothing where the server is none.
fn of_mirror(session: &Session, names: &[ImageName]) -> Result<Option<Vec<Checked>>> {
    let manager = MirrorManager::new(&session.site);
    let Some(state) = manager.state()? else { return Ok(None) };
    if let Some(name) = names.iter().find(|name| !state.images.contains_key(name.as_str())) {
        return Err(Error::new(ErrorKind::NOT_FOUND, format!("the mirror has no image {name}"))
            .hint("disklessset list"));
    }
    session.output.say(&state.in_words());
    let mut faults = manager.verify()?;
    for name in state.images.keys() {
        faults.entry(name.clone()).or_default();
    }
    faults.retain(|name, _| names.is_empty() || names.iter().any(|known| known.as_str() == name));
    let fault = |text: String| Fault::problem(text).mend("disklessset mirror");
    let kind = |name: &str| if state.images.contains_key(name) { Kind::Image } else { Kind::Site };
    let checked = faults.into_iter().map(|(name, texts)| Checked {
        kind: kind(&name),
        name,
        faults: texts.into_iter().map(fault).collect(),
    });
    Ok(Some(checked.collect()))
}

impl Verify {
    fn all(&self) -> bool {
        self.names.is_empty() && self.kernels.is_empty()
    }

    fn check(&self, session: &Session) -> Result<Vec<Checked>> {
        if let Some(checked) = of_mirror(session, &self.names)? {
            return Ok(checked);
        }
        let mut checked = Vec::new();
        if self.all() || !self.names.is_empty() {
            checked.extend(session.images().verify(&self.names)?);
        }
        if self.all() {
            checked.extend(session.kernels().verify(&[])?);
            checked.extend(session.images().verify_site());
            return Ok(checked);
        }
        let mut kernels = self.kernels.clone();
        for name in &self.names {
            // An image that cannot be read has been told of; so has a kernel that is not there.
            let kernel = session.images().get_created_image(name).ok().and_then(|image| image.kernel());
            kernels.extend(kernel.map(|kernel| kernel.version).filter(|version| is_there(session, version)));
        }
        kernels.sort();
        kernels.dedup();
        if !kernels.is_empty() {
            checked.extend(session.kernels().verify(&kernels)?);
        }
        Ok(checked)
    }

    /// The kernels and the images to record, and how.
    fn to_record(&self, session: &Session) -> Result<(Vec<KernelVersion>, Vec<ImageName>, Digests)> {
        match self.all() {
            true => Ok((session.kernels().unrecorded()?, session.images().unrecorded()?, Digests::Completed)),
            false => Ok((self.kernels.clone(), self.names.clone(), Digests::Anew)),
        }
    }

    fn record(&self, session: &Session) -> Result<()> {
        let (kernels, images, digests) = self.to_record(session)?;
        if kernels.is_empty() && images.is_empty() {
            session.output.say("Everything is on record already.");
        }
        // Kernels first: boot files want them signed.
        for version in kernels {
            session.kernels().record(&version, digests)?;
            session.output.say(&format!("recorded the digests of kernel {version}"));
        }
        for name in images {
            session.images().record_digests(&name, digests)?;
            session.output.say(&format!("recorded the digests of image {name}"));
        }
        Ok(())
    }
}

fn is_there(session: &Session, version: &KernelVersion) -> bool {
    session.site.layout().kernels_dir().join(Kernel::new(version.clone()).vmlinuz()).is_file()
}

impl Request for Verify {
    fn effect(&self) -> Effect {
        if self.record { Effect::Changes } else { Effect::Reads }
    }

    fn plan(&self, session: &Session) -> Result<Vec<String>> {
        let (kernels, images, _) = self.to_record(session)?;
        let kernels = kernels.iter().map(|version| format!("record the digests of kernel {version}"));
        Ok(kernels.chain(images.iter().map(|name| format!("record the digests of image {name}"))).collect())
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        if self.record {
            return self.record(session);
        }
        let checked = self.check(session)?;
        let verified: Vec<Verified<'_>> = checked.iter().flat_map(Verified::of).collect();
        session.output.document("verified", &verified, |output| {
            if verified.is_empty() {
                return String::new();
            }
            let mending = verified.iter().any(|line| line.mend.is_some());
            let heading = ["NAME", "RESULT", "MEND"];
            let heading = if mending { &heading[..] } else { &heading[..2] };
            let rows = verified.iter().map(|line| {
                let mut row = line.row(output);
                row.truncate(heading.len());
                row
            });
            output.table(heading, rows.collect())
        });
        if self.names.is_empty() {
            let modules = session.site.classes().registry().entries();
            let facts = ModuleManager::new(&session.site).facts(modules);
            for (module, note) in modules.iter().zip(&facts).filter_map(|(m, f)| Some((m, f.note.as_ref()?)))
            {
                session.output.warn(&format!("module {}: {note}", module.name));
            }
        }
        session.output.say(&counted(&checked));
        match checked.iter().filter(|checked| checked.is_bad()).count() {
            0 => Ok(()),
            1 => Err(Error::failed("one thing is not as it should be")),
            bad => Err(Error::failed(format!("{bad} things are not as they should be"))),
        }
    }
}

/// What was checked, in one line.
fn counted(checked: &[Checked]) -> String {
    let count = |kind, one: &str, many: &str| {
        let number = checked.iter().filter(|checked| checked.kind == kind).count();
        format!("{number} {}", if number == 1 { one } else { many })
    };
    let warned = checked.iter().filter(|checked| !checked.is_bad() && !checked.faults.is_empty()).count();
    let mut text = format!(
        "checked {} and {}",
        count(Kind::Image, "image", "images"),
        count(Kind::Kernel, "kernel", "kernels")
    );
    if warned > 0 {
        text.push_str(&format!("; of {warned} not everything can be told"));
    }
    text
}
