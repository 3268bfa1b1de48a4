//! Nodes and pools go to a second boot server, through a registry.

use super::*;

/// The boot files below `boot`, by their paths.
fn boot(root: &TestRoot) -> BTreeMap<String, String> {
    let boot = root.image_dir("x").parent().unwrap().with_file_name("boot");
    let mut found = BTreeMap::new();
    for below in ["", "pool", "name", "mac"] {
        for entry in boot.join(below).read_dir_utf8().into_iter().flatten().map(Result::unwrap) {
            // What begins with a dot is being written, or was when its writer was killed; nobody serves it.
            if entry.file_type().unwrap().is_file() && !entry.file_name().starts_with('.') {
                let text = std::fs::read_to_string(entry.path()).unwrap();
                found.insert(format!("{below}/{}", entry.file_name()), text);
            }
        }
    }
    found
}

/// What is left of files that were being written.
fn half_written(root: &TestRoot) -> Vec<String> {
    let boot = root.image_dir("x").parent().unwrap().with_file_name("boot");
    let all = ["", "pool", "name", "mac"].map(|below| boot.join(below));
    let entries = all.iter().flat_map(|place| place.read_dir_utf8().into_iter().flatten());
    let names = entries.map(|entry| entry.unwrap().file_name().to_owned());
    names.filter(|name| name.starts_with('.')).collect()
}

impl World<'_> {
    /// Where nodes and pools go.
    fn site(&self) -> String {
        self.address("site")
    }

    /// A command on the server that makes images.
    fn on_server(&self, args: &[&str]) -> disklessset_tests::run::Program {
        self.small.root.disklessset(args)
    }

    fn push_pools(&self, to: &str) -> disklessset_tests::run::Program {
        let plain = format!("--plain-http={}", self.server.host());
        self.on_server(&["push", "--pools", to, &plain])
    }

    fn on_mirror(&self, args: &[&str]) -> disklessset_tests::run::Program {
        self.mirror.disklessset(args).limit(Duration::from_secs(120))
    }

    /// Two versions of an image, both pushed, and pools that name it in all ways.
    fn with_pools(small: &Small) -> World<'_> {
        let _ = small.create("web", &[]).run().expect_done();
        let world = World::of(small);
        let _ = world.push("web", 1, &["v1", "current"]);
        change(small, "web", "second");
        let _ = world.push("web", 2, &["v2", "current"]);
        for args in [
            &["tag", "web@1", "good"][..],
            &["pool", "set", "compute", "--image", "web", "--nodes", "c[1-3]", "--bootif", "yes"],
            &["pool", "set", "old", "--image", "web@good", "--nodes", "o1"],
            &["pool", "set", "disks", "--boot", "local"],
            &["node", "set", "c1", "--mac", "52:54:00:ab:cd:01", "--alias", "head", "--var", "rack=r12"],
            &["assign", "web@2", "a1"],
        ] {
            let _ = world.on_server(args).run().expect_done();
        }
        world
    }
}

