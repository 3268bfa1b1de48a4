//! Node sets against ClusterShell itself: what one writes the other reads, and what both read is the same.

use std::collections::BTreeSet;

use camino::Utf8Path;
use disklessset_kit::node_set::{NodeName, NodeSet, NodeSetError};
use disklessset_tests::need;
use disklessset_tests::root::TestRoot;
use disklessset_tests::run::Program;

/// Reads texts, one a line, and prints for each its nodes and its folded text, or `-` when it is refused. No groups.
const REFERENCE: &str = "
import sys
from ClusterShell.NodeSet import NodeSet, NodeSetException, RESOLVER_NOGROUP
for line in sys.stdin.read().split('\\n'):
    try:
        nodes = NodeSet(line, resolver=RESOLVER_NOGROUP)
        print(' '.join(nodes) + '|' + str(nodes))
    except NodeSetException:
        print('-')
";

/// What ClusterShell makes of texts: the nodes, sorted, and the folded text; none for a text that it refuses.
#[track_caller]
fn reference(texts: &[String]) -> Vec<Option<(BTreeSet<String>, String)>> {
    let root = TestRoot::bare();
    // The interpreter of the package, whatever another one comes first in a search path.
    let python = Program::new("/usr/bin/python3", &root.beside(), root.beside().as_str());
    let outcome = python.args(["-c", REFERENCE]).stdin(&texts.join("\n")).run().expect_done();
    let answers: Vec<_> = outcome
        .stdout
        .lines()
        .map(|line| {
            let (nodes, text) = line.split_once('|')?;
            let nodes = nodes.split_whitespace().map(str::to_owned).collect();
            Some((nodes, text.to_owned()))
        })
        .collect();
    assert_eq!(answers.len(), texts.len(), "an answer to each");
    answers
}

fn names(set: &NodeSet) -> BTreeSet<String> {
    set.iter().map(String::from).collect()
}

fn there() -> need::Verdict {
    if !Utf8Path::new("/usr/bin/python3").is_file() {
        return need::skip("no python3 of the system");
    }
    need::tool("nodeset")
}

/// Numbers that are the same in every run (xorshift).
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).unwrap()
    }

    fn one_of<'a>(&mut self, texts: &[&'a str]) -> &'a str {
        texts[self.below(texts.len())]
    }

    fn number(&mut self) -> String {
        let value = self.below(30);
        match self.below(4) {
            0 => format!("{value:02}"),
            1 => format!("{value:03}"),
            _ => value.to_string(),
        }
    }

    fn range(&mut self) -> String {
        let (low, more) = (self.below(15), self.below(15));
        let width = [0, 0, 2, 3][self.below(4)];
        let ends = format!("{low:0width$}-{:0width$}", low + more);
        match self.below(12) {
            0..=3 => self.number(),
            4 | 5 => format!("{ends}/{}", 1 + self.below(4)),
            6 => format!("{}-{}", self.number(), self.number()),
            _ => ends,
        }
    }

    fn bracket(&mut self) -> String {
        let ranges: Vec<String> = (0..=self.below(3)).map(|_| self.range()).collect();
        format!("[{}]", ranges.join(self.one_of(&[",", ",", ", ", " ,"])))
    }

    fn operand(&mut self) -> String {
        let mut text = self.one_of(&["c", "r", "", "c1", "c0", "x-1"]).to_owned();
        for _ in 0..self.below(3) {
            let next = if self.below(4) == 0 { self.number() } else { self.bracket() };
            text.push_str(&next);
            text.push_str(self.one_of(&["n", "-ib", ".a", "_b", ""]));
        }
        text.push_str(self.one_of(&["a", "", "", "7"]));
        text
    }

    fn expression(&mut self) -> String {
        let mut text = self.operand();
        for _ in 0..self.below(4) {
            text.push_str(self.one_of(&[",", ",", "!", "&", "^", " , ", " ! "]));
            text.push_str(&self.operand());
        }
        if self.below(10) == 0 {
            let at = self.below(text.len() + 1);
            text.insert_str(at, self.one_of(&["[", "]", ",", "/", "!", "0", "1"]));
        }
        text
    }
}

