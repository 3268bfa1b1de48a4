use super::*;
use crate::known::{FileOfVersions, NodeFacts, VersionFacts};

const OLD: &[u8] = b"manifest 1";
const NEW: &[u8] = b"manifest 2";

fn address(last: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, last])
}

fn name(text: &str) -> NodeName {
    text.parse().unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

/// c001 with a MAC, c002 with a fixed address; two versions that share a kernel.
fn known() -> Known {
    let (old, new) = (Digest::of(OLD), Digest::of(NEW));
    let first = NodeFacts {
        pool: Some("compute".into()),
        assigned: Some(new),
        macs: vec!["52-54-00-00-00-01".into()],
        aliases: vec!["Head".into()],
        address: None,
    };
    let second = NodeFacts { assigned: Some(new), address: Some(address(2)), ..NodeFacts::default() };
    let version =
        |number: &str, is_current| VersionFacts { name: number.parse().unwrap(), is_current, size: 1 };
    let file = |kind, versions: &[Digest]| FileOfVersions { kind, versions: versions.to_vec() };
    Known::new(
        [(name("c001"), first), (name("c002"), second)].into(),
        [(old, version("web@1", false)), (new, version("web@2", true))].into(),
        [
            (Digest::of(b"kernel"), file(FileKind::Kernel, &[old, new])),
            (Digest::of(b"initramfs"), file(FileKind::Initramfs, &[old, new])),
            (Digest::of(b"old root"), file(FileKind::Root, &[old])),
            (Digest::of(b"new root"), file(FileKind::Root, &[new])),
        ]
        .into(),
    )
}

fn fetch(asked: Asked, second: i64) -> Fetched {
    Fetched { at: at(second), peer: address(1), asked, found: true, whole: true }
}

fn blob(content: &[u8], second: i64) -> Fetched {
    fetch(Asked::Blob(Digest::of(content)), second)
}

fn of_mac(second: i64) -> Fetched {
    fetch(Asked::BootFileOfMac("52-54-00-00-00-01".into()), second)
}

fn booted() -> Watch {
    let mut watch = Watch::default();
    for fetched in [of_mac(0), blob(b"kernel", 1), blob(b"initramfs", 2), blob(b"new root", 3)] {
        watch.fetched(&fetched, &known());
    }
    watch
}

fn stage(watch: &Watch) -> (Stage, Option<Digest>) {
    let seen = &watch.seen()[&name("c001")];
    (seen.stage, seen.version)
}

#[test]
fn a_boot_is_followed_from_its_boot_file_to_the_report() {
    let (mut watch, known) = (Watch::default(), known());
    let new = Some(Digest::of(NEW));
    for (fetched, expected) in [
        (of_mac(0), Stage::BootFile),
        (blob(b"kernel", 1), Stage::Kernel),
        (blob(b"initramfs", 2), Stage::Initramfs),
        (blob(b"new root", 3), Stage::Root),
    ] {
        watch.fetched(&fetched, &known);
        assert_eq!(stage(&watch), (expected, new));
    }
    let report = Report { node: name("c001"), version: new };
    watch.reported(&report, address(1), at(60), &known).unwrap();
    assert_eq!(stage(&watch), (Stage::Running, new));
    // Who fetches something on a running node does not make it boot.
    watch.fetched(&blob(b"kernel", 70), &known);
    assert_eq!(stage(&watch), (Stage::Running, new));
    let seen = &watch.seen()[&name("c001")];
    assert_eq!((seen.since, seen.last_seen), (at(60), at(70)));
    watch.fetched(&of_mac(100), &known);
    assert_eq!(stage(&watch).0, Stage::BootFile);
}

#[test]
fn what_a_node_fetched_tells_its_version_and_not_what_it_is_to_have() {
    let (mut watch, known) = (booted(), known());
    watch.fetched(&of_mac(10), &known);
    watch.fetched(&blob(b"kernel", 11), &known);
    watch.fetched(&blob(b"old root", 12), &known);
    assert_eq!(stage(&watch), (Stage::Root, Some(Digest::of(OLD))));
    assert_eq!(watch.seen()[&name("c001")].running(at(13)), Some(Digest::of(OLD)));
    let later = at(13 + 31 * 24 * 3600);
    assert_eq!(watch.seen()[&name("c001")].running(later), None, "not heard of for a month");
}

#[test]
fn a_root_that_is_cut_short_is_seen_and_one_that_comes_after_it_counts() {
    let (mut watch, known) = (Watch::default(), known());
    watch.fetched(&of_mac(0), &known);
    watch.fetched(&Fetched { whole: false, ..blob(b"new root", 1) }, &known);
    assert_eq!(stage(&watch).0, Stage::RootCutShort);
    watch.fetched(&blob(b"new root", 2), &known);
    assert_eq!(stage(&watch).0, Stage::Root);
    watch.fetched(&Fetched { whole: false, ..blob(b"new root", 3) }, &known);
    assert_eq!(stage(&watch).0, Stage::Root, "it has one already");
}

#[test]
fn a_machine_that_nobody_knows_is_listed_until_it_is_a_node() {
    let (mut watch, mut known) = (Watch::default(), known());
    let stranger = fetch(Asked::BootFileOfMac("52-54-00-00-00-99".into()), 0);
    watch.fetched(&Fetched { found: false, ..stranger }, &known);
    assert_eq!(watch.unknown().keys().collect::<Vec<_>>(), ["52-54-00-00-00-99"]);
    let mut nodes = known.nodes().clone();
    let macs = vec!["52-54-00-00-00-99".into()];
    nodes.insert(name("c003"), NodeFacts { macs, ..NodeFacts::default() });
    known = Known::new(nodes, known.versions().clone(), [].into());
    watch.tidy(&known);
    assert!(watch.unknown().is_empty());
    // One whose MAC is not on record, and whose name is.
    let stranger = fetch(Asked::BootFileOfMac("52-54-00-00-00-77".into()), 1);
    watch.fetched(&Fetched { found: false, ..stranger }, &known);
    watch.fetched(&fetch(Asked::BootFileOfName("HEAD.cluster".into()), 2), &known);
    assert!(watch.unknown().is_empty());
    assert_eq!(stage(&watch).0, Stage::BootFile);
}

#[test]
fn a_report_is_believed_from_the_address_of_its_node_once_a_minute() {
    let (mut watch, known) = (booted(), known());
    let report = |node: &str| Report { node: name(node), version: None };
    let refused = watch.reported(&report("c001"), address(9), at(10), &known).unwrap_err();
    assert_eq!(refused, Refused::NotYours { node: name("c001"), peer: address(9) });
    let refused = watch.reported(&report("c009"), address(1), at(10), &known).unwrap_err();
    assert_eq!(refused, Refused::Nobody(name("c009")));
    let refused = watch.reported(&report("c002"), address(1), at(10), &known).unwrap_err();
    assert!(matches!(refused, Refused::NotYours { .. }), "not of a node for another");
    watch.reported(&report("c001"), address(1), at(10), &known).unwrap();
    assert_eq!(stage(&watch), (Stage::Running, Some(Digest::of(NEW))), "what it fetched is what it runs");
    let refused = watch.reported(&report("c001"), address(1), at(69), &known).unwrap_err();
    assert_eq!(refused, Refused::TooOften(name("c001")));
    watch.reported(&report("c001"), address(1), at(70), &known).unwrap();
    // Behind a cache nothing was seen of it but this.
    watch.reported(&report("c002"), address(2), at(70), &known).unwrap();
    assert_eq!(watch.seen()[&name("c002")].stage, Stage::Running);
}

#[test]
fn what_was_kept_goes_on_after_a_restart() {
    let mut watch = booted();
    let kept = watch.changes().unwrap();
    assert!(watch.changes().is_none(), "nothing changed since");
    let mut again = Watch::new(kept);
    assert_eq!(again.seen(), watch.seen());
    let report = Report { node: name("c001"), version: None };
    again.reported(&report, address(1), at(10), &known()).unwrap();
    assert!(again.changes().is_some());
}

#[test]
fn a_node_that_is_on_record_no_more_is_forgotten() {
    let mut watch = booted();
    watch.tidy(&Known::default());
    assert!(watch.seen().is_empty());
    assert_eq!(watch.node_at(address(1), &known()), None);
}
