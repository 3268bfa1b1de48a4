//! Given inventories that sites have: their nodes come over, all or none, and configurations are made of them.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use camino::Utf8PathBuf;
use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;

fn file(root: &TestRoot, name: &str, text: &str) -> Utf8PathBuf {
    let path = root.beside().join(name);
    std::io::Write::write_all(&mut std::fs::File::create(&path).unwrap(), text.as_bytes()).unwrap();
    path
}

#[track_caller]
fn done(root: &TestRoot, words: &[&str]) -> String {
    root.disklessset(words).run().expect_done().stdout
}

fn listed(root: &TestRoot) -> serde_json::Value {
    root.disklessset(&["node", "list", "--format", "json"]).run().json()["nodes"].clone()
}

#[track_caller]
fn import(root: &TestRoot, name: &str, text: &str) -> serde_json::Value {
    let path = file(root, name, text);
    let dry = done(root, &["--dry-run", "node", "import", path.as_str()]);
    assert!(dry.lines().all(|line| line.starts_with("would ")) && !dry.is_empty(), "{dry:?}");
    done(root, &["node", "import", path.as_str()]);
    listed(root)
}

/// As each tool has it, a node `c1` with a card and an address: of the documentation of Warewulf and xCAT, and of their sources.
const KINDS: [(&str, &str); 7] = [
    ("nodes.csv", "name,mac,ip,group,rack\nc1,52:54:00:00:00:01,10.0.0.1,compute,r1\n"),
    (
        "nodes.yml",
        "format: 1\nnodes:\n- {name: c1, mac: ['52:54:00:00:00:01'], address: 10.0.0.1, pool: compute}\n",
    ),
    (
        "list.json",
        "{\"_meta\": {\"hostvars\": {\"c1\": {\"ansible_host\": \"10.0.0.1\", \"mac\": \"52:54:00:00:00:01\"}}},\n \"compute\": {\"hosts\": [\"c1\"]}}\n",
    ),
    ("dnsmasq.conf", "dhcp-host=52:54:0:0:0:1,set:compute,c1,10.0.0.1,12h\n"),
    (
        "nodes.conf",
        "nodeprofiles:\n  compute: {}\nnodes:\n  c1:\n    profiles:\n    - compute\n    network devices:\n      default:\n        \
         hwaddr: 52:54:00:00:00:01\n        ipaddr: 10.0.0.1\n",
    ),
    (
        "stanzas",
        "# <xCAT data object stanza file>\n\nc1:\n    objtype=node\n    groups=compute,all\n    ip=10.0.0.1\n    mac=52:54:00:00:00:01!c1\n",
    ),
    ("ethers", "52:54:0:0:0:1 c1\n"),
];

#[test]
fn inventories_of_every_kind_say_the_same_of_a_node() {
    for (name, text) in KINDS {
        let root = TestRoot::bare();
        done(&root, &["pool", "set", "compute"]);
        done(&root, &["node", "set", "other", "--address", "10.0.0.9"]);
        let nodes = import(&root, name, text);
        assert_eq!(
            (&nodes[0]["name"], &nodes[0]["mac"][0]),
            (&"c1".into(), &"52:54:00:00:00:01".into()),
            "{name}"
        );
        if name != "ethers" {
            assert_eq!(
                (&nodes[0]["address"], &nodes[0]["pool"]),
                (&"10.0.0.1".into(), &"compute".into()),
                "{name}"
            );
        }
        assert_eq!(nodes[1]["name"], "other", "{name}");
        let again =
            root.disklessset(&["node", "import", root.beside().join(name).as_str()]).run().expect_done();
        assert!(again.stderr.contains("Nothing changes"), "{again}");
    }
}

#[test]
fn an_inventory_with_one_fault_changes_nothing() {
    let root = TestRoot::bare();
    done(&root, &["node", "set", "c1", "--mac", "52:54:00:00:00:01"]);
    let before = Snapshot::of(&root);
    for (text, code, said) in [
        (
            "name,mac\nc2,52:54:00:00:00:02\nc3,52:54\n",
            5,
            "line 3: node \"c3\": \"52:54\" is not the MAC address",
        ),
        (
            "name,mac\nc2,52:54:00:00:00:01\n",
            5,
            "line 2: the MAC address 52:54:00:00:00:01 is that of two nodes",
        ),
        ("name,pool\nc2,none\n", 5, "line 2: node \"c2\": there is no pool none"),
        ("name,mac\nc2,\nc2,\n", 2, "line 3: node \"c2\" stands twice, first in line 2"),
        ("name,mac\nc\u{1b}[2J,\n", 2, "line 2: it has a control character"),
        ("what is it\n", 2, "it cannot be told what kind of inventory it is"),
    ] {
        let path = root.path().parent().unwrap().join("home").join("inventory");
        std::io::Write::write_all(&mut std::fs::File::create(&path).unwrap(), text.as_bytes()).unwrap();
        for words in [&["--dry-run", "node", "import", path.as_str()][..], &["node", "import", path.as_str()]]
        {
            let outcome = root.disklessset(words).run().expect_code(code).expect_said(said);
            assert!(!outcome.stderr.contains('\u{1b}'), "{outcome}");
        }
        std::fs::remove_file(&path).unwrap();
    }
    before.assert_same_as_now(&root);
    let _ = root.disklessset(&["node", "import", "/nonexistent/file"]).run().expect_code(2);
    let _ = root.disklessset(&["node", "import", "/etc"]).run().expect_code(2);
}

