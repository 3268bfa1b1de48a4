//! A second boot server: it has what the registry has or the whole state before, whoever dies or changes something meanwhile.

mod pools;

use super::*;
use crate::system::small::Small;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::run::Outcome;
use disklessset_tests::{failpoints, kill_table};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

/// A boot server that makes images, a registry, and a server that becomes a mirror.
pub(super) struct World<'s> {
    small: &'s Small,
    pub(super) server: Server<'s>,
    pub(super) mirror: TestRoot,
}

impl<'s> World<'s> {
    pub(super) fn of(small: &'s Small) -> Self {
        let server = Server::start(&small.root, &Setup::Plain);
        let mirror = mirror_root(&server, &[]);
        Self { small, server, mirror }
    }

    fn address(&self, image: &str) -> String {
        format!("{}/images/{image}", self.server.host())
    }

    fn repository(&self, image: &str) -> Registry {
        let options = Options { first_pause: Duration::from_millis(50), tries: 2, ..plain() };
        let name = format!("images/{image}").parse().unwrap();
        Registry::new(&self.server.host(), &name, options, Arc::default()).unwrap()
    }

    /// Pushes a version under tags.
    pub(super) fn push(&self, image: &str, number: u64, tags: &[&str]) -> Digest {
        let oci = self.small.root.oci_dir();
        let stamps = self.small.root.beside().join("pushed.stamps");
        let layout = Layout::open(&oci, &stamps).unwrap();
        let digest = layout.index().unwrap().find(&format!("{image}@{number}")).unwrap().digest;
        let tags: Vec<RegistryTag> = tags.iter().map(|tag| tag.parse().unwrap()).collect();
        self.repository(image).push_artifact(&digest, ARTIFACT_TYPE, &tags, &layout, &mut |_| {}).unwrap();
        digest
    }

    pub(super) fn mirror(&self, images: &[&str]) -> disklessset_tests::run::Program {
        self.mirror_on(&self.mirror, images)
    }

    fn mirror_on(&self, root: &TestRoot, images: &[&str]) -> disklessset_tests::run::Program {
        let addresses = images.iter().map(|image| self.address(image));
        let args: Vec<String> = std::iter::once("mirror".to_owned()).chain(addresses).collect();
        root.disklessset(&args).limit(Duration::from_secs(120))
    }

    pub(super) fn boot_file(&self, image: &str) -> String {
        let file = self.small.root.image_dir(image).join("boot.ipxe");
        std::fs::read_to_string(file).unwrap()
    }
}

/// A root that talks to the registry without TLS.
fn mirror_root(server: &Server<'_>, repositories: &[String]) -> TestRoot {
    let root = TestRoot::with_modules(&["livenet"]);
    let settings = root.path().join("etc/disklessset");
    std::fs::create_dir_all(&settings).unwrap();
    let text = format!("registries: {{plain_http: ['{}']}}\nmirror: {repositories:?}\n", server.host());
    put(&settings.join("diskless_parameters.yml"), text.as_bytes());
    root
}

/// What nodes get: boot files by the names of their images, read through one directory that may be exchanged meanwhile.
fn served(root: &TestRoot) -> BTreeMap<String, String> {
    let images = root.image_dir("x").parent().unwrap().to_owned();
    let Ok(directory) = std::fs::File::open(&images) else { return BTreeMap::new() };
    let through = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&directory));
    let names = std::fs::read_dir(&through).unwrap();
    let read = |name: String| {
        let text = std::fs::read_to_string(format!("{through}/{name}/boot.ipxe")).ok()?;
        Some((name, text))
    };
    names.filter_map(|entry| read(entry.ok()?.file_name().into_string().ok()?)).collect()
}

/// All that a boot file names by digest is there, byte for byte.
fn is_whole(root: &TestRoot, boot_file: &str) {
    let digests: Vec<&str> = boot_file.split("/blobs/sha256/").skip(1).map(|rest| &rest[..64]).collect();
    assert!(digests.len() >= 3, "{boot_file}");
    for digest in digests {
        let bytes = std::fs::read(root.oci_dir().join("blobs/sha256").join(digest)).unwrap();
        assert_eq!(Digest::of(&bytes).hex(), digest);
    }
}

fn change(small: &Small, image: &str, word: &str) {
    let command = format!("echo {word} > /etc/motd");
    let _ = small.run(&["livenet", "exec", image, "--", "/bin/sh", "-c", &command]).expect_done();
}

