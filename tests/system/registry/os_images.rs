//! Images of operating systems in Debian's registry as sources of trees: they become images, and what cannot is refused before the work.

use super::*;
use crate::system::{oci, small::Small};
use disklessset_tests::residue::Snapshot;
use nix::sys::signal::Signal;
use std::os::unix::fs::FileExt;

/// A registry that the site talks to without TLS.
fn with_server(small: &Small) -> Server<'_> {
    let server = Server::start(&small.root, &Setup::Plain);
    let settings = small.root.path().join("etc/disklessset");
    std::fs::create_dir_all(&settings).unwrap();
    let text = format!("registries: {{plain_http: ['{}']}}\n", server.host());
    put(&settings.join("diskless_parameters.yml"), text.as_bytes());
    server
}

/// Copies an image of a layout to the registry.
fn push(small: &Small, layout: &Utf8Path, server: &Server<'_>, name: &str, more: &[&str]) {
    let (from, to) = (format!("oci:{layout}:v1"), format!("docker://{}/{name}", server.host()));
    let copy = [&["copy", "--quiet", "--dest-tls-verify=false"], more, &[&from, &to]].concat();
    let _ = small.root.tool("skopeo", &copy).limit(Duration::from_secs(120)).run().expect_done();
}

fn os_repository(server: &Server<'_>) -> Registry {
    let options = Options { first_pause: Duration::from_millis(50), tries: 2, ..plain() };
    Registry::new(&server.host(), &"os/web".parse().unwrap(), options, Arc::default()).unwrap()
}

#[test]
fn an_os_image_of_a_registry_becomes_an_image() {
    disklessset_tests::need!(
        need::root(),
        need::tool("docker-registry"),
        need::tool("umoci"),
        need::tool("skopeo")
    );
    let small = Small::new();
    let server = with_server(&small);
    let layout = oci::layout(&small);
    push(&small, &layout, &server, "os/web:9", &[]);
    push(&small, &layout, &server, "os/web:docker", &["--format", "v2s2"]);
    let digest = os_repository(&server).manifest(&tag("9")).unwrap().digest;
    let exact = format!("{}/os/web@{digest}", server.host());

    let before = Snapshot::of(&small.root);
    let source = format!("registry:{}/os/web:9", server.host());
    let dry = small.create_from("one", &source, &["--dry-run"]).run().expect_done();
    assert!(dry.stdout.contains("would fetch ") && dry.stdout.contains(&exact), "{dry}");
    before.assert_same_as_now(&small.root);

    let by_digest = format!("registry:{exact}");
    let docker = format!("registry:{}/os/web:docker", server.host());
    for (name, source) in [("one", &source), ("two", &docker), ("three", &by_digest)] {
        let created = small.create_from(name, source, &[]).run().expect_done();
        let _ = created.expect_said("to boot, the OCI image lacks an init (/sbin/init)");
        assert!(small.record(name).contains(&format!("source: {source}")), "{}", small.record(name));
        let tree = small.unpacked(name);
        assert!(tree.join("etc/passwd").exists() && !tree.join("etc/gone").exists(), "{name}");
    }
    assert!(small.record("one").contains(&format!("source_exactly: {exact}")), "{}", small.record("one"));
    // The same tree made twice from one image is one blob of versions.
    let _ = small.run(&["verify"]).expect_done();
    // In parameters files it is the same word.
    let file = small.root.beside().join("four.yml");
    let text = format!(
        "image_data:\n  name: four\n  image_class: LivenetImage\n  kernel: {}\n  source: {source}\n",
        crate::system::small::KERNEL
    );
    put(&file, text.as_bytes());
    let from = ["create", "--from", file.as_str(), "--dry-run"];
    let planned = small.run(&from).expect_done();
    assert!(planned.stdout.contains("would fetch "), "{planned}");
}

