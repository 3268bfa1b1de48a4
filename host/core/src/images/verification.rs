//! Whether images are as they were published and fit together, and what mends them when not.

use super::{
    actions::Changed,
    host_action::HostAction,
    manager::{ImageManager, request},
};
use crate::{
    failure,
    installations::journal,
    integrity::{Checked, Digests, Fault, Kind, Signer},
    kernels::{self, KernelManager},
    modules::Unavailable,
    nodes::NodeManager,
    operation::{Reading, manifest},
    records::{
        ActivityState, ImageStatus, ListedImage, MOST_BYTES, boot_file, file_names, legacy_record,
        refusals::no_such_image,
    },
    system::{FileError, atomic_file},
    versions::{Store, Version},
};
use camino::Utf8Path;
use disklessset_plugin_api::{
    Error, ErrorKind, Finding, Image, ImageName, Result, Severity, messages::steps,
};
use serde_json::Value;
use std::os::unix::fs::MetadataExt;

/// How often an image is looked at that changes meanwhile.
const LOOKS: usize = 3;

/// What a class answered, whatever its shape. One that cannot be understood is not *good*.
fn told_by_class(answer: Value, class: &str) -> Vec<Fault> {
    match serde_json::from_value::<Vec<Finding>>(answer) {
        Ok(findings) => findings.into_iter().map(of_class).collect(),
        Err(cause) => vec![wrong_shape(class, &cause.to_string())],
    }
}

fn of_class(finding: Finding) -> Fault {
    let fault = match finding.severity {
        Severity::Problem => Fault::problem(finding.text),
        Severity::Warning => Fault::warning(finding.text),
    };
    Fault { mend: finding.mend, ..fault }
}

fn wrong_shape(class: &str, cause: &str) -> Fault {
    Fault::problem(format!("its class {class} gives no answer that can be understood: {cause}"))
        .mend("tell the author of its module")
}

/// Who may not look cannot tell; that is no fault of what he may not look at.
fn cannot_tell(error: Error) -> Fault {
    match is_forbidden(&failure::one_line(&error)) {
        true => Fault::warning(format!("cannot tell: needs root ({})", failure::one_line(&error))),
        false => error.into(),
    }
}

/// Whether it is merely this user who may not look.
fn is_forbidden(text: &str) -> bool {
    !nix::unistd::geteuid().is_root() && text.contains("Permission denied")
}

