//! Tables, a seeded walk through sets, and texts that want to do harm.

use super::{MOST, NodeName, NodeSet, NodeSetError};
use crate::{Error, ErrorKind};
use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

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

/// Numbers that are the same in every run (xorshift).
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    /// A name out of few shapes and numbers, so that sets meet.
    fn name(&mut self) -> String {
        let (one, two, three) = (self.below(13), self.below(4), self.below(3));
        match self.below(8) {
            0 => format!("c{one}"),
            1 => format!("c{one:02}"),
            2 => format!("c{:03}", one + 94),
            3 => format!("r{two}n{one:02}"),
            4 => format!("r{two}n{one}-ib{three}"),
            5 => format!("{three}x{two}y{one}"),
            6 => ["login", "admin", "io"][three as usize].to_owned(),
            _ => format!("{one}"),
        }
    }

    fn names(&mut self, most: u64) -> BTreeSet<NodeName> {
        (0..=self.below(most)).map(|_| self.name().parse().unwrap()).collect()
    }
}

fn result_is(text: &str, expected: &NodeSet) {
    match text.parse::<NodeSet>() {
        Ok(got) => assert_eq!(got, *expected, "{text}"),
        Err(NodeSetError::NothingLeft(_)) => assert!(expected.is_empty(), "{text}"),
        Err(error) => panic!("{text}: {error}"),
    }
}

#[test]
fn operations_are_those_of_sets() {
    let mut seeded = Seeded(0x9e37_79b9_7f4a_7c15);
    for _ in 0..200 {
        let (left, right) = (seeded.names(60), seeded.names(60));
        let (a, b): (NodeSet, NodeSet) = (left.iter().cloned().collect(), right.iter().cloned().collect());
        // Operators have no ranks, so that a set of several parts is taken away part by part.
        for (sign, expected) in [
            (',', left.union(&right).cloned().collect::<NodeSet>()),
            ('!', left.difference(&right).cloned().collect()),
            ('^', left.symmetric_difference(&right).cloned().collect()),
        ] {
            let mut text = a.to_string();
            right.iter().for_each(|node| text.push_str(&format!("{sign}{node}")));
            result_is(&text, &expected);
        }
        let (low, high) = (seeded.below(13), seeded.below(13) + 13);
        let box_of_two = format!("r[0-2]n[{low:02}-{high}]");
        let inside = set(&box_of_two);
        result_is(
            &format!("{a}&{box_of_two}"),
            &left.iter().filter(|node| inside.contains(node)).cloned().collect(),
        );
        assert_eq!(a.union(&b), left.union(&right).cloned().collect());
        assert_eq!(a.difference(&b), left.difference(&right).cloned().collect());
        assert_eq!(a.intersection(&b), left.intersection(&right).cloned().collect());
    }
}

#[test]
fn what_is_written_is_read_back_and_does_not_depend_on_the_way_there() {
    let mut seeded = Seeded(7);
    for _ in 0..300 {
        let nodes = seeded.names(200);
        let folded: NodeSet = nodes.iter().cloned().collect();
        let text = folded.to_string();
        let unfolded = nodes.iter().rev().map(NodeName::as_str).collect::<Vec<_>>().join(",");
        assert_eq!(set(&text).iter().collect::<BTreeSet<_>>(), nodes, "{text}");
        assert_eq!(set(&unfolded).to_string(), text, "{unfolded}");
    }
}

#[test]
fn hostile_texts_are_answered_with_one_line_and_at_once() {
    let mega = 1 << 20;
    let brackets = "c[1-65536]&".repeat(90_000) + "c1";
    let boxes = "[0-1]a".repeat(100);
    let digits = format!("c{}", "0".repeat(mega));
    for text in [
        "a[1-9999]x[1-9999]x[1-9999]".to_owned(),
        "c[0-18446744073709551615]".to_owned(),
        "c[0-99999999999999999999999999]".to_owned(),
        format!("c[0-{}]", "9".repeat(mega)),
        format!("c[{}1]", "1-65536,".repeat(mega / 8)),
        format!("c{}", "[".repeat(mega)),
        format!("{}a{}", "(".repeat(mega / 2), ")".repeat(mega / 2)),
        "]".repeat(mega),
        ",".repeat(mega),
        "a".repeat(mega),
        "\u{1f9e8}".repeat(mega / 4),
        "\u{7}\n\0".repeat(mega / 3),
        "[1]a".repeat(mega / 4),
        boxes,
        digits,
        brackets,
        (0..MOST + 1).map(|n| format!("c{n}x")).collect::<Vec<_>>().join(","),
    ] {
        let start = Instant::now();
        let line = refusal(&text);
        assert!(line.len() < 400 && !line.contains(char::is_control), "{line}");
        assert!(start.elapsed() < Duration::from_secs(20), "{line} after {:?}", start.elapsed());
    }
    // These are long, and right.
    let start = Instant::now();
    assert_eq!(set(&("a,".repeat(mega / 2) + "b")).to_string(), "a,b");
    let many: Vec<String> = (0..MOST / 4).map(|n| format!("r{}s{}n{}", n % 7, n / 7 % 13, n)).collect();
    let nodes = set(&many.join(","));
    assert_eq!(set(&nodes.to_string()), nodes);
    let axes: String = (0..13).map(|_| "[0-1]a").collect();
    assert_eq!(set(&axes).to_string(), axes);
    assert!(start.elapsed() < Duration::from_secs(60), "after {:?}", start.elapsed());
}