#[test]
fn what_both_read_is_the_same() {
    need!(there());
    let mut seeded = Seeded(0x9e37_79b9_7f4a_7c15);
    let texts: Vec<String> = (0..4000).map(|_| seeded.expression()).collect();
    let mut both = 0;
    for (text, theirs) in texts.iter().zip(reference(&texts)) {
        match (text.parse::<NodeSet>(), theirs) {
            (Ok(ours), Some((theirs, _))) => {
                assert_eq!(names(&ours), theirs, "{text}");
                both += 1;
            }
            (Err(_), None) => {}
            // ClusterShell cannot always work out digits right after a bracket; they are just put there.
            (Ok(_), None) => assert!(has_digit_after_bracket(text), "only ClusterShell refuses {text}"),
            // What is no host name (there a blank can be in one), names nothing, or is misread by ClusterShell.
            (Err(NodeSetError::NameInSet { .. }), Some(_)) => {}
            (Err(NodeSetError::NothingLeft(_) | NodeSetError::Empty), Some((theirs, _)))
                if theirs.is_empty() => {}
            (Err(NodeSetError::Part { fault, .. }), Some(_))
                if fault.ends_with("digits right before it") || fault.starts_with("has a blank") => {}
            // Numbers below zero; and one range of different lengths, which it takes for 0.
            (Err(_), Some(_)) if ["[-", ",-", "0-00"].iter().any(|odd| text.contains(odd)) => {}
            (Err(error), Some((theirs, _))) => panic!("only ClusterShell reads {text} ({error}): {theirs:?}"),
        }
    }
    assert!(both >= 1000, "only {both} are read by both");
}

fn has_digit_after_bracket(text: &str) -> bool {
    text.split(']').skip(1).any(|rest| rest.starts_with(|sign: char| sign.is_ascii_digit()))
}

#[test]
fn what_is_written_is_read_by_both() {
    need!(there());
    let mut seeded = Seeded(42);
    // Every second set is of names with at most one number.
    let shape =
        |seeded: &mut Seeded, nth: usize| match seeded.below(if nth.is_multiple_of(2) { 2 } else { 5 }) {
            0 => format!("c{}", seeded.number()),
            1 => seeded.one_of(&["login", "admin-1", "x_1.y", "7", "01"]).to_owned(),
            2 => format!("{}-ib{}", seeded.number(), seeded.below(3)),
            3 => format!("a{}b{}c{}", seeded.below(3), seeded.below(3), seeded.below(4)),
            _ => format!("r{}n{}", seeded.below(3), seeded.number()),
        };
    let sets: Vec<NodeSet> = (0..400)
        .map(|nth| {
            (0..=seeded.below(60)).map(|_| shape(&mut seeded, nth).parse::<NodeName>().unwrap()).collect()
        })
        .collect();
    let texts: Vec<String> = sets.iter().map(NodeSet::to_string).collect();
    let mut alike = 0;
    for (set, theirs) in sets.iter().zip(reference(&texts)) {
        let (nodes, folded) = theirs.unwrap_or_else(|| panic!("ClusterShell refuses {set}"));
        assert_eq!(nodes, names(set), "{set}");
        assert_eq!(folded.parse::<NodeSet>().unwrap(), *set, "{folded}");
        // With one number in a name there is one shortest text; with more, ClusterShell orders its boxes by size.
        if set.iter().all(|node| has_one_number(node.as_str())) {
            assert_eq!(folded, set.to_string());
            alike += 1;
        }
    }
    assert!(alike >= 100, "{alike} sets with one number a name");
}

fn has_one_number(name: &str) -> bool {
    name.split(|sign: char| !sign.is_ascii_digit()).filter(|run| !run.is_empty()).count() <= 1
}
