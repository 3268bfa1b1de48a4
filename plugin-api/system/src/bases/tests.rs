#![allow(clippy::disallowed_methods, reason = "what others could write is written as they would")]

use super::*;

fn bases() -> (tempfile::TempDir, Bases) {
    let dir = tempfile::tempdir().unwrap();
    let bases = Bases::of_work_area(Utf8Path::from_path(dir.path()).unwrap());
    assert!(!bases.are_kept());
    std::fs::create_dir(bases.directory()).unwrap();
    (dir, bases)
}

fn key(digit: char) -> BaseKey {
    String::from(digit).repeat(64).parse().unwrap()
}

fn keep(bases: &Bases, key: &BaseKey) {
    let new = bases.begin(key).unwrap();
    std::fs::create_dir_all(new.tree().join("etc")).unwrap();
    let facts = BaseFacts { what: "a\nb".into(), made: "now".into(), stamp: "s".into(), bytes: 5 };
    bases.publish(new, key, &facts).unwrap();
}

#[test]
fn a_base_is_there_once_it_is_published_and_tells_what_it_is() {
    let (_dir, bases) = bases();
    let (a, b) = (key('a'), key('b'));
    let unfinished = bases.begin(&a).unwrap();
    assert!(bases.are_kept() && bases.hold(&a).unwrap().is_none() && bases.all().unwrap().is_empty());
    assert_eq!(bases.sweep().unwrap(), 0, "somebody is at it");
    drop(unfinished);
    assert_eq!(bases.sweep().unwrap(), 1);
    keep(&bases, &a);
    let held = bases.hold(&a).unwrap().unwrap();
    assert!(held.tree().join("etc").is_dir());
    assert_eq!((held.facts().what.as_str(), held.facts().bytes), ("a b", 5));
    assert!(bases.hold(&b).unwrap().is_none());
}

#[test]
fn the_bases_that_were_used_last_stay_and_those_in_use() {
    let (_dir, bases) = bases();
    for digit in ['a', 'b', 'c'] {
        keep(&bases, &key(digit));
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    bases.hold(&key('a')).unwrap().unwrap().mark_used().unwrap();
    let held = bases.hold(&key('b')).unwrap().unwrap();
    assert_eq!(bases.keep_only(1).unwrap(), [key('c')]);
    let left: Vec<BaseKey> = bases.all().unwrap().into_iter().map(|base| base.key).collect();
    assert_eq!(left, [key('a'), key('b')]);
    drop(held);
    assert_eq!(bases.keep_only(0).unwrap().len(), 2);
    assert_eq!(std::fs::read_dir(bases.directory()).unwrap().count(), 0);
}

#[test]
fn a_base_without_facts_is_none_and_goes() {
    let (_dir, bases) = bases();
    keep(&bases, &key('a'));
    std::fs::write(bases.directory().join(key('a').as_str()).join(FACTS), "format: 9\n").unwrap();
    std::fs::create_dir(bases.directory().join("of-somebody")).unwrap();
    assert!(bases.hold(&key('a')).is_err());
    assert_eq!(bases.sweep().unwrap(), 1);
    assert!(bases.directory().join("of-somebody").exists());
}

#[test]
fn a_key_is_a_digest_and_no_path() {
    for text in ["", "a", "../x", &"A".repeat(64), &"g".repeat(64), &"a".repeat(65)] {
        assert_eq!(text.parse::<BaseKey>(), Err(KeyError), "{text}");
    }
}
