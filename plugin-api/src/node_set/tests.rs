//! Tables of texts, sets and errors.

mod random;

use super::{MOST, NodeName, NodeSet, NodeSetError};
use crate::{Error, ErrorKind};

fn set(text: &str) -> NodeSet {
    text.parse().unwrap_or_else(|error| panic!("{text:.80}: {error}"))
}

fn names(text: &str) -> Vec<String> {
    set(text).iter().map(String::from).collect()
}

/// The line that a text is refused with.
fn refusal(text: &str) -> String {
    match text.parse::<NodeSet>() {
        Ok(nodes) => panic!("{text:.80} was read as {} nodes", nodes.len()),
        Err(error) => error.to_string(),
    }
}

#[test]
fn texts_and_their_nodes() {
    for (text, nodes) in [
        ("login1", "login1"),
        ("headnode", "headnode"),
        ("c[1-3,7]", "c1 c2 c3 c7"),
        ("c[001-003]", "c001 c002 c003"),
        ("c[098-102]", "c098 c099 c100 c101 c102"),
        ("c[8-11]", "c8 c9 c10 c11"),
        ("c[0-10/2]", "c0 c2 c4 c6 c8 c10"),
        ("c[1-5/02]", "c1 c3 c5"),
        ("c[01-07/3]", "c01 c04 c07"),
        ("c[1-3/9]", "c1"),
        ("c[1-99999999999/99999999999]", "c1"),
        ("c[5/1]", "c5"),
        ("c[2,1,2]", "c1 c2"),
        ("r[1-2]n[01-02]", "r1n01 r1n02 r2n01 r2n02"),
        ("c[1-2]-ib0", "c1-ib0 c2-ib0"),
        ("c[1-2].cluster.example", "c1.cluster.example c2.cluster.example"),
        ("c[1-2]3", "c13 c23"),
        ("c3[1-2]", "c31 c32"),
        ("c0[8-9]", "c08 c09"),
        ("[01-02]c", "01c 02c"),
        ("[1-2]", "1 2"),
        ("a-[1-2]", "a-1 a-2"),
        ("a,b", "a b"),
        ("c1,c01,c001", "c1 c01 c001"),
        ("c[1-5]!c[2-3]", "c1 c4 c5"),
        ("c[1-5]&c[4-9]", "c4 c5"),
        ("c[1-5]^c[4-7]", "c1 c2 c3 c6 c7"),
        ("a!b,c", "a c"),
        ("a,b,c!b", "a c"),
        ("c[1-5]!c[2,4]&c[1,3],d", "c1 c3 d"),
        ("c20261123101010", "c20261123101010"),
        ("  c[ 1 - 2 , 4 ] ,\td ! c2 \n", "c1 c4 d"),
        ("c[1-2],C1", "C1 c1 c2"),
    ] {
        assert_eq!(names(text).join(" "), nodes, "{text}");
    }
}