#[test]
fn pools_of_another_server_boot_the_same_nodes_from_a_mirror() {
    disklessset_tests::need!(need::root(), need::tool("docker-registry"));
    let small = Small::new();
    let world = World::with_pools(&small);
    let site = world.site();
    let before = Snapshot::of(&small.root);
    let dry = world.push_pools(&site).args(["--dry-run"]).run().expect_done();
    assert!(dry.stdout.contains("would send 5 nodes and 3 pools"), "{dry}");
    let pushed = world.push_pools(&site).run().expect_done();
    assert!(pushed.stdout.contains("pushed 5 nodes and 3 pools"), "{pushed}");
    let again = world.push_pools(&site).run().expect_done();
    assert!(again.stdout.contains(":pools has these 5 nodes and 3 pools"), "{again}");
    before.assert_same_as_now(&small.root);

    let before = Snapshot::of(&world.mirror);
    let bring = ["mirror", &world.address("web"), "--pools", &site];
    let dry = world.on_mirror(&bring).args(["--dry-run"]).run().expect_done();
    assert!(dry.stdout.contains("would change nodes and pools: 5 nodes in 3 pools"), "{dry}");
    before.assert_same_as_now(&world.mirror);
    let _ = world.on_mirror(&bring).run().expect_done().expect_said("changed nodes and pools");
    let (there, here) = (boot(&small.root), boot(&world.mirror));
    assert_eq!(here, there);
    assert!(here.contains_key("mac/52-54-00-ab-cd-01.ipxe") && here.contains_key("/entry.ipxe"), "{here:?}");
    is_whole(&world.mirror, &here["pool/old.ipxe"]);
    is_whole(&world.mirror, &here["name/a1.ipxe"]);
    let _ = world.on_mirror(&["verify"]).run().expect_done();
    let shown = world.on_mirror(&["boot", "show", "o1"]).run().expect_done();
    assert!(shown.stdout.contains("web@1"), "{shown}");

    // They are changed where they are made.
    let before = Snapshot::of(&world.mirror);
    for args in
        [&["node", "set", "c9"][..], &["pool", "set", "old", "--image", "web"], &["assign", "web", "z1"]]
    {
        let _ = world.on_mirror(args).run().expect_code(5).expect_said(&format!("{site}:pools"));
    }
    before.assert_same_as_now(&world.mirror);

    // What changes there comes with the next run, which needs no words; and nothing is written where nothing changed.
    let _ = world.on_server(&["pool", "set", "compute", "--image", "web@1", "--nodes", "n[1-2]"]).run();
    let _ = world.on_server(&["node", "remove", "c3", "--yes"]).run().expect_done();
    let _ = world.push_pools(&site).run().expect_done();
    let _ = world.on_mirror(&["mirror"]).run().expect_done().expect_said("6 nodes in 3 pools");
    assert_eq!(boot(&world.mirror), boot(&small.root));
    let quiet = world.on_mirror(&["mirror"]).run().expect_done();
    assert!(!quiet.stderr.contains("nodes and pools"), "{quiet}");

    // What somebody damaged is told, and mended.
    let file = world.mirror.image_dir("x").parent().unwrap().with_file_name("boot").join("name/n1.ipxe");
    put(&file, b"#!ipxe\n# disklessset: node n1\nexit\n");
    let verified = world.on_mirror(&["verify"]).run().expect_code(1);
    assert!(verified.stdout.contains("boot files differ from the record"), "{verified}");
    let _ = world.on_mirror(&["mirror"]).run().expect_done();
    let _ = world.on_mirror(&["verify"]).run().expect_done();
    assert_eq!(boot(&world.mirror), boot(&small.root));

    // Without them, and at the end of the mirror, none of them is left.
    let _ = world.on_mirror(&["mirror", "--no-pools"]).run().expect_done().expect_said("forgot all nodes");
    assert!(boot(&world.mirror).is_empty());
    let _ = world.on_mirror(&["verify"]).run().expect_done();
    let _ = world.on_mirror(&bring).run().expect_done();
    assert_eq!(boot(&world.mirror), boot(&small.root));
    let _ = world.on_mirror(&["mirror", "--end", "--yes"]).run().expect_done();
    assert!(boot(&world.mirror).is_empty());
    assert!(!world.mirror.path().join("var/lib/diskless/nodes.yml").exists());
}

/// A manifest of this type with one file, which the registry has.
fn manifest(there: &Registry, kind: &str, title: &str, file: &[u8], size: usize) -> Vec<u8> {
    let _ = there.push_bytes(b"{}").unwrap();
    let _ = there.push_bytes(file).unwrap();
    let media_type = "application/vnd.disklessset.nodes.v1+yaml";
    let text = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": disklessset_oci::manifest::MANIFEST_TYPE,
        "artifactType": kind,
        "config": {
            "mediaType": "application/vnd.oci.empty.v1+json",
            "digest": Digest::of(b"{}").to_string(),
            "size": 2
        },
        "layers": [{
            "mediaType": media_type,
            "digest": Digest::of(file).to_string(),
            "size": size,
            "annotations": {"org.opencontainers.image.title": title}
        }]
    });
    text.to_string().into_bytes()
}