#[test]
fn what_is_listed_as_yaml_can_be_taken_over_again() {
    let root = TestRoot::with_modules(&["demo"]);
    done(&root, &["demo", "create", "web"]);
    done(&root, &["pool", "set", "compute", "--nodes", "c[1-3]"]);
    done(
        &root,
        &[
            "node",
            "set",
            "c1",
            "--mac",
            "5254.0000.0001",
            "--mac",
            "5254.0000.0002",
            "--alias",
            "first",
            "--var",
            "row=7",
        ],
    );
    done(&root, &["node", "set", "c2", "--address", "fd00::2", "--kernel-parameters", "quiet console=ttyS0"]);
    done(&root, &["assign", "web", "login1"]);
    let text = done(&root, &["node", "list", "--format", "yaml"]);
    let path = file(&root, "listed.yaml", &text);
    let same = root.disklessset(&["node", "import", path.as_str()]).run().expect_done();
    assert!(same.stderr.contains("Nothing changes"), "{same}");

    let other = TestRoot::with_modules(&["demo"]);
    done(&other, &["demo", "create", "web"]);
    done(&other, &["pool", "set", "compute"]);
    let imported = other.disklessset(&["node", "import", "-"]).stdin(&text).run().expect_done();
    assert!(imported.stderr.contains("made 4 nodes"), "{imported}");
    assert_eq!(done(&other, &["node", "list", "--format", "yaml"]), text);
}

#[test]
fn the_cache_of_the_page_is_the_one_that_is_printed() {
    let root = TestRoot::bare();
    let configuration = root.beside().join("parameters.yml");
    std::io::Write::write_all(
        &mut std::fs::File::create(&configuration).unwrap(),
        b"http_base_url: http://10.0.0.1\n",
    )
    .unwrap();
    let printed = done(&root, &["--config", configuration.as_str(), "serve", "config", "nginx-cache"]);
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/boot-servers.md")).unwrap();
    let block = page.split_once("<!-- test: nginx -->\n```nginx\n").unwrap().1.split_once("```").unwrap().0;
    assert_eq!(block, printed);
}

#[test]
fn ansible_s_own_list_of_an_inventory_is_taken_over() {
    disklessset_tests::need!(need::full(), need::tool("ansible-inventory"));
    let root = TestRoot::bare();
    done(&root, &["pool", "set", "computes"]);
    let hosts = file(
        &root,
        "hosts.yml",
        "all:\n  children:\n    site:\n      children:\n        computes:\n          hosts:\n            c[1:3]:\n              rack: r1\n    \
         logins:\n      hosts:\n        login1: {ansible_host: 10.0.0.100, mac: [52:54:00:00:01:00], disklessset_variables: {row: 7}}\n",
    );
    let listed_by_it =
        root.tool("ansible-inventory", &["-i", hosts.as_str(), "--list"]).run().expect_done().stdout;
    let imported = root.disklessset(&["node", "import", "-"]).stdin(&listed_by_it).run().expect_done();
    assert!(imported.stderr.contains("made 4 nodes: c[1-3],login1"), "{imported}");
    let nodes = listed(&root);
    assert_eq!((&nodes[0]["pool"], &nodes[3]["variables"]["row"]), (&"computes".into(), &"7".into()));
    assert_eq!(nodes[3]["mac"][0], "52:54:00:00:01:00");
    // The inventory itself is none of ours.
    let _ = root.disklessset(&["node", "import", hosts.as_str()]).run().expect_code(2);
}

#[test]
fn dnsmasq_takes_the_same_lines() {
    disklessset_tests::need!(need::tool("dnsmasq"));
    let root = TestRoot::bare();
    let text = "# hosts\ndhcp-host=11:22:33:44:55:66,12:34:56:78:90:12,set:compute,c1,192.168.0.60,45m\n\
                dhcp-host=0:1:2:3:4:5, fred , infinite # the first\ndhcp-host=bert,192.168.0.70,infinite\n\
                dhcp-host=id:01:22:22:33:44:55,c2,192.168.0.61\ndhcp-host=judge,1h\ndhcp-host=10:22:33:44:55:68,c4,[1234::5],10.0.0.4\n\
                dhcp-host=10:22:33:44:55:69,c6,[::56]\ndhcp-host=tag:blue,01-10:22:33:44:55:6a,c7,3600\n\
                dhcp-host=10:22:33:44:55:6b,ignore\ndhcp-host=10:22:33:*:*:*,set:known\ndhcp-host=10:22:33:44:55:6c,net:red,10.0.0.8,c8\n";
    let path = file(&root, "hosts.conf", text);
    let _ = root.tool("dnsmasq", &["--test", &format!("--conf-file={path}")]).run().expect_done();
    // 11: is an address of a group of cards, which no node boots from.
    let refused = root.disklessset(&["node", "import", path.as_str()]).run().expect_code(5);
    assert!(refused.stderr.contains("line 2: node \"c1\""), "{refused}");
    let path = file(&root, "hosts.conf", &text.replace("11:22", "10:22"));
    let imported = root.disklessset(&["node", "import", path.as_str()]).run().expect_done();
    assert!(imported.stderr.contains("made 9 nodes: bert,c[1-2,4,6-8],fred,judge"), "{imported}");
    assert_eq!(imported.stderr.matches("passed over").count(), 2, "{imported}");
}