impl ImageManager<'_> {
    /// Checks images without changing them, the named ones or all: record, boot file, digests, signatures, what was interrupted,
    /// and what their classes know.
    ///
    /// # Errors
    /// When one of the named images is not there, or the listing fails.
    pub fn verify(&self, names: &[ImageName]) -> Result<Vec<Checked>> {
        let all = self.list()?;
        for name in names {
            // One that is being made may have no directory yet.
            if !self.records.exists(name) && !all.iter().any(|listed| listed.name == name.as_str()) {
                return Err(no_such_image(name));
            }
        }
        let wanted =
            |listed: &ListedImage| names.is_empty() || names.iter().any(|name| name.as_str() == listed.name);
        let chosen: Vec<ListedImage> = all.into_iter().filter(wanted).collect();
        let total = chosen.len() as u64;
        let mut checked = Vec::new();
        for (done, listed) in (0_u64..).zip(chosen) {
            self.site.observer.progress("checking images", done, total);
            let faults = self.faults(&listed);
            checked.push(Checked { name: listed.name, kind: Kind::Image, faults });
        }
        Ok(checked)
    }

    /// Checks what belongs to no single image or kernel.
    pub fn verify_site(&self) -> Vec<Checked> {
        let mut checked = Vec::new();
        let mut site = |name: String, fault: Fault| {
            checked.push(Checked { name, kind: Kind::Site, faults: vec![fault] });
        };
        if let Err(error) = self.records.entries() {
            site("installations.yml".to_owned(), cannot_tell(error));
        }
        let listed: Vec<String> =
            self.list().map(|all| all.into_iter().map(|image| image.name).collect()).unwrap_or_default();
        match self.to_clean() {
            Ok(names) => {
                for name in names.iter().filter(|name| !listed.contains(&name.to_string())) {
                    let fault = Fault::problem("something is left of an interrupted action");
                    site(name.to_string(), fault.mend(format!("disklessset clean {name}")));
                }
            }
            Err(error) => site("journals".to_owned(), cannot_tell(error)),
        }
        let kernels = journal::place(&self.site.layout, "@kernels");
        match journal::read(&kernels).map_err(failure::of) {
            Ok(left) if left.needs_recovery() && !kernels::is_busy(self.site) => {
                let fault = Fault::problem("a change of kernels was interrupted");
                site("kernels".to_owned(), fault.mend("disklessset clean"));
            }
            Ok(_) => {}
            Err(error) => site("kernels".to_owned(), cannot_tell(error)),
        }
        for fault in NodeManager::new(self.site).faults() {
            site("nodes".to_owned(), fault);
        }
        if let Some(signer) = self.site.signer() {
            let name = signer.certificate().to_string();
            match signer.is_current() {
                Ok(true) => {}
                Ok(false) => {
                    let fault = Fault::problem("the certificate has expired: no node accepts what it signed");
                    site(name, fault.mend("put a valid one in its place, then disklessset verify --record"));
                }
                Err(error) => site(name, cannot_tell(error)),
            }
        }
        checked
    }

    fn faults(&self, listed: &ListedImage) -> Vec<Fault> {
        let name = &listed.name;
        if let Some(problem) = &listed.problem {
            if is_forbidden(problem) {
                return vec![Fault::warning(format!("cannot tell: needs root ({problem})"))];
            }
            let fault = Fault::problem(problem.clone());
            return vec![match ImageName::parse(name) {
                Ok(name) => fault.mend(format!("disklessset clear {name} (it removes what is there)")),
                Err(_) => fault.mend("move it out of the directory of images"),
            }];
        }
        match listed.status {
            ImageStatus::Created => {}
            ImageStatus::Corrupted => {
                let fault = Fault::problem(format!("is {}", listed.status));
                return vec![fault.mend(format!("disklessset clean {name}"))];
            }
            // Nothing is wrong with it, and nothing can be told of it yet.
            status => {
                let fault = Fault::warning(format!("is {status}: not checked"));
                return vec![fault.mend("verify it again when it is done")];
            }
        }
        let mut faults = Vec::new();
        if let Some(activity) = listed.activity.as_ref().filter(|a| a.state == ActivityState::Interrupted) {
            let fault = Fault::problem(format!("{} was interrupted", activity.action));
            faults.push(fault.mend(format!("disklessset clean {name}")));
        }
        // What cannot be checked is not good.
        let found = ImageName::parse(name).map_err(failure::usage).and_then(|name| self.faults_now(&name));
        faults.extend(found.unwrap_or_else(|error| vec![cannot_tell(error)]));
        faults
    }

    /// The faults of a created image in one of its states: it is looked at again when it came to its next one meanwhile.
    fn faults_now(&self, name: &ImageName) -> Result<Vec<Fault>> {
        let directory = self.site.layout.image_dir(name.as_str());
        let state = || {
            let meta = directory.symlink_metadata();
            meta.map(|meta| meta.ino())
                .map_err(|cause| failure::of(FileError::of("look at", &directory)(cause)))
        };
        for _ in 1..LOOKS {
            let before = state()?;
            let faults = self.faults_of_created(name);
            if faults.as_ref().is_ok_and(Vec::is_empty) || state()? == before {
                return faults;
            }
        }
        self.faults_of_created(name)
    }

    fn faults_of_created(&self, name: &ImageName) -> Result<Vec<Fault>> {
        let image = self.records.load(name)?;
        let mut faults = kernel_faults(self, &image)?;
        if let Err(unavailable) = self.site.classes.registry().module_of(image.class()) {
            let mend = match unavailable {
                Unavailable::NoClass { .. } => "put its module back: disklessset module install FILE",
                Unavailable::NotUsed { .. } => "disklessset module list",
            };
            faults.push(Fault::problem(unavailable.to_string()).mend(mend));
        } else {
            faults.extend(self.class_faults(&image)?);
            faults.extend(self.boot_file_faults(&image, &faults));
        }
        faults.extend(self.version_faults(name)?);
        let told: String = faults.iter().map(|fault| format!("{}\n", fault.text)).collect();
        let of_files = self.file_faults(&image)?;
        faults.extend(of_files.into_iter().filter(|fault| {
            // A boot file that is wrong, or a file that is not there, is told once.
            let name = fault.text.split(' ').next().unwrap_or_default();
            let again = name == file_names::BOOT_FILE || fault.text.ends_with("is missing");
            !(again && told.contains(name))
        }));
        if let Some((lost, release)) = self.lost_files(name) {
            let is_lost = |fault: &Fault| lost.iter().any(|file| fault.text.contains(file.as_str()));
            let of_images = faults.drain(..).map(|fault| match is_lost(&fault) {
                true => fault.mend(&release),
                false => fault,
            });
            faults = of_images.collect();
        }
        Ok(faults)
    }

    /// What is wrong with the versions of an image: files that are missing, or were written to.
    fn version_faults(&self, name: &ImageName) -> Result<Vec<Fault>> {
        let store = Store::of(&self.site.layout);
        let known = store.history(name).and_then(|history| Ok((history, store.current(name.as_str())?)));
        let (history, current) = match known {
            Ok(known) => known,
            Err(error) => return Ok(vec![cannot_tell(error)]),
        };
        let mut faults = Vec::new();
        let number = current.map(|marker| marker.version.number());
        if let Some(number) = number.filter(|number| history.get(*number).is_none()) {
            let text = format!("its boot file names {name}@{number}, of which nothing is on record");
            faults.push(Fault::problem(text).mend(format!("disklessset verify {name} --record")));
        }
        let versions: Vec<&Version> = history.versions().iter().collect();
        if versions.is_empty() {
            return Ok(faults);
        }
        let damaged = store.damaged(&versions)?;
        let whole = versions.iter().rev().find(|version| !damaged.contains_key(&version.number));
        let record = format!("if the change is meant: disklessset verify {name} --record");
        for (broken, texts) in damaged {
            let mend = match (Some(broken) == number, whole) {
                (false, _) => format!("disklessset remove {name}@{broken}"),
                (true, Some(whole)) => format!("disklessset release {name}@{}; {record}", whole.number),
                (true, None) => format!("make the image again, or put its file back from a copy; {record}"),
            };
            let told =
                texts.into_iter().map(|text| Fault::problem(format!("{name}@{broken}: {text}")).mend(&mend));
            faults.extend(told);
        }
        Ok(faults)
    }

    /// What the class of an image finds wrong with what it alone knows.
    fn class_faults(&self, image: &Image) -> Result<Vec<Fault>> {
        let reading = Reading::of(self.site, image.name(), image.class());
        let mut copy = image.clone();
        match self.step(&reading, &mut copy, request(steps::VERIFY)) {
            Ok(answer) => Ok(told_by_class(answer, image.class())),
            Err(error) if error.kind == ErrorKind::NOT_DEFINED => Ok(Vec::new()),
            Err(error) => Ok(vec![cannot_tell(error)]),
        }
    }

    /// Whether the boot file is what its class writes for this image, and names files that are there.
    fn boot_file_faults(&self, image: &Image, told: &[Fault]) -> Vec<Fault> {
        let name = image.name();
        let mend = match image.kernel() {
            Some(kernel) => format!("disklessset kernel set {name} {}", kernel.version),
            None => format!("disklessset verify {name} --record"),
        };
        let reading = Reading::of(self.site, name, image.class());
        let wanted = match self.boot_file_now(&reading, image) {
            Ok(wanted) => wanted,
            // Its attributes are at fault, or its kernel, of which enough is said.
            Err(_) if !told.is_empty() => return Vec::new(),
            Err(error) => {
                let by_hand = format!("mend {}", image.directory().join(file_names::RECORD));
                let hint = error.hint.clone().unwrap_or(by_hand);
                return vec![Fault::from(error).mend(hint)];
            }
        };
        let file = image.directory().join(file_names::BOOT_FILE);
        let found = match atomic_file::read_bounded(&file, MOST_BYTES) {
            Ok(found) => found,
            Err(error) if error.is_not_found() => {
                return vec![Fault::problem("has no boot.ipxe").mend(mend)];
            }
            Err(error) => return vec![Fault::from(failure::of(error)).mend(mend)],
        };
        let mut faults = Vec::new();
        if found != wanted.as_bytes() && !self.is_of_another_name(name, &found) {
            let text = "boot.ipxe is not what its class would write now";
            // One that 1.x left boots as it did; with the next change it is written anew.
            let of_1x = atomic_file::read_bounded(&image.directory().join(file_names::RECORD), MOST_BYTES)
                .is_ok_and(|bytes| legacy_record::parse(&String::from_utf8_lossy(&bytes)).is_some());
            faults.push(if of_1x { Fault::warning(text) } else { Fault::problem(text) }.mend(&mend));
        }
        let layout = &self.site.layout;
        for path in boot_file::named(&String::from_utf8_lossy(&found), layout, &self.site.configuration) {
            let file = path.file_name().unwrap_or_default();
            let said = told.iter().any(|fault| fault.text.contains(file));
            if !said && !layout.http_root().join(&path).is_file() {
                let text = format!("boot.ipxe names {path}, which is not there");
                faults.push(Fault::problem(text).mend(&mend));
            }
        }
        faults
    }

    /// Whether the files that nodes fetch are as they were published, readable, and signed where the site signs.
    fn file_faults(&self, image: &Image) -> Result<Vec<Fault>> {
        let (name, directory) = (image.name(), image.directory());
        let record = format!("disklessset verify {name} --record");
        let files = manifest::files_of(directory)?;
        let mut faults = Vec::new();
        for file in &files {
            faults.extend(kernels::readable(&directory.join(file))?);
        }
        let mend = |file: &str| match (file, image.kernel()) {
            (file_names::BOOT_FILE, Some(kernel)) => {
                format!("disklessset kernel set {name} {}", kernel.version)
            }
            (file_names::BOOT_FILE, None) => record.clone(),
            _ => {
                format!("put it back from a copy, or make the image again; if the change is meant: {record}")
            }
        };
        match manifest::load(directory) {
            Err(error) => faults.push(Fault::from(error).mend(&record)),
            Ok(manifest) => {
                faults.extend(manifest.unwrap_or_default().compare(directory, &files, &mend, &record));
            }
        }
        if let Some(signer) = self.site.signer() {
            for (file, signature) in file_names::SIGNED {
                let (file, signature) = (directory.join(file), directory.join(signature));
                // A file that is not there is told of already.
                if file.is_file() {
                    faults.extend(
                        kernels::signed(&signer, &file, &signature)?.map(|fault| fault.mend(&record)),
                    );
                }
            }
        }
        Ok(faults)
    }

    /// Puts the digests of an image's files on record, writes its boot file anew, and signs where the site signs.
    ///
    /// # Errors
    /// When the image is not there, or it cannot be done.
    pub fn record_digests(&self, name: &ImageName, digests: Digests) -> Result<()> {
        self.site
            .observed(HostAction::RecordDigests.name(), name.as_str(), || self.put_on_record(name, digests))
    }

    fn put_on_record(&self, name: &ImageName, digests: Digests) -> Result<()> {
        self.get_created_image(name)?;
        self.changing(name, HostAction::RecordDigests.name(), |_operation, _image| {
            Ok(Changed { digests, ..Changed::of(()) })
        })
    }

    /// The created images of which something is not on record yet, or not signed.
    ///
    /// # Errors
    /// When that cannot be found out.
    pub fn unrecorded(&self) -> Result<Vec<ImageName>> {
        let signer = self.site.signer();
        let mut found = Vec::new();
        for listed in self.list()? {
            if listed.status != ImageStatus::Created || listed.problem.is_some() {
                continue;
            }
            let Ok(name) = ImageName::parse(&listed.name) else { continue };
            let directory = self.site.layout.image_dir(name.as_str());
            let manifest = manifest::load(&directory)?;
            let known = manifest.unwrap_or_default();
            let listed_all = manifest::files_of(&directory)?.iter().all(|file| known.get(file).is_some());
            if !listed_all || is_unsigned(&directory, signer.as_ref())? {
                found.push(name);
            }
        }
        Ok(found)
    }
}

