//! A seeded walk through sets, against sets of names, and texts that want to do harm.

use super::{
    super::{MOST, NodeName, NodeSet, NodeSetError},
    refusal, set,
};
use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};
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