#[test]
fn a_mirror_serves_what_the_registry_has_and_changes_nothing_itself() {
    disklessset_tests::need!(need::root(), need::tool("docker-registry"), need::tool("umoci"));
    let small = Small::new();
    let _ = small.create("web", &[]).run().expect_done();
    let world = World::of(&small);
    let first = world.push("web", 1, &["v1", "current"]);
    let before = Snapshot::of(&world.mirror);
    let dry = world.mirror_on(&world.mirror, &["web"]).args(["--dry-run"]).run().expect_done();
    assert!(dry.stdout.contains("would change image web") && dry.stdout.contains("would fetch "), "{dry}");
    before.assert_same_as_now(&world.mirror);
    let _ = world.mirror(&["web"]).run().expect_done().expect_said("changed image web");
    assert_eq!(served(&world.mirror)["web"], world.boot_file("web"));
    is_whole(&world.mirror, &world.boot_file("web"));
    let oci = world.mirror.oci_dir();
    let listed = world.mirror.tool("umoci", &["ls", "--layout", oci.as_str()]).run().expect_done().stdout;
    assert_eq!(listed.trim(), "web@1");

    // It says what it is, and changes nothing.
    let of = format!("is a mirror of {}", world.address("web"));
    let on_mirror = |args: &[&str]| world.mirror.disklessset(args).run();
    for args in [&["list"][..], &["verify"]] {
        let _ = on_mirror(args).expect_done().expect_said(&of);
    }
    assert_eq!(world.mirror.images()[0]["image_class"], "LivenetImage");
    let source = format!("tree:{}", small.tree);
    let before = Snapshot::of(&world.mirror);
    for args in [
        &["livenet", "create", "own", "--kernel", "from-image", "--source", &source][..],
        &["livenet", "mount", "web"],
        &["clone", "web", "other"],
        &["remove", "web", "--yes"],
        &["release", "web"],
        &["rollback", "web"],
        &["tag", "web@1", "good"],
        &["prune"],
        &["clean"],
        &["clear", "web", "--yes"],
        &["verify", "--record"],
        &["kernel", "remove", "6.1.0-small", "--yes"],
    ] {
        let _ = on_mirror(args).expect_code(5).expect_said(&of);
        let _ = on_mirror(&[args, &["--dry-run"]].concat()).expect_code(5).expect_said(&of);
    }
    before.assert_same_as_now(&world.mirror);

    // The next version; again; the first one's tag is taken away by naming the second.
    change(&small, "web", "second");
    let second = world.push("web", 2, &["v2", "current"]);
    let _ = world.mirror(&["web"]).run().expect_done().expect_said("1 images with 2 versions");
    assert_eq!(served(&world.mirror)["web"], world.boot_file("web"));
    let again = world.mirror(&["web"]).run().expect_done().expect_said("0 fetched");
    assert!(!again.stderr.contains("changed"), "{again}");
    let _ = world.push("web", 2, &["v1"]);
    let _ = world.mirror(&["web"]).run().expect_done();
    let manifest = |digest: &Digest| oci.join("blobs/sha256").join(digest.hex()).exists();
    assert!(manifest(&first) && manifest(&second), "a node may be fetching it");
    let state = world.mirror.path().join("var/lib/diskless/mirror.yml");
    let text = std::fs::read_to_string(&state).unwrap();
    let line = text.lines().find(|line| line.contains(&first.to_string()) && line.contains(": ")).unwrap();
    put(&state, text.replace(line, &format!("  {first}: 2026-01-01T00:00:00Z")).as_bytes());
    let _ = world.mirror(&["web"]).run().expect_done();
    assert!(!manifest(&first) && manifest(&second), "an hour is over");
    let _ = on_mirror(&["verify"]).expect_done();
    is_whole(&world.mirror, &world.boot_file("web"));

    // What is damaged is found, and mended.
    let large = std::fs::read_dir(oci.join("blobs/sha256")).unwrap().map(|entry| entry.unwrap().path());
    let large = large.max_by_key(|path| path.metadata().unwrap().len()).unwrap();
    std::fs::File::options().write(true).open(&large).unwrap().write_all(b"damaged").unwrap();
    let verified = on_mirror(&["verify"]).expect_code(1);
    assert!(verified.stdout.contains("is damaged"), "{verified}");
    // As the hint says: with no words, those of the last run.
    let _ = on_mirror(&["mirror"]).expect_done();
    let _ = on_mirror(&["verify"]).expect_done();

    // Its end.
    let _ = on_mirror(&["mirror", "--end", "--yes"]).expect_done();
    assert!(served(&world.mirror).is_empty() && !manifest(&second));
    let _ = on_mirror(&["mirror", "--end", "--yes"]).expect_code(5).expect_said("is no mirror");
}

