//! Given machines with a real iPXE that begin at `entry.ipxe`: each gets what is its own, and nobody gets what is for others.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use disklessset_tests::need;
use disklessset_tests::root::TestRoot;
use disklessset_tests::run::Running;

use crate::system::registry::rack_cache::{BASE, free_address, nginx};
use crate::system::small::put;

const PATIENCE: Duration = Duration::from_secs(170);

/// A machine that loads a script which leads to the entry, as DHCP would name it.
fn machine(root: &TestRoot, port: &str, name: &str, host: &str, mac: &str) -> Running {
    let place = root.beside().join("tftp");
    let script = format!(
        "#!ipxe\nset diskless-base http://10.0.2.2:{port}/{BASE}/{name}/..\nchain ${{diskless-base}}/boot/entry.ipxe\n"
    );
    put(&place.join(format!("{name}.ipxe")), script.as_bytes(), 0o644);
    let console = root.beside().join(format!("console-{name}"));
    let words = [
        "-accel",
        "tcg",
        "-m",
        "256",
        "-no-user-config",
        "-nodefaults",
        "-no-reboot",
        "-nographic",
        "-serial",
        &format!("file:{console}"),
        "-netdev",
        &format!("user,id=n0,hostname={host},tftp={place},bootfile={name}.ipxe"),
        "-device",
        &format!("virtio-net-pci,netdev=n0,bootindex=0,mac={mac}"),
    ]
    .map(str::to_owned);
    root.tool("qemu-system-x86_64", &words).limit(PATIENCE).start()
}

/// What each machine fetched, by its name: paths below the base, with the server's answers.
fn fetched(log: &str) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in log.lines() {
        let Some((path, status)) = line.split_once(' ') else { continue };
        let Some((name, path)) =
            path.split_once(&format!("{BASE}/")).and_then(|(_, rest)| rest.split_once("/../"))
        else {
            continue;
        };
        found.entry(name.to_owned()).or_default().push(format!("{path} {status}"));
    }
    found
}

