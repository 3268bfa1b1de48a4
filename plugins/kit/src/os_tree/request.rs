//! What a user wants of an OS tree, in types of their own.

use super::params;
use crate::{
    boot_line,
    packages::{PackageSet, Purpose, Selinux, must_be_for_apt, must_be_for_dnf},
    source::{Optimize, Repositories, Source},
    source_date::SourceDate,
    ssh_keys::PublicKeys,
};
use camino::Utf8PathBuf;
use disklessset_plugin_api::{
    ActionCheck, Arguments, Error, ErrorKind, Host, Image, KernelVersion, PackageName, Refusal, Result,
};

/// Which kernel an image boots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KernelChoice {
    /// The one that its own tree brings.
    FromImage,
    /// A registered one.
    Version(KernelVersion),
}

/// All that a user can say about an OS tree. What a class does not declare has its default.
#[derive(Debug)]
pub struct OsTreeRequest {
    /// What the tree is for.
    pub purpose: Purpose,
    /// The kernel.
    pub kernel: KernelChoice,
    /// Where the tree comes from; it was checked to be usable.
    pub source: Source,
    /// Where packages come from.
    pub repositories: Repositories,
    /// The package set.
    pub set: PackageSet,
    /// Root's password (default: root cannot log in with a password).
    pub password: Option<String>,
    /// The keys that open root's account, and the file they came from.
    pub keys: Option<(Utf8PathBuf, PublicKeys)>,
    /// Packages beside the set.
    pub packages: Vec<String>,
    /// The release of the distribution.
    pub release: Option<String>,
    /// Whether SELinux is installed and its labels are set.
    pub selinux: Selinux,
    /// Whether the tree is trimmed.
    pub optimize: Optimize,
    /// More kernel parameters, one line that the boot loader hands on as it is.
    pub kernel_parameters: String,
    /// The kernel package, for a kernel that the tree brings.
    pub kernel_package: Option<String>,
    /// A script to run inside at the end: its path, for messages, and its text.
    pub script: Option<(Utf8PathBuf, String)>,
}

impl OsTreeRequest {
    /// Reads the parameters of [`super::params`]. The package set is STANDARD for a class without one.
    ///
    /// # Errors
    /// When a value cannot be used, a file of the user's cannot be read, or the source is not there.
    pub fn from_arguments(purpose: Purpose, args: &Arguments, host: &Host<'_>) -> Result<Self> {
        let kernel: String = args.need("kernel")?;
        // What the image will be dated with, refused before anything is made.
        SourceDate::given()?;
        let source = Source::of_arguments(args, host)?;
        source.check()?;
        if let Some(error) = Refusal::error_of(&source.refusals(true, host)?) {
            return Err(error);
        }
        let source = match source {
            Source::Registry(image) => Source::Registry(image.found(host)?),
            other => other,
        };
        let repositories = Repositories::from_arguments(args)?;
        repositories.check(&source)?;
        let set = match args.get::<String>(params::LIVENET_TYPE)? {
            None => args.get::<String>(params::PACKAGE_SET)?,
            given => given,
        };
        let set = set.unwrap_or_else(|| "STANDARD".to_owned());
        let parameters: String = args.get("kernel_parameters")?.unwrap_or_default();
        let packages: Vec<String> = args.get("additional_packages")?.unwrap_or_default();
        let kernel_package = args.get::<PackageName>("kernel_package")?.map(String::from);
        for package in packages.iter().chain(&kernel_package) {
            match source {
                Source::Apt => must_be_for_apt(package),
                Source::Dnf => must_be_for_dnf(package),
                _ => Ok(()),
            }
            .map_err(|cause| Error::usage(cause.to_string()))?;
        }
        Ok(Self {
            purpose,
            kernel: match kernel.as_str() {
                "from-image" => KernelChoice::FromImage,
                version => KernelChoice::Version(
                    KernelVersion::parse(version).map_err(|cause| Error::usage(cause.to_string()))?,
                ),
            },
            source,
            repositories,
            set: set.parse::<PackageSet>().map_err(|cause| Error::usage(cause.to_string()))?,
            password: args.get("password")?,
            keys: args.get::<Utf8PathBuf>("ssh_pub_key")?.map(read_keys).transpose()?,
            packages,
            release: args.get("release_version")?,
            selinux: if args.flag("selinux") { Selinux::On } else { Selinux::Off },
            optimize: if args.flag("optimize") { Optimize::Aggressively } else { Optimize::AsTheSetSays },
            kernel_parameters: boot_line::check(&parameters)?,
            kernel_package,
            script: args.get::<Utf8PathBuf>("run")?.map(read_script).transpose()?,
        })
    }

    /// The attributes that all classes have in common, under the names of 1.x. The kernel is set with [`Image::set_kernel`]; the
    /// password's hash is no attribute: it stands in the tree alone.
    pub fn record(&self, image: &mut Image) {
        image.set("source", self.source.to_string());
        if let Source::Module(module) = &self.source {
            module.record(image);
        }
        if let Source::Registry(found) = &self.source
            && let Some(address) = found.exact_address()
        {
            image.set("source_exactly", address);
        }
        self.repositories.record(image);
        image.set("selinux", self.selinux == Selinux::On);
        image.set("optimize", self.optimize == Optimize::Aggressively);
        if let Some((path, _)) = &self.keys {
            image.set("ssh_pub_key", path.as_str());
        }
        if !self.packages.is_empty() {
            image.set("additional_packages", self.packages.clone());
        }
        if let Some(release) = &self.release {
            image.set("release_version", release.as_str());
        }
        if !self.kernel_parameters.is_empty() {
            image.set("kernel_parameters", self.kernel_parameters.as_str());
        }
    }
}