#[test]
fn a_mirror_refuses_what_it_cannot_serve() {
    disklessset_tests::need!(need::root(), need::tool("docker-registry"));
    let small = Small::new();
    let _ = small.create("web", &[]).run().expect_done();
    let world = World::of(&small);
    let _ = world.push("web", 1, &["v1", "current"]);
    // Its images are its own.
    let host = world.server.host();
    let own = [String::from("mirror"), world.address("web"), format!("--plain-http={host}")];
    let before = Snapshot::of(&small.root);
    let _ = small.root.disklessset(&own).run().expect_code(5).expect_said("images of its own (web)");
    before.assert_same_as_now(&small.root);

    let oci = small.root.oci_dir();
    let ours = Layout::open(&oci, &small.root.beside().join("pushed.stamps")).unwrap();
    let (digest, _) = version(&small.root, &layout(&small.root, "other"), "x@1", &[("vmlinuz", b"k")]);
    let other = Layout::open(&small.root.beside().join("other"), &small.root.beside().join("other.stamps"));
    let push = |image: &str, digest: &Digest, tag: &str, layout: &Layout| {
        let tags = [tag.parse().unwrap()];
        world.repository(image).push_artifact(digest, ARTIFACT_TYPE, &tags, layout, &mut |_| {}).unwrap();
    };
    push("nameless", &digest, "v1", other.as_ref().unwrap());
    let web = ours.index().unwrap().find("web@1").unwrap().digest;
    push("twin", &web, "v1", &ours);
    push("untagged", &web, "stable", &ours);
    push("astray", &web, "v1", &ours);
    change(&small, "web", "second");
    let second = ours.index().unwrap().find("web@2").unwrap().digest;
    push("astray", &second, "current", &ours);
    let before = Snapshot::of(&world.mirror);
    for (images, code, said) in [
        (&["none"][..], 5, "has no versions of an image"),
        (&["untagged"], 5, "has no versions of an image"),
        (&["nameless"], 5, "does not say of which image it is"),
        (&["web", "twin"], 5, "both have versions of image web"),
        (&["astray"], 5, "which no tag vN names"),
        (&["web", "web"], 2, "is named twice"),
        (&[], 2, "no repository is named"),
        (&["web:v1"], 2, "has a tag or a digest"),
    ] {
        let refused: Outcome = world.mirror(images).run().expect_code(code).expect_said(said);
        assert!(!refused.stderr.contains("panicked"), "{refused}");
        before.assert_same_as_now(&world.mirror);
    }
}

#[test]
fn a_mirror_moves_all_its_images_at_once() {
    disklessset_tests::need!(need::root(), need::tool("docker-registry"));
    let small = Small::new();
    let names = ["one", "two", "three"];
    for name in names {
        let _ = small.create(name, &[]).run().expect_done();
    }
    let world = World::of(&small);
    let push_all = |number: u64| {
        for name in names {
            let _ = world.push(name, number, &[&format!("v{number}"), "current"]);
        }
    };
    push_all(1);
    let _ = world.mirror(&names).run().expect_done();
    let mut states = vec![served(&world.mirror)];
    let done = AtomicBool::new(false);
    let seen = std::thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut seen: Vec<BTreeMap<String, String>> = Vec::new();
            while !done.load(Ordering::Relaxed) {
                let now = served(&world.mirror);
                // The state before goes, file by file, once nobody comes to it any more; who holds it open sees that.
                if now.len() == names.len() && !seen.contains(&now) {
                    seen.push(now);
                }
            }
            seen
        });
        for number in 2..5 {
            names.iter().for_each(|name| change(&small, name, &format!("state-{number}")));
            push_all(number);
            let _ = world.mirror(&names).run().expect_done();
            states.push(served(&world.mirror));
        }
        done.store(true, Ordering::Relaxed);
        watch.join().unwrap()
    });
    for state in &seen {
        assert!(states.contains(state), "a mixture was served: {state:?}");
    }
    for name in names {
        is_whole(&world.mirror, &states[3][name]);
    }
}