#[test]
fn nodes_and_their_text() {
    for (nodes, text) in [
        ("login1,c3,a,c1,c2", "a,c[1-3],login1"),
        ("c[1-10],c[001-010]", "c[1-10,001-010]"),
        ("c9,c09,c10", "c[9,09-10]"),
        ("c8,c9,c10,c11", "c[8-11]"),
        ("c09,c10,c99,c100", "c[09-10,99-100]"),
        ("c099,c100", "c[099-100]"),
        ("c1,c3", "c[1,3]"),
        ("c0,c00", "c[0,00]"),
        ("r[1-2]n[01-16]", "r[1-2]n[01-16]"),
        ("c[1-2]n[5-6],c1n[1-4]", "c1n[1-6],c2n[5-6]"),
        ("x1y1,x2y2", "x1y1,x2y2"),
        ("a[1-2]b[1-2]c[1-2]", "a[1-2]b[1-2]c[1-2]"),
        ("c[1-2]-ib0,c3-ib0", "c[1-3]-ib0"),
        ("c[1-2]3", "c[13,23]"),
        (
            "999999999999999999,c1000000000000000000,c1000000000000000001",
            "999999999999999999,c[1000000000000000000,1000000000000000001]",
        ),
    ] {
        assert_eq!(set(nodes).to_string(), text, "{nodes}");
        assert_eq!(set(text), set(nodes), "{text}");
    }
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    for (text, line) in [
        ("", "no node is named"),
        (" \n ", "no node is named"),
        ("c[1-3]!c[1-3]", "the node set \"c[1-3]!c[1-3]\" names no node: its operators leave none"),
        ("a,", "the node set is wrong at character 2: \",\" has nothing after it to work on"),
        ("!a", "the node set is wrong at character 1: \"!\" has nothing before it to work on"),
        ("a,,b", "the node set is wrong at character 3: \",\" has nothing before it to work on"),
        ("c[1-3", "the node set is wrong at character 2: \"[1-3\" opens a bracket that is not closed"),
        ("c1-3]", "the node set is wrong at character 1: \"c1-3]\" closes a bracket that was not opened"),
        ("c[[1-3]]", "the node set is wrong at character 2: \"[[\" opens a bracket inside a bracket"),
        (
            "a,c[1][2]",
            "the node set is wrong at character 7: \"[2]\" follows another bracket with nothing between them",
        ),
        ("c[]", "the node set is wrong at character 2: \"[]\" lacks a number"),
        ("c[1,]", "the node set is wrong at character 2: \"[1,]\" lacks a number"),
        ("c[a]", "the node set is wrong at character 3: \"a\" is neither a number nor a range such as 1-9"),
        ("c[+1]", "the node set is wrong at character 3: \"+1\" is neither a number nor a range such as 1-9"),
        (
            "c[-1]",
            "the node set is wrong at character 3: \"-1\" is not a range of two numbers of at most 18 digits",
        ),
        (
            "c[1-]",
            "the node set is wrong at character 3: \"1-\" is not a range of two numbers of at most 18 digits",
        ),
        (
            "c[1-2-3]",
            "the node set is wrong at character 3: \"1-2-3\" is not a range of two numbers of at most 18 digits",
        ),
        ("c[1,3-1]", "the node set is wrong at character 5: \"3-1\" counts down"),
        ("c[1-3/0]", "the node set is wrong at character 3: \"1-3/0\" has a step of nothing"),
        ("c[1-3/x]", "the node set is wrong at character 3: \"1-3/x\" has a step that is not a number"),
        ("c[1-3/2/2]", "the node set is wrong at character 3: \"1-3/2/2\" has a step that is not a number"),
        ("c[5/2]", "the node set is wrong at character 3: \"5/2\" has a step and no range to go through"),
        (
            "c[01-100]",
            "the node set is wrong at character 3: \"01-100\" has leading zeros and ends of different lengths",
        ),
        (
            "c[1-010]",
            "the node set is wrong at character 3: \"1-010\" has leading zeros and ends of different lengths",
        ),
        (
            "c1[8-12]",
            "the node set is wrong at character 3: \"[8-12]\" has numbers of different lengths, and digits right before it",
        ),
        (
            "a,@rack1",
            "the node set is wrong at character 3: \"@rack1\" is a group, and groups are not looked up here (nodeset -f prints the nodes of one)",
        ),
        (
            "c*",
            "the node set is wrong at character 1: \"c*\" is a wildcard, and wildcards are not looked up here",
        ),
        (
            "(a,b)",
            "the node set is wrong at character 1: \"(a\" has a parenthesis in it: operators work from left to right",
        ),
        (
            "c1 c2",
            "the node set is wrong at character 1: \"c1 c2\" has a blank in it: names are joined by commas",
        ),
        (
            "c [1-2]",
            "the node set is wrong at character 1: \"c \" has a blank in it: names are joined by commas",
        ),
        (
            "é,../x",
            "the node set is wrong at character 1: it gives the node \"é\", which has something else in it than letters, digits, - _ and .",
        ),
        (
            "a,../x",
            "the node set is wrong at character 3: it gives the node \"../x\", which has something else in it than letters, digits, - _ and .",
        ),
        (
            "a,..",
            "the node set is wrong at character 3: it gives the node \"..\", which does not begin and end with a letter or digit",
        ),
        (
            "-",
            "the node set is wrong at character 1: it gives the node \"-\", which does not begin and end with a letter or digit",
        ),
        (
            "a\u{202e}b",
            "the node set is wrong at character 1: it gives the node \"a\\u{202e}b\", which has something else in it than letters, digits, - _ and .",
        ),
        (
            "c[1-99999999999]",
            "the node set is too large: \"1-99999999999\" at character 3 names more than 65536 nodes",
        ),
        ("c[0-65536]", "the node set is too large: \"0-65536\" at character 3 names more than 65536 nodes"),
        (
            "a[1-9999]b[1-9999]c[1-9999]",
            "the node set is too large: \"a[1-9999]b[1-9999]c[1-9999]\" at character 1 names more than 65536 nodes",
        ),
        ("c[1-65536],d", "the node set is too large: it has 65537 nodes, and 65536 is the most"),
    ] {
        assert_eq!(refusal(text), line, "{text}");
    }
}

