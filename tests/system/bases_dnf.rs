//! Trees of packages that dnf installed are kept as those of apt are: the repositories' own index decides, and a full disk never costs an image.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::os::unix::fs::MetadataExt;

use disklessset_tests::{facts, loop_disk::Disk, need, run::Outcome};

use super::{
    bases::{TAKEN, bases, place},
    dnf_world::World,
    full_disk::OnDisk,
    small::put,
};

/// A package of the site, in this version, in a repository with an index of now.
fn publish(world: &World, version: u32) {
    world.add(&format!(
        "Name: site-tool\nVersion: {version}\nRelease: 1\nSummary: x\nLicense: none\nRequires: os-tree\nBuildArch: noarch\n\
         %description\nx\n%install\nmkdir -p %{{buildroot}}/srv\necho {version} >%{{buildroot}}/srv/site-tool\n%files\n/srv/site-tool\n"
    ));
    world.index();
}

fn create_of(release: &str, world: &World, name: &str, more: &[&str]) -> Outcome {
    let repo = format!("file://{}", world.repo);
    let from = ["--repo", &repo, "--unsigned", "--release", release];
    let own = ["--type", "core", "--package", "site-tool"];
    let create = world.small.create_from(name, "dnf", &[&from[..], &own, more, &["-i"]].concat());
    create.run().expect_done()
}

fn create(world: &World, name: &str, more: &[&str]) -> Outcome {
    create_of("9", world, name, more)
}

/// The version of the site's package in an image.
fn version(world: &World, name: &str) -> String {
    let text = std::fs::read_to_string(world.small.unpacked(name).join("srv/site-tool")).unwrap();
    text.trim().to_owned()
}

/// What dnf was told to do for an image.
fn installs(world: &World, name: &str) -> bool {
    world.small.run(&["log", name]).expect_done().stdout.contains(" install ")
}

#[test]
fn a_second_image_of_dnf_begins_from_the_kept_tree_and_a_changed_repository_does_not() {
    disklessset_tests::need!(
        need::root(),
        need::tool("dnf"),
        need::tool("rpmbuild"),
        need::tool("createrepo_c")
    );
    let world = World::new();
    publish(&world, 1);
    let first = create(&world, "first", &[]);
    assert!(!first.stderr.contains(TAKEN) && installs(&world, "first"), "{first}");
    let [base] = &bases(&world.small)[..] else { panic!("{:?}, {first}", bases(&world.small)) };
    assert!(base["what"].as_str().unwrap().starts_with("release 9, "), "{base}");

    let second = create(&world, "second", &[]).expect_said(TAKEN);
    assert!(!installs(&world, "second"), "{second}");
    let listing = |name: &str| {
        let mut files = facts::files_below(&world.small.unpacked(name)).unwrap();
        // The name of the image is in it.
        files.retain(|file, _| !file.ends_with("os-release") && file.components().count() > 1);
        files.into_keys().collect::<Vec<_>>()
    };
    assert_eq!(listing("first"), listing("second"));
    assert!(listing("second").iter().any(|file| file.ends_with("rpmdb.sqlite")));

    // Other packages are another base, and so is another release.
    let other = create(&world, "other", &["--package", "extra"]);
    assert!(!other.stderr.contains(TAKEN), "{other}");
    let later = create_of("8", &world, "later", &[]);
    assert!(!later.stderr.contains(TAKEN), "{later}");
    let _ = create_of("8", &world, "third", &[]).expect_said(TAKEN);
    assert_eq!(bases(&world.small).len(), 2, "no more than are wanted");

    publish(&world, 2);
    let changed = create_of("8", &world, "changed", &[]);
    assert!(!changed.stderr.contains(TAKEN), "{changed}");
    assert_eq!((version(&world, "third"), version(&world, "changed")), ("1".into(), "2".into()));

    // Of the same length, and with its times put back: the kernel's own time of change tells.
    let kept = place(&world.small).join(bases(&world.small)[0]["key"].as_str().unwrap());
    let kept = kept.join("tree/srv/site-tool");
    let times = kept.metadata().unwrap().modified().unwrap();
    put(&kept, b"9\n", 0o644);
    std::fs::File::options().write(true).open(&kept).unwrap().set_modified(times).unwrap();
    let damaged = create_of("8", &world, "damaged", &[]);
    let damaged = damaged.expect_said("was changed since it was kept");
    assert!(!damaged.stderr.contains(TAKEN), "{damaged}");
    assert_eq!(version(&world, "damaged"), "2");
}

#[test]
fn a_tree_with_a_script_that_failed_is_not_kept_so_that_the_next_image_tells_it_too() {
    disklessset_tests::need!(
        need::root(),
        need::tool("dnf"),
        need::tool("rpmbuild"),
        need::tool("createrepo_c")
    );
    let world = World::new();
    world.add(
        "Name: site-tool\nVersion: 1\nRelease: 1\nSummary: x\nLicense: none\nRequires: os-tree\n%description\nx\n%post\nexit 3\n%files\n",
    );
    world.index();
    for name in ["first", "second"] {
        let _ = create(&world, name, &[])
            .expect_said("a script of a package failed")
            .expect_said("the tree is not kept as a base");
    }
    assert_eq!(bases(&world.small).len(), 0);
}

#[test]
fn a_disk_that_is_full_keeps_no_base_and_costs_no_image() {
    disklessset_tests::need!(
        need::root(),
        need::tool("dnf"),
        need::tool("rpmbuild"),
        need::tool("createrepo_c")
    );
    let world = World::new();
    publish(&world, 1);
    let place = place(&world.small);
    let disk = OnDisk::new(&world.small.root, &place, Disk::Ext4, 64);
    let left = || {
        let names = place.read_dir_utf8().unwrap().map(|entry| entry.unwrap().file_name().to_owned());
        names.filter(|name| name.starts_with(".new-") || name.len() == 64).collect::<Vec<_>>()
    };
    let filling = disk.fill_but(1 << 20);
    let _ = create(&world, "first", &[]).expect_said("there is room for the image alone");
    assert_eq!(left(), Vec::<String>::new());
    drop(filling);

    // There is room, and no inodes for half of its files: the copy itself meets the full disk.
    let many = place.join("many");
    std::fs::create_dir(&many).unwrap();
    let free = || rustix::fs::statvfs(place.as_std_path()).unwrap().f_ffree;
    let taken = free() - 12;
    (0..taken).for_each(|number| drop(std::fs::File::create_new(many.join(number.to_string())).unwrap()));
    assert_eq!(free(), 12);
    let second = create(&world, "second", &[]).expect_said("cannot keep the tree as a base");
    assert!(second.stderr.contains("No space left"), "{second}");
    assert_eq!((left(), free()), (Vec::new(), 12), "{second}");
    assert_eq!(version(&world, "second"), "1");
    assert_eq!(world.small.root.status("second").as_deref(), Some("CREATED"));
    std::fs::remove_dir_all(&many).unwrap();

    let _ = create(&world, "third", &[]);
    assert_eq!(left().len(), 1);
    assert_ne!(place.metadata().unwrap().dev(), world.small.root.path().metadata().unwrap().dev());
    let _ = create(&world, "fourth", &[]).expect_said(TAKEN);
}