fn is_unsigned(directory: &Utf8Path, signer: Option<&Signer>) -> Result<bool> {
    let Some(signer) = signer else { return Ok(false) };
    for (file, signature) in file_names::SIGNED {
        let file = directory.join(file);
        if !file.is_file() || kernels::signed(signer, &file, &directory.join(signature))?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether the kernel of an image is there, with its initramfs, and its record means one pair.
fn kernel_faults(manager: &ImageManager<'_>, image: &Image) -> Result<Vec<Fault>> {
    let Some(kernel) = image.kernel() else { return Ok(Vec::new()) };
    let (name, version) = (image.name(), &kernel.version);
    let mut faults = Vec::new();
    if let Some(recorded) = image.text("image").filter(|recorded| *recorded != kernel.initramfs()) {
        let text = format!("its record pairs kernel {version} with {recorded}");
        faults.push(Fault::problem(text).mend(format!("disklessset kernel set {name} {version}")));
    }
    let kernels = KernelManager::new(manager.site);
    let found = match manager.boots(image)?.initramfs {
        true => kernels.usable(version),
        false => kernels.alone(version),
    };
    if let Err(error) = found {
        let others: Vec<String> = kernels
            .list()?
            .into_iter()
            .filter(|listed| listed.initramfs.is_some())
            .map(|listed| listed.version)
            .collect();
        let there = manager.site.layout.kernels_dir().join(kernel.vmlinuz()).is_file();
        let mend = match (there, others.as_slice()) {
            (true, _) => format!("disklessset kernel initramfs {version}"),
            (false, [only]) => format!("disklessset kernel set {name} {only}"),
            (false, []) => "disklessset kernel add --vmlinuz FILE".to_owned(),
            (false, some) => {
                format!("disklessset kernel set {name} VERSION (VERSION being {})", some.join(" or "))
            }
        };
        faults.push(Fault::from(error).mend(mend));
    }
    Ok(faults)
}