/// What a value is looked at with.
type Check<'a> = dyn Fn(String) -> Result<()> + 'a;

/// Looks at the arguments about an OS tree that are there, one by one, for [`disklessset_plugin_api::ImageClass::check`]: what of them
/// cannot be used. What goes together only [`OsTreeRequest::from_arguments`] can tell, once all are there.
///
/// # Errors
/// What is no fault of what was typed, once all is there: a tree that is refused for safety, one that cannot be read.
pub fn check_given(action: &ActionCheck<'_>, host: &Host<'_>) -> Result<Vec<Refusal>> {
    let source = |_| Source::of_arguments(action.arguments, host)?.check();
    let checks: [(&str, &Check<'_>); 4] = [
        ("source", &source),
        ("ssh_pub_key", &|file| read_keys(file.into()).map(drop)),
        ("run", &|file| read_script(file.into()).map(drop)),
        ("kernel_parameters", &|text| Ok(boot_line::check(&text).map(drop)?)),
    ];
    let mut refusals = Vec::new();
    for (name, check) in checks {
        let Some(given) = action.arguments.get::<String>(name)? else { continue };
        let Err(error) = check(given) else { continue };
        let typed = matches!(error.kind, ErrorKind::USAGE | ErrorKind::NOT_FOUND);
        if action.complete && !typed {
            return Err(error);
        }
        refusals.push(Refusal::of(name, &error));
    }
    if refusals.iter().all(|refusal| refusal.parameter != "source")
        && action.arguments.0.contains_key("source")
    {
        refusals.extend(Source::of_arguments(action.arguments, host)?.refusals(action.complete, host)?);
    }
    Ok(refusals)
}

/// The whole check of an action that makes an OS tree.
///
/// # Errors
/// As [`check_given`]; what the arguments cannot be used for together.
pub fn check(purpose: Purpose, action: &ActionCheck<'_>, host: &Host<'_>) -> Result<Vec<Refusal>> {
    let refusals = check_given(action, host)?;
    if refusals.is_empty() && action.complete {
        OsTreeRequest::from_arguments(purpose, action.arguments, host)?;
    }
    Ok(refusals)
}

fn read_small(file: &Utf8PathBuf, what: &str) -> Result<String> {
    let fault =
        |cause: &dyn std::fmt::Display| Error::usage(format!("cannot read {what} {file}")).because(cause);
    let metadata = file.metadata().map_err(|cause| fault(&cause))?;
    if !metadata.is_file() || metadata.len() > 1 << 20 {
        return Err(fault(&"it is not a file of at most 1 MiB"));
    }
    std::fs::read_to_string(file).map_err(|cause| fault(&cause))
}

fn read_keys(file: Utf8PathBuf) -> Result<(Utf8PathBuf, PublicKeys)> {
    let keys = PublicKeys::parse(&read_small(&file, "the public key")?)
        .map_err(|cause| Error::usage(format!("the key file {file} {cause}")))?;
    Ok((file, keys))
}

fn read_script(file: Utf8PathBuf) -> Result<(Utf8PathBuf, String)> {
    let text = read_small(&file, "the script")?;
    Ok((file, text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use disklessset_plugin_api::testing::TestHost;
    use serde_json::json;

    fn request(more: serde_json::Value) -> Result<OsTreeRequest> {
        // The directory has an etc/passwd: this server's own.
        let mut all = json!({"kernel": "from-image", "source": "tree:/"});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let test = TestHost::new();
        OsTreeRequest::from_arguments(Purpose::Nfs, &serde_json::from_value(all).unwrap(), &test.host("C"))
    }

    #[test]
    fn what_a_class_does_not_declare_has_its_default() {
        let request = request(json!({})).unwrap();
        assert_eq!((request.set, request.selinux), (PackageSet::Standard, Selinux::Off));
        assert!(
            request.kernel_parameters.is_empty() && request.packages.is_empty() && request.script.is_none()
        );
    }

    #[test]
    fn the_record_has_what_was_wished_and_no_secret() {
        let all = json!({"password": "hunter2", "additional_packages": ["vim"], "release_version": "trixie"});
        let mut image = Image::new(
            disklessset_plugin_api::ImageName::parse("web").unwrap(),
            "C",
            std::collections::BTreeMap::new(),
            "/nowhere",
        );
        request(all).unwrap().record(&mut image);
        assert_eq!(image.text("source").unwrap(), "tree:/");
        assert_eq!(image.get::<Vec<String>>("additional_packages").unwrap().unwrap(), ["vim"]);
        assert!(image.attributes().values().all(|value| !value.to_string().contains("hunter2")));
    }

    #[test]
    fn faults_are_told_before_anything_is_made() {
        for (bad, reason) in [
            (json!({"source": "zip:/x"}), "is no source"),
            (json!({"source": "oci:/x"}), "cannot take the OCI image /x"),
            (json!({"mirror": "ftp://x/"}), "not by ftp"),
            (json!({"source": "tree:/nowhere"}), "cannot take the tree /nowhere"),
            (json!({"source": "tar:/nowhere"}), "cannot take the archive /nowhere"),
            (json!({"kernel_parameters": "quiet ${net0/mac}"}), "the boot loader reads it"),
            (json!({"ssh_pub_key": "/nowhere.pub"}), "cannot read the public key /nowhere.pub"),
            (json!({"kernel_package": "a;b"}), "kernel_package cannot be used"),
            (json!({"run": "/etc"}), "cannot read the script /etc"),
        ] {
            let error = request(bad.clone()).unwrap_err();
            assert!(error.to_string().contains(reason), "{bad}: {error}");
        }
    }
}