#[test]
fn a_mirror_outlives_a_registry_that_dies_and_its_own_death() {
    disklessset_tests::need!(need::full(), need::root(), need::tool("docker-registry"));
    let small = Small::new();
    let _ = small.create("web", &[]).run().expect_done();
    let mut world = World::of(&small);
    let _ = world.push("web", 1, &["v1", "current"]);
    let _ = world.mirror(&["web"]).run().expect_done();
    let first = served(&world.mirror);
    put(&small.tree.join("srv/noise"), &noise(LARGE));
    let _ = small.create("large", &[]).run().expect_done();
    let _ = world.push("large", 1, &["v1", "current"]);
    let incoming = world.mirror.oci_dir().join(".incoming");
    let is_fetching = || {
        let entries = std::fs::read_dir(&incoming).ok()?;
        let size = |entry: std::io::Result<std::fs::DirEntry>| Some(entry.ok()?.metadata().ok()?.len());
        entries.filter_map(size).any(|size| size > 1 << 20).then_some(())
    };
    let (running, ()) = world.mirror(&["web", "large"]).start().wait_until(is_fetching);
    world.server.kill();
    let _ = running.wait().expect_code(1).expect_said("cannot be reached");
    assert_eq!(served(&world.mirror), first);
    let of = world.mirror.disklessset(&["verify"]).run().expect_done();
    let _ = of.expect_said("is a mirror of");
    world.server.start_again();
    let (running, ()) = world.mirror(&["web", "large"]).start().wait_until(is_fetching);
    running.kill_nine();
    assert_eq!(served(&world.mirror), first);
    // A tag moves while the next one is under way.
    change(&small, "web", "second");
    let (running, ()) = world.mirror(&["web", "large"]).start().wait_until(is_fetching);
    let _ = world.push("web", 2, &["v2", "current"]);
    let _ = running.wait().expect_done();
    let now = served(&world.mirror);
    assert_eq!((&now["web"], &now["large"]), (&world.boot_file("web"), &world.boot_file("large")));
    now.values().for_each(|text| is_whole(&world.mirror, text));
}

#[test]
fn a_mirror_is_brought_by_one_at_a_time_and_by_the_configuration_s_word() {
    disklessset_tests::need!(need::root(), need::tool("docker-registry"));
    let small = Small::new();
    let _ = small.create("web", &[]).run().expect_done();
    let world = World::of(&small);
    let _ = world.push("web", 1, &["v1", "current"]);
    let root = mirror_root(&world.server, &[world.address("web")]);
    let mirror = |more: &[&str]| root.disklessset(&[&["mirror"], more].concat());
    let several: Vec<_> = (0..3).map(|_| mirror(&["--wait", "60"]).start()).collect();
    for running in several {
        let _ = running.wait().expect_done();
    }
    assert_eq!(served(&root)["web"], world.boot_file("web"));
    let held = disklessset::system::lock::Lock::acquire(
        &root.path().join("run/disklessset"),
        "@mirror",
        "the mirror",
        "a test",
        disklessset::Wait::No,
    );
    let _ = mirror(&[]).run().expect_code(4).expect_said("the mirror is busy");
    drop(held);
    let _ = mirror(&[]).run().expect_done();
}

#[test]
fn a_mirror_killed_at_a_step_is_as_before_or_after_and_the_next_run_ends_it() {
    disklessset_tests::need!(need::root(), need::tool("docker-registry"));
    let small = Small::new();
    let _ = small.create("web", &[]).run().expect_done();
    let _ = small.create("db", &[]).run().expect_done();
    let world = World::of(&small);
    let names = ["web", "db"];
    let push = |name: &str, number: u64| world.push(name, number, &[&format!("v{number}"), "current"]);
    for name in names {
        let _ = push(name, 1);
    }
    let _ = world.mirror(&names).run().expect_done();
    let (mut points, mut killed, mut back) = (1, 0, 0);
    let mut number = 0;
    let mut version = 1;
    while number < points {
        let before = served(&world.mirror);
        version += 1;
        for name in names {
            change(&small, name, &format!("state-{version}"));
            let _ = push(name, version);
        }
        let after: BTreeMap<String, String> =
            names.iter().map(|name| ((*name).to_owned(), world.boot_file(name))).collect();
        if killed == 0 {
            let (outcome, steps) = failpoints::record(&world.mirror, world.mirror(&names));
            let _ = outcome.expect_done();
            assert_eq!(served(&world.mirror), after);
            points = steps.len();
            assert!(points > 20, "only {points} steps");
            (number, killed) = (points % 7, 1);
            continue;
        }
        number += match std::env::var(need::FULL).is_ok_and(|full| full == "1") {
            true => 1,
            false => points.div_ceil(9),
        };
        let Some(step) = failpoints::kill_if_so_long(&world.mirror, world.mirror(&names), number) else {
            break;
        };
        let now = served(&world.mirror);
        assert!(now == before || now == after, "{step}: {now:?}");
        back += usize::from(now == before);
        killed += 1;
        if killed % 2 == 0 {
            let _ = world.mirror.disklessset(&["list"]).run().expect_done();
        }
        let _ = world.mirror(&names).run().expect_done();
        assert_eq!(served(&world.mirror), after, "{step}");
        after.values().for_each(|text| is_whole(&world.mirror, text));
        assert!(
            !world.mirror.image_dir("x").parent().unwrap().with_file_name(".images.next").exists(),
            "{step}"
        );
        let _ = world.mirror.disklessset(&["verify"]).run().expect_done();
    }
    kill_table::add("mirror", "failpoints", points, killed - 1, back, killed - 1 - back);
}
