//! Trees of packages that are kept: the next image of the same packages begins from one, and never from one that is old or changed.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_tests::{facts, need, run::Outcome};
use serde_json::Value;

use super::{
    apt_repos::mirror_of_server,
    signing::Key,
    small::{Small, put},
};

const PATIENCE: Duration = Duration::from_secs(8 * 60);
/// What is said of a tree that begins from a base.
pub(super) const TAKEN: &str = "the repositories have not changed";

/// A repository of one package, signed, which has new versions of it.
struct Repository<'s> {
    small: &'s Small,
    place: Utf8PathBuf,
    key: Key<'s>,
}

impl<'s> Repository<'s> {
    fn new(small: &'s Small) -> Self {
        let place = small.root.beside().join("debs");
        std::fs::create_dir(&place).unwrap();
        Self { small, place, key: Key::make(&small.root) }
    }

    fn publish(&self, version: u32) {
        let tool =
            |program: &str, args: &[&str]| self.small.root.tool(program, args).run().expect_done().stdout;
        let fields = format!(
            "Package: site-tool\nVersion: {version}\nArchitecture: all\nMaintainer: T <t@example.org>\nDescription: x\n"
        );
        let package = self.small.root.beside().join(format!("package-{version}"));
        put(&package.join("DEBIAN/control"), fields.as_bytes(), 0o644);
        put(&package.join("usr/share/site-tool"), version.to_string().as_bytes(), 0o644);
        let deb = self.place.join("site-tool.deb");
        tool("dpkg-deb", &["--root-owner-group", "--build", package.as_str(), deb.as_str()]);
        let sum = |file: &Utf8Path| tool("sha256sum", &[file.as_str()]).split(' ').next().unwrap().to_owned();
        let size = |file: &Utf8Path| file.metadata().unwrap().len();
        let index = self.place.join("Packages");
        let entry =
            format!("{fields}Filename: ./site-tool.deb\nSize: {}\nSHA256: {}\n", size(&deb), sum(&deb));
        put(&index, entry.as_bytes(), 0o644);
        let release = self.small.root.beside().join("Release");
        let date = tool("date", &["-u", "-R"]);
        let text = format!("Date: {date}SHA256:\n {} {} Packages\n", sum(&index), size(&index));
        put(&release, text.as_bytes(), 0o644);
        let signed = self.place.join("InRelease");
        let _ = std::fs::remove_file(&signed);
        self.key.sign_text(&release, &signed);
    }

    fn create(&self, name: &str, mirror: &str) -> Outcome {
        let repo = format!("file://{} ./", self.place);
        let ring = "/usr/share/keyrings/debian-archive-keyring.gpg";
        let codename = self.small.root.tool("sed", &["-n", "s/^VERSION_CODENAME=//p", "/etc/os-release"]);
        let codename = codename.run().expect_done().stdout;
        let sources = self.small.root.beside().join("site.sources");
        let text = format!(
            "Types: deb\nURIs: {mirror}\nSuites: {}\nComponents: main\nSigned-By: {ring}\n",
            codename.trim()
        );
        put(&sources, text.as_bytes(), 0o644);
        let given =
            ["--type", "core", "--package", "site-tool", "--repo-file", sources.as_str(), "--repo", &repo];
        let key = ["--signing-key", self.key.public.as_str()];
        let create = self.small.create_from(name, "apt", &[&given[..], &key, &["-i"]].concat());
        create.limit(PATIENCE).run().expect_done()
    }
}

pub(super) fn bases(small: &Small) -> Vec<Value> {
    let listed = small.run(&["list", "--bases", "--format", "json"]).expect_done();
    serde_json::from_str::<Value>(&listed.stdout).unwrap()["bases"].as_array().unwrap().clone()
}

pub(super) fn place(small: &Small) -> Utf8PathBuf {
    small.root.path().join("var/tmp/diskless/workdir/.bases")
}

/// The version of the site's package in an image.
fn version(small: &Small, name: &str) -> String {
    std::fs::read_to_string(small.unpacked(name).join("usr/share/site-tool")).unwrap()
}

