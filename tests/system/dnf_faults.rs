//! Given repositories that lack a package, a signature or a password, and creations that are killed: dnf's own words say why,
//! and nothing is left.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use camino::Utf8Path;
use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;

use super::apt_tree::processes_showing;
use super::dnf_world::{World, groups_of_dnf};
use super::repo_server::{QUIET, Server};
use super::signing::Key;
use super::small::{KERNEL, put};

#[test]
fn a_missing_package_is_told_in_the_words_of_dnf_and_nothing_is_left() {
    disklessset_tests::need!(
        need::root(),
        need::tool("dnf"),
        need::tool("rpmbuild"),
        need::tool("createrepo_c")
    );
    disklessset_tests::need!(groups_of_dnf());
    let world = World::new();
    let create = world.create("web", &["--package", "no-such-package-anywhere"]);
    world.fails(create, 1, &["Unable to find a match: no-such-package-anywhere", "release 9"]);
    let log = world.small.run(&["log", "web"]).expect_done().stdout;
    assert!(log.contains("Unable to find a match"), "{log}");

    let create = world.small.create_from(
        "web",
        "dnf",
        &["--release", "9", "--unsigned", "--repo", "file:///no/such/repository"],
    );
    world.fails(create, 1, &["Failed to download metadata for repo"]);
}

#[test]
fn what_cannot_work_is_refused_before_anything_is_made() {
    disklessset_tests::need!(
        need::root(),
        need::tool("dnf"),
        need::tool("rpmbuild"),
        need::tool("createrepo_c")
    );
    let world = World::new();
    let repo = format!("file://{}", world.repo);
    for (more, said) in [
        (vec!["--release", "9", "--repo", &repo], "--signing-key"),
        (vec!["--release", "9;id", "--unsigned", "--repo", &repo], "is not a release"),
        (vec!["--release", "9", "--unsigned", "--repo", "http://a/\nenabled=0"], "control"),
        (vec!["--release", "9", "--unsigned", "--repo", "http://a/ --nogpgcheck"], "neither a suite"),
        (vec!["--release", "9", "--unsigned"], "none is given"),
    ] {
        world.fails(world.small.create_from("web", "dnf", &more), 2, &[said]);
    }
    if !Utf8Path::new("/etc/yum.repos.d").exists() {
        let create = world.small.create_from("web", "dnf", &["--release", "9"]);
        world.fails(create, 2, &["no repositories for dnf", "--repo"]);
    }
}

#[test]
fn signatures_are_demanded_and_checked() {
    disklessset_tests::need!(
        need::root(),
        need::tool("dnf"),
        need::tool("rpmbuild"),
        need::tool("createrepo_c"),
        need::tool("rpmsign"),
        need::tool("gpg")
    );
    let world = World::new();
    let key = Key::make(&world.small.root);
    let signed_by = ["--type", "core", "--signing-key", key.public.as_str()];
    // Nobody signed these packages, whatever key is named.
    let create = world.create_without_trust("web", &signed_by);
    world.fails(create, 1, &["is not signed", "--unsigned"]);

    key.sign_packages(&world.repo);
    world.index();
    let _ = world.create_without_trust("web", &signed_by).run().expect_done();
    assert!(world.small.record("web").contains(key.public.as_str()));
    let tree = world.small.unpacked("web");
    let query = ["--root", tree.as_str(), "--define", "_dbpath /var/lib/rpm", "--query", "--all"];
    let all = world.small.root.tool("rpm", &query).run().expect_done().stdout;
    assert!(all.contains("os-tree") && all.contains("gpg-pubkey"), "the tree trusts the key too: {all}");

    // Another key than the one that signed.
    let other = Key::make(&world.small.root);
    let create =
        world.create_without_trust("other", &["--type", "core", "--signing-key", other.public.as_str()]);
    world.fails(create, 1, &["GPG", "--signing-key"]);
}

