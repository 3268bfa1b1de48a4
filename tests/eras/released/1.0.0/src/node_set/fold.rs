//! From nodes to the text that names them.

use super::name::{NodeName, number_order};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Stands for a run of digits in a pattern. ClusterShell has the same sign there and sorts by it, and so do we.
const NUMBER: char = '%';

/// How often all axes are gone through for boxes that can be joined. Each round is linear; two find nearly everything.
const ROUNDS: usize = 3;

/// The text of a set: patterns in the order of their text, each with as few boxes as joining finds.
pub(super) fn folded(nodes: &BTreeSet<NodeName>) -> String {
    let mut patterns: BTreeMap<String, Vec<Vec<&str>>> = BTreeMap::new();
    for node in nodes {
        let (pattern, numbers) = taken_apart(node.as_str());
        patterns.entry(pattern).or_default().push(numbers);
    }
    let mut text = String::new();
    for (pattern, vectors) in &patterns {
        for axes in boxes(vectors) {
            if !text.is_empty() {
                text.push(',');
            }
            let mut axes = axes.into_iter();
            for sign in pattern.chars() {
                if sign == NUMBER {
                    text.push_str(&axes.next().unwrap_or_default());
                } else {
                    text.push(sign);
                }
            }
        }
    }
    text
}

/// A name as its pattern and the runs of digits in it.
fn taken_apart(name: &str) -> (String, Vec<&str>) {
    let (mut pattern, mut numbers, mut rest) = (String::new(), Vec::new(), name);
    while let Some(start) = rest.find(|sign: char| sign.is_ascii_digit()) {
        pattern.push_str(&rest[..start]);
        pattern.push(NUMBER);
        rest = &rest[start..];
        let end = rest.find(|sign: char| !sign.is_ascii_digit()).unwrap_or(rest.len());
        numbers.push(&rest[..end]);
        rest = &rest[end..];
    }
    pattern.push_str(rest);
    (pattern, numbers)
}

/// The numbers of one pattern as boxes that share no node, each axis as it is written.
///
/// Boxes that differ in one axis only are one box. An axis of a box is the index of its numbers in `sets`, so that
/// comparing two axes is comparing two integers.
fn boxes(vectors: &[Vec<&str>]) -> Vec<Vec<String>> {
    let axes = vectors.first().map_or(0, Vec::len);
    let mut sets = Sets::default();
    let mut boxes: Vec<Vec<usize>> =
        vectors.iter().map(|vector| vector.iter().map(|number| sets.index(vec![number])).collect()).collect();
    for _ in 0..ROUNDS {
        let before = boxes.len();
        for axis in (0..axes).rev() {
            boxes = joined(boxes, axis, &mut sets);
        }
        if boxes.len() == before {
            break;
        }
    }
    boxes.iter().map(|axes| axes.iter().map(|set| bracket(&sets.all[*set])).collect()).collect()
}

/// The boxes with those made one that are alike in all other axes.
fn joined<'a>(boxes: Vec<Vec<usize>>, axis: usize, sets: &mut Sets<'a>) -> Vec<Vec<usize>> {
    if boxes.iter().all(|one| one[axis] == boxes[0][axis]) {
        return boxes;
    }
    let mut places: HashMap<Vec<usize>, usize> = HashMap::with_capacity(boxes.len());
    let mut merged: Vec<(Vec<usize>, Vec<usize>)> = Vec::new();
    for mut one in boxes {
        let set = std::mem::take(&mut one[axis]);
        match places.get(&one) {
            Some(place) => merged[*place].1.push(set),
            None => {
                places.insert(one.clone(), merged.len());
                merged.push((one, vec![set]));
            }
        }
    }
    merged
        .into_iter()
        .map(|(mut one, parts)| {
            one[axis] = match parts.as_slice() {
                [only] => *only,
                _ => {
                    let mut numbers: Vec<&str> =
                        parts.iter().flat_map(|part| sets.all[*part].iter().copied()).collect();
                    numbers.sort_unstable_by(|left, right| number_order(left, right));
                    sets.index(numbers)
                }
            };
            one
        })
        .collect()
}

/// Every set of numbers that an axis has, once.
#[derive(Default)]
struct Sets<'a> {
    all: Vec<Vec<&'a str>>,
    places: HashMap<Vec<&'a str>, usize>,
}

impl<'a> Sets<'a> {
    fn index(&mut self, numbers: Vec<&'a str>) -> usize {
        if let Some(place) = self.places.get(&numbers) {
            return *place;
        }
        let place = self.all.len();
        self.places.insert(numbers.clone(), place);
        self.all.push(numbers);
        place
    }
}

/// Sorted numbers as they are written: one as it is, more in brackets with ranges.
fn bracket(numbers: &[&str]) -> String {
    if let [only] = numbers {
        return (*only).to_owned();
    }
    let mut ranges: Vec<(&str, &str)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((first, last)) if follows(first, last, number) => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    let written: Vec<String> = ranges
        .iter()
        .map(|(first, last)| if first == last { (*first).to_owned() } else { format!("{first}-{last}") })
        .collect();
    format!("[{}]", written.join(","))
}

/// Whether a number carries a range on: the next one, and not longer than a range with leading zeros.
fn follows(first: &str, last: &str, number: &str) -> bool {
    let is_padded = first.len() > 1 && first.starts_with('0');
    let is_next = match (value(last), value(number)) {
        (Some(last), Some(number)) => last + 1 == number,
        _ => false,
    };
    is_next && (number.len() == last.len() || !is_padded && !number.starts_with('0'))
}

/// The value of a number that may stand in a range.
pub(super) fn value(number: &str) -> Option<u64> {
    /// What always fits, with room to add one.
    const DIGITS: usize = 18;
    if number.is_empty() || number.len() > DIGITS || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    number.parse().ok()
}
