//! Node files: what comes back, what is refused, and how long it takes.

use super::*;

const WHOLE: &str = "format: 1
pools:
  compute:
    image: web01@7
    bootif: true
    kernel_parameters: quiet
  default:
    boot: local
  empty: {}
nodes:
  c1:
    mac: 52:54:00:ab:cd:01
    address: 10.0.0.1
    pool: compute
    kernel_parameters: console=ttyS0
    variables:
      eq-console: ttyS0
      rack: r1
  c2:
    mac:
    - 52:54:00:ab:cd:02
    - 52:54:00:ab:cd:03
    address: fd00::1
    alias: storage1
    image: web01@tested
  c10: {}
";

fn refused(text: &str) -> String {
    let told = Inventory::parse(text).expect_err(text).to_string();
    assert!(!told.contains('\n'), "{told:?}");
    told
}

#[test]
fn node_files_come_back_as_they_were_written() {
    let read = Inventory::parse(WHOLE).unwrap();
    assert_eq!(read.to_text().unwrap(), WHOLE);
    assert_eq!(read.nodes().keys().map(NodeName::as_str).collect::<Vec<_>>(), ["c1", "c2", "c10"]);
    let pool = "compute".parse().unwrap();
    assert_eq!(read.members(&pool).to_string(), "c1");
    let node = |name: &str| read.find(&name.parse().unwrap()).map(|(name, _)| name.as_str());
    assert_eq!((node("C1"), node("Storage1"), node("c3")), (Some("c1"), Some("c2"), None));
    let gets =
        |name: &str| read.pool_of(&read.nodes()[&name.parse().unwrap()]).map(|(name, _)| name.as_str());
    assert_eq!((gets("c1"), gets("c2"), gets("c10")), (Some("compute"), None, Some("default")));
}

#[test]
fn node_files_of_people_may_be_short() {
    let read =
        Inventory::parse("format: 1\nnodes:\n  c1: {mac: 5254.00ab.cd01, alias: [a, b]}\n  7: {alias: 8}\n")
            .unwrap();
    assert_eq!(read.nodes().len(), 2);
    assert_eq!(Inventory::parse("format: 1\nnodes:\npools:\n").unwrap(), Inventory::default());
}

#[test]
fn node_files_with_unknown_keys_are_refused_with_the_line() {
    for (text, line) in [
        ("format: 1\nnode: {}\n", "line 2"),
        ("format: 1\nnodes:\n  c1:\n    macs: x\n", "line 4"),
        ("format: 1\npools:\n  p:\n    images: x\n", "line 4"),
        ("format: 1\nnodes:\n  c1:\n    mac: zz\n", "line 4"),
        ("format: 1\npools:\n  p:\n    boot: disk\n", "line 4"),
        ("format: 1\npools:\n  p:\n    image: a@b@c\n", "line 4"),
        ("format: 1\nnodes:\n  c1:\n    variables:\n      filename: x\n", "line 5"),
        ("format: 1\nnodes:\n  c1:\n    kernel_parameters: a ${x}\n", "line 4"),
        ("format: 1\nnodes:\n  ../x: {}\n", "line 3"),
        ("format: 1\nnodes:\n  c1: {}\n  c1: {}\n", "stands twice"),
        ("format: 1\nnodes:\n  c1:\n    variables: {a: b, a: c}\n", "stands twice"),
        ("format: 2\n", "format 2"),
        ("", "format"),
        ("[]\n", "sequence"),
    ] {
        let told = refused(text);
        assert!(told.contains(line), "{text:?}: {told}");
    }
}

#[test]
fn node_files_in_which_something_means_two_nodes_are_refused() {
    for (nodes, told) in [
        ("c1: {mac: 52:54:00:ab:cd:01}\n  c2: {mac: 52-54-00-AB-CD-01}", "MAC address 52:54:00:ab:cd:01"),
        ("c1: {mac: [5254.00ab.cd01, 52-54-00-AB-CD-01]}", "c1 and c1"),
        ("c1: {address: 10.0.0.1}\n  c2: {address: '::ffff:10.0.0.1'}", "the address 10.0.0.1"),
        ("c1: {}\n  c2: {alias: C1}", "c1 and c2"),
        ("c1: {}\n  C1: {}", "C1"),
        ("c1: {alias: a}\n  c2: {alias: A}", "c1 and c2"),
        ("c1: {pool: none}", "pool none, which does not exist"),
        ("c1: {pool: p, image: web01}", "one of them"),
    ] {
        let error = refused(&format!("format: 1\npools: {{p: {{}}}}\nnodes:\n  {nodes}\n"));
        assert!(error.contains(told), "{nodes}: {error}");
    }
}

/// Run by hand in a release build: `cargo test --release -p disklessset-core node_files_of_20_000 -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
#[allow(clippy::print_stderr, reason = "what is measured is told")]
fn node_files_of_20_000_nodes_are_read_in_time() {
    let node = |number: usize| {
        let (high, low) = (number / 256, number % 256);
        format!(
            "  c{number:05}:\n    mac: 52:54:00:00:{high:02x}:{low:02x}\n    address: 10.0.{high}.{low}\n    pool: p\n"
        )
    };
    let nodes: String = (1..=20_000).map(node).collect();
    let text = format!("format: 1\npools:\n  p: {{}}\nnodes:\n{nodes}");
    for _ in 0..5 {
        let started = std::time::Instant::now();
        let read = Inventory::parse(&text).unwrap();
        let loaded = started.elapsed();
        let started = std::time::Instant::now();
        let written = read.to_text().unwrap();
        eprintln!(
            "{} nodes, {} bytes: read {loaded:?}, written {:?}",
            read.nodes().len(),
            written.len(),
            started.elapsed()
        );
    }
}