#[test]
fn an_error_is_one_of_usage_with_advice() {
    let error = Error::from("c[3-1]".parse::<NodeSet>().unwrap_err());
    assert_eq!(error.kind, ErrorKind::USAGE);
    assert_eq!(error.hint.as_deref(), Some("nodes are named as c[001-100],login1"));
    let error = Error::from(NodeSetError::TooManyTogether { count: 9, most: 8 });
    assert_eq!(error.hint.as_deref(), Some("name fewer nodes at once"));
}

#[test]
fn the_most_is_allowed() {
    assert_eq!(set("c[1-65536]").len(), MOST);
    assert_eq!(set("r[1-256]n[1-256]").to_string(), "r[1-256]n[1-256]");
}

#[test]
fn sets_on_record_are_read_whatever_wrote_them() {
    assert!(NodeSet::parse_recorded("").unwrap().is_empty());
    assert!(NodeSet::parse_recorded(" \n").unwrap().is_empty());
    assert_eq!(NodeSet::parse_recorded("c[001-004]").unwrap().to_string(), "c[001-004]");
    assert!(NodeSet::parse_recorded("c[").is_err());
    let large = set("c[1-65536]").union(&set("d1"));
    assert_eq!(
        large.clone().within_limit().unwrap_err().to_string(),
        "the node set is too large: it has 65537 nodes, and 65536 is the most"
    );
    assert_eq!(NodeSet::parse_recorded(&large.to_string()).unwrap(), large);
}

#[test]
fn serde_sees_text() {
    let json = serde_json::to_string(&set("c[1-3],a")).unwrap();
    assert_eq!(json, "\"a,c[1-3]\"");
    assert_eq!(serde_json::from_str::<NodeSet>(&json).unwrap(), set("c[1-3],a"));
    assert_eq!(serde_json::to_string(&NodeSet::default()).unwrap(), "\"\"");
    for nothing in ["\"\"", "null"] {
        assert!(serde_json::from_str::<NodeSet>(nothing).unwrap().is_empty(), "{nothing}");
    }
    assert!(serde_json::from_str::<NodeSet>("\"c[\"").is_err());
    assert!(serde_json::from_str::<NodeName>("\"../c1\"").is_err());
    let name: NodeName = serde_json::from_str("\"c1\"").unwrap();
    assert_eq!(serde_json::to_string(&name).unwrap(), "\"c1\"");
}

#[test]
fn names_of_hosts_and_nothing_else() {
    let label = "a".repeat(63);
    let longest = format!("{label}.{label}.{label}.{}", "a".repeat(61));
    for good in ["c1", "C-1", "a_b", "a.b.c", "1", "007", &label, &longest] {
        assert_eq!(good.parse::<NodeName>().unwrap().as_ref(), good);
    }
    let long_label = "a".repeat(64);
    let too_long = format!("{longest}a");
    for bad in [
        "",
        ".",
        "..",
        "a/b",
        "/a",
        "a..b",
        ".a",
        "a.",
        "-a",
        "a-",
        "_a",
        "a_",
        "a b",
        "a\n",
        "a\0",
        "é",
        "c[1]",
        "a,b",
        &long_label,
        &too_long,
    ] {
        let line = bad.parse::<NodeName>().unwrap_err().to_string();
        assert!(line.contains("is not the name of a node: it ") && !line.contains(['\n', '\0']), "{line}");
    }
}

#[test]
fn names_are_in_natural_order() {
    let sorted = [
        "1", "2", "10", "C1", "a", "a-1", "a.b", "a1", "a1-x", "a2", "ab", "c2", "c10", "c001", "c1000",
        "c_x", "ca",
    ];
    let mut nodes: Vec<NodeName> = sorted.iter().rev().map(|name| name.parse().unwrap()).collect();
    nodes.sort();
    assert_eq!(nodes.iter().map(NodeName::as_str).collect::<Vec<_>>(), sorted);
}

#[test]
fn nodes_go_in_one_by_one() {
    let mut nodes = NodeSet::default();
    assert!(nodes.is_empty() && nodes.insert("c2".parse().unwrap()));
    assert!(!nodes.insert("c2".parse().unwrap()) && nodes.len() == 1);
    assert!(nodes.contains(&"c2".parse().unwrap()) && !nodes.contains(&"c02".parse().unwrap()));
    assert_eq!(nodes.iter().collect::<NodeSet>(), nodes);
}