#[test]
fn machines_that_begin_at_the_entry_get_what_is_their_own() {
    disklessset_tests::need!(
        need::full(),
        need::root(),
        need::tool("nginx"),
        need::tool("qemu-system-x86_64")
    );
    let root = TestRoot::with_modules(&["demo"]);
    let done = |words: &[&str]| drop(root.disklessset(words).run().expect_done());
    for image in ["common", "web", "gone"] {
        done(&["demo", "create", image]);
    }
    done(&["pool", "set", "default", "--image", "common"]);
    done(&[
        "pool",
        "set",
        "compute",
        "--image",
        "web",
        "--nodes",
        "c[1-2]",
        "--kernel-parameters",
        "quiet",
        "--bootif",
        "yes",
    ]);
    done(&["pool", "set", "broken", "--image", "gone", "--nodes", "c3"]);
    done(&[
        "node",
        "set",
        "c1",
        "--mac",
        "52:54:00:ab:cd:01",
        "--var",
        "rack=-x r1",
        "--kernel-parameters",
        "one",
    ]);
    done(&["node", "set", "c3", "--mac", "52:54:00:ab:cd:03"]);
    // What a class would put on its kernel line.
    let shown = "#!ipxe\necho line [${dedicated-kernel-parameters}] of ${hostname} in [${rack}]\nsleep 900\n";
    for image in ["common", "web"] {
        put(&root.image_dir(image).join("boot.ipxe"), shown.as_bytes(), 0o644);
    }
    std::fs::remove_file(root.image_dir("gone").join("boot.ipxe")).unwrap();

    let address = free_address();
    let port = address.rsplit(':').next().unwrap();
    let (html, log) = (root.path().join("var/www/html"), root.beside().join("access.log"));
    let serving = format!(
        "log_format lines '$request_uri $status';\nserver {{ listen {address}; root {html}; access_log {log} lines; }}"
    );
    let server = nginx(&root, "boot", &address, &serving);
    let machines = [
        machine(&root, port, "known", "other", "52:54:00:ab:cd:01"),
        machine(&root, port, "capitals", "C2", "52:54:00:ab:cd:12"),
        machine(&root, port, "unknown", "nobody", "52:54:00:ab:cd:99"),
        machine(&root, port, "imageless", "c3", "52:54:00:ab:cd:03"),
    ];
    let begun = Instant::now();
    let found = loop {
        let found = fetched(&std::fs::read_to_string(&log).unwrap_or_default());
        let ends = |name: &str, with: &str, times: usize| {
            found.get(name).is_some_and(|lines| lines.iter().filter(|line| *line == with).count() >= times)
        };
        let ended = ["known", "capitals"].iter().all(|name| ends(name, "images/web/boot.ipxe 200", 1))
            && ends("unknown", "images/common/boot.ipxe 200", 1)
            && ends("imageless", "images/gone/boot.ipxe 404", 2);
        if ended || begun.elapsed() > PATIENCE - Duration::from_secs(10) {
            break found;
        }
        std::thread::sleep(Duration::from_millis(300));
    };
    // What was fetched last is printed a moment later.
    std::thread::sleep(Duration::from_secs(2));
    let console = |name: &str| {
        let text = std::fs::read(root.beside().join(format!("console-{name}"))).unwrap();
        String::from_utf8_lossy(&text).replace(['\r', '\n'], "")
    };
    for machine in machines {
        machine.kill_group();
    }
    server.kill_group();

    let entry = "boot/entry.ipxe 200";
    let of_compute = ["boot/pool/compute.ipxe 200", "images/web/boot.ipxe 200"];
    assert_eq!(found["known"], [&[entry, "boot/mac/52-54-00-ab-cd-01.ipxe 200"], &of_compute[..]].concat());
    let by_name = [entry, "boot/mac/52-54-00-ab-cd-12.ipxe 404", "boot/name/C2.ipxe 200"];
    assert_eq!(found["capitals"], [&by_name, &of_compute[..]].concat());
    assert_eq!(
        found["unknown"],
        [
            entry,
            "boot/mac/52-54-00-ab-cd-99.ipxe 404",
            "boot/name/nobody.ipxe 404",
            entry,
            "boot/missing 404",
            "boot/pool/default.ipxe 200",
            "images/common/boot.ipxe 200",
        ]
    );
    // Known, and its image is not there: it waits, and begins again; `default` is not for it.
    let once = [
        entry,
        "boot/mac/52-54-00-ab-cd-03.ipxe 200",
        "boot/pool/broken.ipxe 200",
        "images/gone/boot.ipxe 404",
    ];
    assert_eq!(found["imageless"], [once, once].concat());
    assert!(console("imageless").contains("Trying again in 20 seconds"), "{}", console("imageless"));
    for (name, line) in [
        ("known", "line [quiet BOOTIF=01-52-54-00-ab-cd-01 systemd.hostname=c1 one] of c1 in [-x r1]"),
        ("capitals", "line [quiet BOOTIF=01-52-54-00-ab-cd-12 systemd.hostname=c2] of c2 in []"),
        ("unknown", "line [] of nobody in []"),
    ] {
        assert!(console(name).contains(line), "{name}: {line} in {}", console(name));
    }
}

#[test]
fn a_proof_of_a_node_on_record_boots_what_its_pool_has_under_its_name() {
    disklessset_tests::need!(
        need::full(),
        need::root(),
        need::tool("mmdebstrap"),
        need::tool("qemu-system-x86_64")
    );
    let root = super::livenet::world();
    let done = |words: &[&str]| drop(root.disklessset(words).run().expect_done());
    done(&["pool", "set", "proved", "--image", "node@1", "--kernel-parameters", "of.pool=1"]);
    done(&["node", "set", "c77", "--pool", "proved", "--kernel-parameters", "of.node=1"]);
    let prove = ["prove", "--boot-node", "c77", "-d"];
    let proof = root.disklessset(&prove).limit(super::livenet::PATIENCE).run().expect_done();
    let said = format!("{}{}", proof.stdout, proof.stderr);
    assert!(said.contains("c77 login:"), "{proof}");
    let console = root.path().join("var/log/disklessset/node.console");
    let console = String::from_utf8_lossy(&std::fs::read(console).unwrap()).into_owned();
    let line = console.lines().find(|line| line.contains("Kernel command line:")).unwrap_or_default();
    for word in ["of.pool=1", "of.node=1", "disklessset.node=c77", "disklessset.version=sha256:"] {
        assert!(line.contains(word), "{word} in {line}");
    }
    done(&["--yes", "node", "remove", "c77"]);
    done(&["--yes", "pool", "remove", "proved"]);
}
