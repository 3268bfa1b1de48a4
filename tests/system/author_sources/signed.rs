//! Repositories that somebody signed: the key that is named decides what becomes a tree.

use std::time::Duration;

use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::run::{Outcome, Program};

use super::{KERNEL, World};
use crate::system::signing::{Key, SignatureForm};

/// What the package managers say of a signature by a key that they do not have.
const SAID: [(&str, &str); 2] = [
    ("zypper", "Signature verification failed for repomd.xml"),
    ("pacman", "invalid or corrupted database (PGP signature)"),
];

impl World {
    /// Signs packages and indexes of both repositories.
    #[track_caller]
    fn sign(&self, key: &Key<'_>) {
        key.sign_packages(&self.rpms);
        self.tool("createrepo_c", &["--quiet", self.rpms.as_str()]);
        let index = self.rpms.join("repodata/repomd.xml");
        key.sign_beside(&index, &self.rpms.join("repodata/repomd.xml.asc"), SignatureForm::Armoured);
        for name in ["os-tree-1-1-any.pkg.tar.gz", "extra-1-1-any.pkg.tar.gz", "core.db"] {
            let file = self.packages.join(name);
            let signature = self.packages.join(format!("{name}.sig"));
            key.sign_beside(&file, &signature, SignatureForm::Binary);
        }
    }

    fn create_signed(&self, source: &str, key: &Key<'_>) -> Program {
        let [_, _, option, repository, _] = self.source(source);
        let signing_key = format!("--{source}-signing-key");
        let kernel = ["livenet", "create", "web", "--kernel", KERNEL, "--type", "core", "--source", source];
        let from = [option.as_str(), &repository, &signing_key, key.public.as_str()];
        self.small.root.disklessset(&[&kernel[..], &from].concat()).limit(Duration::from_secs(300))
    }
}

/// One line tells that the image was not made; the lines below it are those of the package manager.
#[track_caller]
fn must_be_refused(world: &World, source: &str, told: Outcome) -> Outcome {
    let told = told.expect_code(1).expect_said(&format!("cannot install the packages with {source}"));
    let errors = told.stderr.lines().filter(|line| line.starts_with("error: "));
    assert_eq!(errors.count(), 1, "{told}");
    assert_eq!(world.small.root.status("web"), None);
    told
}

#[test]
fn a_signed_repository_gives_a_tree_for_its_key_and_nothing_for_another() {
    disklessset_tests::need!(
        need::root(),
        need::tool("zypper"),
        need::tool("rpmbuild"),
        need::tool("rpmsign"),
        need::tool("createrepo_c"),
        need::tool("pacman"),
        need::tool("gpg")
    );
    let world = World::new();
    let small = &world.small;
    let (key, other) = (Key::make(&small.root), Key::make(&small.root));
    let before = Snapshot::of(&small.root);
    for (source, _) in SAID {
        // Nobody has signed it yet.
        let told = world.create_signed(source, &key).run();
        let _ = must_be_refused(&world, source, told);
    }
    before.assert_same_as_now(&small.root);
    world.sign(&key);
    for (source, said) in SAID {
        let before = Snapshot::of(&small.root);
        let told = world.create_signed(source, &other).run();
        let _ = must_be_refused(&world, source, told).expect_said(said);
        before.assert_same_as_now(&small.root);
        let _ = world.create_signed(source, &key).run().expect_done();
        let made = std::fs::read_to_string(small.unpacked("web").join("etc/by-scriptlet")).unwrap();
        assert_eq!(made, "ok\n");
        let record = small.record("web");
        assert!(
            record.contains(&format!("{source}_signing_key:")) && record.contains(key.public.as_str()),
            "{record}"
        );
        let _ = small.run(&["remove", "web", "--yes"]).expect_done();
    }
    // A package that was changed after it was signed.
    let package = world.packages.join("os-tree-1-1-any.pkg.tar.gz");
    let changed = std::fs::OpenOptions::new().append(true).open(&package).unwrap();
    std::io::Write::write_all(&mut &changed, b"x").unwrap();
    let told = world.create_signed("pacman", &key).run();
    let _ = must_be_refused(&world, "pacman", told);
}