#[test]
fn what_is_no_os_image_for_this_server_is_refused_before_anything_is_made() {
    disklessset_tests::need!(
        need::full(),
        need::root(),
        need::tool("docker-registry"),
        need::tool("umoci"),
        need::tool("skopeo")
    );
    let small = Small::new();
    let server = with_server(&small);
    let foreign = oci::layout(&small);
    let image = format!("{foreign}:v1");
    let config = ["config", "--image", &image, "--architecture", "s390x"];
    let _ = small.root.tool("umoci", &config).run().expect_done();
    push(&small, &foreign, &server, "os/web:s390x", &[]);
    let there = os_repository(&server);
    let other = there.manifest(&tag("s390x")).unwrap();
    let index = format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{{"mediaType":"{}","digest":"{}","size":{},"platform":{{"os":"linux","architecture":"s390x"}}}}]}}"#,
        other.media_type,
        other.digest,
        other.bytes.len()
    );
    let kind = "application/vnd.oci.image.index.v1+json";
    there.push_manifest(&tag("index"), index.as_bytes(), kind).unwrap();
    let ours = layout(&small.root, "ours");
    let (version, _) = version(&small.root, &ours, "web01@7", &[("vmlinuz", b"kernel")]);
    there.push_artifact(&version, ARTIFACT_TYPE, &["v7".parse().unwrap()], &ours, &mut |_| {}).unwrap();

    let host = server.host();
    for (source, code, said) in [
        (format!("registry:{host}/os/web:none"), 3, "answers 404"),
        (format!("registry:{host}/os/none"), 3, "answers 404"),
        (format!("registry:{host}/os/web:s390x"), 5, "is for linux/s390x alone"),
        (format!("registry:{host}/os/web:index"), 5, "it has: linux/s390x"),
        (format!("registry:{host}/os/web:v7"), 5, "is a version of an image of disklessset"),
        ("registry:web".to_owned(), 2, "it must be HOST[:PORT]/REPOSITORY"),
        ("registry:https://h/r".to_owned(), 2, "without http:// and https://"),
        (format!("registry:{host}/os/web:9@sha256:0"), 2, "SHA-256"),
        ("registry:".to_owned(), 2, "names no image"),
        ("registry:127.0.0.1:1/os/web".to_owned(), 1, "cannot be reached"),
    ] {
        let create =
            ["livenet", "create", "web", "--kernel", crate::system::small::KERNEL, "--source", &source];
        small.refused(&create, code, said);
        small.refused(&[&create[..], &["--dry-run"]].concat(), code, said);
    }
    // Who names it by its very digest wants it.
    let source = format!("registry:{host}/os/web@{}", other.digest);
    let _ = small.create_from("web", &source, &[]).run().expect_done().expect_said("is for linux/s390x");
}

#[test]
fn a_fetch_that_is_stopped_killed_or_damaged_leaves_nothing() {
    disklessset_tests::need!(
        need::root(),
        need::tool("docker-registry"),
        need::tool("umoci"),
        need::tool("skopeo")
    );
    let small = Small::new();
    let server = with_server(&small);
    put(&small.tree.join("srv/noise"), &noise(LARGE));
    push(&small, &oci::layout(&small), &server, "os/web:9", &[]);
    let source = format!("registry:{}/os/web:9", server.host());
    let before = Snapshot::of(&small.root);
    let incoming = small.root.path().join("var/tmp/diskless/workdir/web/scratch/fetched/.incoming");
    let under_way = || {
        let create = small.create_from("web", &source, &[]).limit(Duration::from_secs(120)).start();
        create.wait_until(|| incoming.exists().then_some(())).0
    };
    let create = under_way();
    create.signal(Signal::SIGINT);
    let _ = create.wait().expect_code(130).expect_said("interrupted");
    before.assert_same_as_now(&small.root);

    under_way().kill_nine();
    let _ = small.run(&["clean"]).expect_done();
    before.assert_same_as_now(&small.root);

    // The registry's own file of the layer.
    let find = [small.root.beside().join("registry").to_string(), "-size".to_owned(), "+100M".to_owned()];
    let found = small.root.tool("find", &find).run().expect_done().stdout;
    let blob = std::fs::File::options().write(true).open(found.trim()).unwrap();
    blob.write_all_at(&[0x5a; 64], 10_000).unwrap();
    let _ = small.create_from("web", &source, &[]).run().expect_code(1).expect_said("gives a wrong answer");
    before.assert_same_as_now(&small.root);
}

#[test]
fn a_program_that_talks_to_no_registry_says_so() {
    use disklessset::{ErrorKind, ImageManager, ImageName, Raw, Silent, Site, SiteOptions};
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let options = SiteOptions {
        root: Some(small.root.path()),
        modules_dir: Some(small.root.modules_dir()),
        ..SiteOptions::default()
    };
    let site = Site::open(&options, Arc::new(Silent)).unwrap();
    let text = |text: &str| Raw::Text(text.to_owned());
    let given = [
        ("kernel".to_owned(), text(crate::system::small::KERNEL)),
        ("source".to_owned(), text("registry:r.example/os/web")),
    ];
    let name = ImageName::parse("web").unwrap();
    let before = Snapshot::of(&small.root);
    let created = ImageManager::new(&site).run_action("LivenetImage", "create", &name, given.into());
    let error = created.unwrap_err();
    assert_eq!(error.kind, ErrorKind::UNSUPPORTED);
    assert!(error.message.contains("does not fetch from registries"), "{error}");
    before.assert_same_as_now(&small.root);
}