#[test]
fn a_second_image_of_the_same_packages_begins_from_the_kept_tree_and_a_changed_repository_does_not() {
    disklessset_tests::need!(
        need::full(),
        need::root(),
        need::tool("mmdebstrap"),
        need::tool("dpkg-deb"),
        need::tool("gpg")
    );
    let Some(mirror) = mirror_of_server() else {
        let _ = need::skip("this server has its packages from no mirror of Debian");
        return;
    };
    let small = Small::new();
    let repository = Repository::new(&small);
    repository.publish(1);
    let started = Instant::now();
    let first = repository.create("first", &mirror);
    let first_took = started.elapsed();
    assert!(!first.stderr.contains(TAKEN), "{}", first.stderr);
    let [base] = &bases(&small)[..] else { panic!("{:?}", bases(&small)) };
    assert!(base["what"].as_str().unwrap().contains(" packages"), "{base}");

    let started = Instant::now();
    let _ = repository.create("second", &mirror).expect_said(TAKEN);
    assert!(started.elapsed() * 2 < first_took, "{:?} and {first_took:?}", started.elapsed());
    let listing = |name: &str| {
        let mut files = facts::files_below(&small.unpacked(name)).unwrap();
        // The name of the image is in it.
        files.retain(|file, _| !file.ends_with("os-release") && file.components().count() > 1);
        files.into_keys().collect::<Vec<_>>()
    };
    assert_eq!(listing("first"), listing("second"));
    for file in ["etc/ssh/ssh_host_ed25519_key", "etc/machine-id"] {
        let found = std::fs::read_to_string(small.unpacked("second").join(file)).unwrap_or_default();
        assert_eq!(found.trim(), "", "{file}");
    }

    repository.publish(2);
    let third = repository.create("third", &mirror);
    assert!(!third.stderr.contains(TAKEN), "{}", third.stderr);
    assert_eq!((version(&small, "second").as_str(), version(&small, "third").as_str()), ("1", "2"));
    assert_eq!(bases(&small).len(), 2);

    // Of the same length, and with its times put back: the kernel's own time of change tells.
    let kept = place(&small).join(bases(&small)[0]["key"].as_str().unwrap()).join("tree/usr/share/site-tool");
    let times = kept.metadata().unwrap().modified().unwrap();
    put(&kept, b"9", 0o644);
    std::fs::File::options().write(true).open(&kept).unwrap().set_modified(times).unwrap();
    let fourth = repository.create("fourth", &mirror).expect_said("was changed since it was kept");
    assert!(!fourth.stderr.contains(TAKEN), "{}", fourth.stderr);
    assert_eq!(version(&small, "fourth"), "2");

    let planned = small.run(&["clean", "--bases", "--dry-run"]).expect_done().stdout;
    assert_eq!(planned.matches("would remove the base").count(), 2, "{planned}");
    assert_eq!(bases(&small).len(), 2);
    let _ = small.run(&["clean", "--bases"]).expect_done().expect_said("removed the base");
    assert_eq!(std::fs::read_dir(place(&small)).unwrap().count(), 0);
}

#[test]
fn a_base_that_was_not_finished_goes_with_the_next_cleaning_and_none_is_kept_where_none_is_wanted() {
    disklessset_tests::need!(need::root(), need::tool("mksquashfs"));
    let small = Small::new();
    let left = place(&small).join(format!(".new-{}-1", "a".repeat(64)));
    put(&left.join("tree/etc/passwd"), b"", 0o644);
    let _ = small.run(&["clean"]).expect_done();
    assert_eq!(std::fs::read_dir(place(&small)).unwrap().count(), 0);
    let whole = place(&small).join("b".repeat(64));
    put(&whole.join("facts"), b"format: 1\nwhat: x\nmade: y\nstamp: z\nbytes: 1\n", 0o600);
    assert_eq!(bases(&small).len(), 1);
    put(&small.root.path().join("etc/disklessset/diskless_parameters.yml"), b"keep_bases: 0\n", 0o644);
    let _ = small.create("web", &[]).run().expect_done();
    assert_eq!(std::fs::read_dir(place(&small)).unwrap().count(), 0);
}