#[test]
fn a_killed_creation_is_cleaned_up() {
    disklessset_tests::need!(
        need::root(),
        need::tool("dnf"),
        need::tool("rpmbuild"),
        need::tool("createrepo_c")
    );
    disklessset_tests::need!(groups_of_dnf());
    let world = World::new();
    world.add(
        "Name: slow\nVersion: 1\nRelease: 1\nSummary: x\nLicense: none\nRequires: os-tree\n%description\nx\n%post\nsleep 300\n%files\n",
    );
    world.index();
    let root = &world.small.root;
    let before = Snapshot::of(root);
    let create = world.create("web", &["--type", "core", "--package", "slow"]).start();
    let (create, _) = create.wait_until(|| root.tool_at_work("sleep"));
    let _ = create.kill_nine();
    assert_eq!(root.status_after_kill("web").as_deref(), Some("CORRUPTED"));
    let _ = world.small.run(&["clean", "--yes"]).expect_done();
    root.wait_for_orphans("a creation in dnf");
    before.assert_same_as_now(root);
    // And by a signal, in order.
    let create = world.create("web", &["--type", "core", "--package", "slow"]).start();
    let (create, _) = create.wait_until(|| root.tool_at_work("sleep"));
    create.signal(nix::sys::signal::Signal::SIGTERM);
    let _ = create.wait().expect_code(143);
    before.assert_same_as_now(root);
    // And when only the package manager is killed.
    let create = world.create("web", &["--type", "core", "--package", "slow"]).start();
    let (create, _) = create.wait_until(|| root.tool_at_work("sleep"));
    let dnf = nix::unistd::Pid::from_raw(root.tool_at_work("dnf").unwrap());
    nix::sys::signal::kill(dnf, nix::sys::signal::Signal::SIGKILL).unwrap();
    let _ = create.wait().expect_code(1).expect_said("dnf");
    before.assert_same_as_now(root);
}

#[test]
fn a_tree_whose_rpm_does_not_see_its_packages_is_told() {
    disklessset_tests::need!(
        need::root(),
        need::tool("dnf"),
        need::tool("rpmbuild"),
        need::tool("createrepo_c")
    );
    // Nothing was fetched from a repository on the same disk, so that there is nothing to write a database anew from.
    for (answer, told) in [("", true), ("echo os-tree", false)] {
        let world = World::new();
        let tree = world.small.root.beside().join("tree-of-package");
        put(&tree.join("usr/bin/rpm"), format!("#!/bin/sh\n{answer}\n").as_bytes(), 0o755);
        world.build_tree(&tree);
        let created = world.create("web", &["--type", "core"]).run().expect_done();
        assert_eq!(created.stderr.contains("does not read the package database"), told, "{created}");
    }
}

#[test]
fn a_password_in_an_address_reaches_the_repository_and_nobody_else() {
    disklessset_tests::need!(
        need::root(),
        need::tool("dnf"),
        need::tool("rpmbuild"),
        need::tool("createrepo_c")
    );
    let world = World::new();
    let server = Server::start(&world.repo);
    let root = &world.small.root;
    // In a parameters file: on a command line everybody could read it, whatever we do.
    let file = root.beside().join("parameters.yml");
    let parameters = |login: &str| {
        let text = format!(
            "image_data:\n  name: web\n  image_class: LivenetImage\n  kernel: {KERNEL}\n  source: dnf\n  livenet_type: CORE\n  \
             release_version: '9'\n  unsigned: true\n  repositories:\n    - 'http://{login}@{}/'\n",
            server.address
        );
        put(&file, text.as_bytes(), 0o600);
        root.disklessset(&["-d", "create", "--from", file.as_str()])
    };
    let over = Arc::new(AtomicBool::new(false));
    let watch = std::thread::spawn({
        let over = over.clone();
        move || {
            let mut seen = std::collections::BTreeSet::new();
            while !over.load(Ordering::Relaxed) {
                seen.extend(processes_showing(QUIET));
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            seen
        }
    });
    let before = Snapshot::of(root);
    let wrong = parameters(&format!("bob:{QUIET}-wrong")).run().expect_code(1).expect_said("401");
    before.assert_same_as_now(root);
    assert!(*server.refused.lock().unwrap() > 0, "nobody asked");
    let right = parameters(&format!("bob:{QUIET}")).run().expect_done();
    over.store(true, Ordering::Relaxed);
    let seen = watch.join().unwrap();
    assert!(seen.is_empty(), "seen by everybody on the machine: {seen:?}");
    for done in [&wrong, &right] {
        assert!(!done.stderr.contains(QUIET) && !done.stderr.contains("bob"), "{done}");
        assert!(!done.stdout.contains(QUIET), "{done}");
    }
    assert!(world.small.record("web").contains(&format!("http://{}/", server.address)));
    // Made again it is from a file that has the login, and not without.
    let definition = root.disklessset(&["show", "web", "--as-file"]).run().expect_done().stdout;
    assert!(definition.contains("repositories: the login in an address is not kept"), "{definition}");
    world.small.refused(&["rebuild", "web"], 5, "a file that has it");
    let again = root.disklessset(&["rebuild", "web", "--from", file.as_str()]).run();
    let again = again.expect_refusal(&[2, 3, 5]);
    assert!(!again.stderr.contains(QUIET), "{again}");
    let tree = world.small.unpacked("web");
    for place in [root.path(), tree] {
        let grep = root.tool("grep", &["-rlF", "--", QUIET, place.as_str()]).run();
        assert_eq!(grep.status.code(), Some(1), "{}", grep.stdout);
    }
}