#[test]
fn pools_that_cannot_be_served_are_refused_in_one_line_and_change_nothing() {
    disklessset_tests::need!(need::root(), need::tool("docker-registry"));
    let small = Small::new();
    let world = World::with_pools(&small);
    let site = world.site();
    let web = world.address("web");
    let there = world.repository("site");
    const POOLS: &str = "application/vnd.disklessset.pools.v1+json";
    let good = b"format: 1\nnodes: {c1: {}}\n";
    let push = |tag: &str, kind: &str, title: &str, file: &[u8], size: usize| {
        let bytes = manifest(&there, kind, title, file, size);
        let target = Target::Tag(tag.parse().unwrap());
        there.push_manifest(&target, &bytes, disklessset_oci::manifest::MANIFEST_TYPE).unwrap();
    };
    let record = |tag: &str, text: &str| push(tag, POOLS, "nodes.yml", text.as_bytes(), text.len());
    record("way-out", "format: 1\nnodes: {'../../../../etc/x': {}}\n");
    record("way-out-2", "format: 1\npools: {'../../x': {boot: local}}\n");
    record("way-out-3", "format: 1\nnodes: {c1: {alias: '../c1'}}\n");
    record("script", "format: 1\nnodes: {c1: {variables: {filename: x}}}\n");
    record("line", "format: 1\npools: {p: {kernel_parameters: \"a\\nshell\"}}\n");
    record("later", "format: 2\nnodes: {}\n");
    record("none", "[");
    let words = "x".repeat(1000);
    let of_both = format!(
        "pools: {{p: {{image: web, kernel_parameters: {words}}}}}\nnodes: {{n: {{pool: p, kernel_parameters: {words}}}}}\n"
    );
    record("long", &format!("format: 1\n{of_both}"));
    record("missing", "format: 1\npools: {p: {image: desk}}\n");
    record("missing-version", "format: 1\nnodes: {c1: {image: web@9}}\n");
    record("their-tag", "format: 1\nnodes: {c1: {image: web@good}}\n");
    push("other-type", "application/vnd.example.thing", "nodes.yml", good, good.len());
    push("huge", POOLS, "nodes.yml", good, 5 << 30);
    push("short", POOLS, "nodes.yml", good, good.len() - 1);
    push("title", POOLS, "../nodes.yml", good, good.len());
    push("title-2", POOLS, "passwd", good, good.len());
    let before = Snapshot::of(&world.mirror);
    let refused = |pools: &str, codes: &[i32], said: &str| {
        let outcome = world.on_mirror(&["mirror", &web, "--pools", pools]).run();
        let outcome = outcome.expect_refusal(codes).expect_said(said);
        assert!(!outcome.stderr.contains("panicked"), "{outcome}");
        before.assert_same_as_now(&world.mirror);
    };
    for (tag, said) in [
        ("way-out", "cannot mirror the nodes and pools"),
        ("way-out-2", "cannot mirror the nodes and pools"),
        ("way-out-3", "cannot mirror the nodes and pools"),
        ("script", "is not the name of a variable"),
        ("line", "cannot mirror the nodes and pools"),
        ("later", "it has format 2"),
        ("none", "cannot mirror the nodes and pools"),
        ("long", "at most 2048 are allowed"),
        ("missing", "none of the repositories has desk"),
        ("missing-version", "none of the repositories has web@9"),
        ("their-tag", "none of the repositories has web@good"),
        ("other-type", "application/vnd.example.thing"),
        ("huge", "at most 4"),
        ("short", "cannot mirror the nodes and pools"),
        ("title", "is no title"),
        ("title-2", "it has no nodes.yml"),
        ("nothing", "404"),
    ] {
        refused(&format!("{site}:{tag}"), &[1, 3, 5], said);
    }
    refused(&format!("{web}:v1"), &[2], "is a tag of versions");
    refused(&format!("{site}@{}", Digest::of(b"")), &[2], "names a digest");

    // Who pushes takes no tag away from something else.
    let _ = world.push("web", 1, &["mine"]);
    let before = Snapshot::of(&small.root);
    let _ = world.push_pools(&format!("{web}:mine")).run().expect_code(5).expect_said("is something else");
    let _ = world.push_pools(&format!("{web}:current")).run().expect_code(2);
    before.assert_same_as_now(&small.root);

    // A server with nodes of its own keeps them.
    let own = mirror_root(&world.server, &[]);
    let _ = own
        .disklessset(&["push", "--pools", &site])
        .run()
        .expect_code(5)
        .expect_said("no nodes and no pools");
    let _ = own.disklessset(&["node", "set", "mine"]).run().expect_done();
    let _ = world.push_pools(&site).run().expect_done();
    let before = Snapshot::of(&own);
    let _ = own
        .disklessset(&["mirror", &web, "--pools", &site])
        .run()
        .expect_code(5)
        .expect_said("nodes of its own");
    before.assert_same_as_now(&own);
}

#[test]
fn pools_on_a_mirror_that_is_killed_at_a_step_are_of_before_or_after_and_the_next_run_ends_it() {
    disklessset_tests::need!(need::root(), need::tool("docker-registry"));
    let small = Small::new();
    let world = World::with_pools(&small);
    let site = world.site();
    let run = || world.on_mirror(&["mirror"]);
    let _ = world.push_pools(&site).run().expect_done();
    let _ = world.on_mirror(&["mirror", &world.address("web"), "--pools", &site]).run().expect_done();
    // There and back: a node comes and goes, a pool moves to another version, and a pool to another image.
    let turn = |forth: bool| {
        let version = if forth { "web@1" } else { "web@2" };
        let _ = world.on_server(&["pool", "set", "compute", "--image", version]).run().expect_done();
        let extra: &[&str] = match forth {
            true => &["pool", "set", "more", "--image", "web", "--nodes", "m[1-2]"],
            false => &["node", "remove", "m[1-2]", "--yes"],
        };
        let _ = world.on_server(extra).run().expect_done();
        let _ = world.push_pools(&site).run().expect_done();
    };
    turn(true);
    let (outcome, steps) = failpoints::record(&world.mirror, run());
    let _ = outcome.expect_done();
    assert_eq!(boot(&world.mirror), boot(&small.root));
    let points = steps.len();
    assert!(points > 10, "only {points} steps");
    let stride = if std::env::var(need::FULL).is_ok_and(|full| full == "1") { 1 } else { points.div_ceil(8) };
    let (mut number, mut forth, mut killed, mut back) = (points % stride + 1, false, 0, 0);
    loop {
        let before = boot(&world.mirror);
        turn(forth);
        forth = !forth;
        let after = boot(&small.root);
        let Some(step) = failpoints::kill_if_so_long(&world.mirror, run(), number) else { break };
        for (path, text) in boot(&world.mirror) {
            let ages = [before.get(&path), after.get(&path)];
            assert!(ages.contains(&Some(&text)), "{path} is of no age after {step}: {text}");
        }
        killed += 1;
        back += usize::from(boot(&world.mirror) == before);
        let _ = run().run().expect_done();
        assert_eq!(boot(&world.mirror), after, "{step}");
        assert_eq!(half_written(&world.mirror), [""; 0], "{step}");
        let _ = world.on_mirror(&["verify"]).run().expect_done();
        number += stride;
    }
    assert!(killed > 4, "only {killed} were killed");
    kill_table::add("mirror --pools", "failpoints", points, killed, back, killed - back);
}
