//! From text to nodes, within bounds that are looked at before anything is written out.

use super::error::{NodeSetError, clip};
use super::fold::value;
use super::name::NodeName;
use std::collections::BTreeSet;

/// How many times the limit may be written out on the way, numbers in brackets and the nodes of brackets each counted: `a[1-9]!a[3-4]` gives
/// seven nodes and writes out eleven of each.
const WORK: usize = 4;

/// The nodes that a text names.
pub(super) fn evaluate(text: &str, most: usize) -> Result<BTreeSet<NodeName>, NodeSetError> {
    let mut reader = Reader { text, most, left: most.saturating_mul(WORK) };
    let mut nodes = BTreeSet::new();
    let (mut operator, mut rest) = (',', text);
    loop {
        let (operand, next) = reader.operand(rest)?;
        let named = reader.nodes(operand)?;
        match operator {
            '!' => named.iter().for_each(|node| _ = nodes.remove(node)),
            '&' => nodes.retain(|node| named.contains(node)),
            '^' => named.into_iter().for_each(|node| {
                if !nodes.remove(&node) {
                    nodes.insert(node);
                }
            }),
            _ => nodes.extend(named),
        }
        match next {
            Some((sign, beyond)) => (operator, rest) = (sign, beyond),
            None => break,
        }
    }
    if nodes.len() > most {
        return Err(NodeSetError::TooManyTogether { count: nodes.len(), most });
    }
    Ok(nodes)
}

/// What follows an operand: the operator and the text behind it.
type Next<'a> = Option<(char, &'a str)>;

/// A stretch of an operand: plain text, or a bracket's numbers.
enum Piece<'a> {
    Text(&'a str),
    Numbers(BTreeSet<String>),
}

struct Reader<'a> {
    text: &'a str,
    most: usize,
    /// How many nodes and numbers may still be written out.
    left: usize,
}

impl<'a> Reader<'a> {
    /// The text up to the next operator outside brackets.
    fn operand(&self, rest: &'a str) -> Result<(&'a str, Next<'a>), NodeSetError> {
        let mut open = None;
        for (at, sign) in rest.char_indices() {
            match (sign, open) {
                ('[', Some(start)) => {
                    return Err(self.part(&rest[start..=at], "opens a bracket inside a bracket"));
                }
                ('[', None) => open = Some(at),
                (']', Some(_)) => open = None,
                (']', None) => return Err(self.part(&rest[..=at], "closes a bracket that was not opened")),
                (',' | '!' | '&' | '^', None) => {
                    let operand = rest[..at].trim();
                    if operand.is_empty() {
                        return Err(self.part(&rest[at..=at], "has nothing before it to work on"));
                    }
                    let beyond = &rest[at + 1..];
                    if beyond.trim().is_empty() {
                        return Err(self.part(&rest[at..=at], "has nothing after it to work on"));
                    }
                    return Ok((operand, Some((sign, beyond))));
                }
                _ => {}
            }
        }
        match open {
            Some(start) => Err(self.part(&rest[start..], "opens a bracket that is not closed")),
            None => Ok((rest.trim(), None)),
        }
    }

    /// The nodes of one operand.
    fn nodes(&mut self, operand: &'a str) -> Result<BTreeSet<NodeName>, NodeSetError> {
        if operand.starts_with('@') {
            let fault = "is a group, and groups are not looked up here (nodeset -f prints the nodes of one)";
            return Err(self.part(operand, fault));
        }
        let pieces = self.pieces(operand)?;
        let count = pieces.iter().try_fold(1usize, |count, piece| match piece {
            Piece::Text(_) => Some(count),
            Piece::Numbers(numbers) => count.checked_mul(numbers.len()),
        });
        match count {
            // Single names cost no more than their text.
            Some(1) => {}
            Some(count) if count <= self.most => self.spend(count, operand)?,
            _ => return Err(self.too_many(operand, self.most)),
        }
        let mut names = vec![String::new()];
        for piece in &pieces {
            match piece {
                Piece::Text(text) => names.iter_mut().for_each(|name| name.push_str(text)),
                Piece::Numbers(numbers) => {
                    names = names
                        .iter()
                        .flat_map(|name| numbers.iter().map(move |number| format!("{name}{number}")))
                        .collect();
                }
            }
            // All are about as long as the first: names that no host can have stop here, before there are many of them.
            if let Some(long) = names.iter().find(|name| name.len() > NodeName::LONGEST) {
                return Err(self.name(operand, long, "is longer than 253 characters"));
            }
        }
        names
            .into_iter()
            .map(|name| NodeName::new(name).map_err(|(name, fault)| self.name(operand, &name, fault)))
            .collect()
    }

    /// An operand as its texts and brackets.
    fn pieces(&mut self, operand: &'a str) -> Result<Vec<Piece<'a>>, NodeSetError> {
        let (mut pieces, mut rest) = (Vec::new(), operand);
        while let Some((before, inside)) = rest.split_once('[') {
            // Brackets are known to come in pairs.
            let (inside, beyond) = inside.split_once(']').unwrap_or((inside, ""));
            if before.is_empty() && !pieces.is_empty() {
                return Err(
                    self.part(&rest[..inside.len() + 2], "follows another bracket with nothing between them")
                );
            }
            self.check_text(before)?;
            let touched = before.ends_with(|sign: char| sign.is_ascii_digit());
            pieces.push(Piece::Text(before));
            let bracket = &rest[before.len()..before.len() + inside.len() + 2];
            pieces.push(Piece::Numbers(self.numbers(bracket, inside, touched)?));
            rest = beyond;
        }
        self.check_text(rest)?;
        pieces.push(Piece::Text(rest));
        Ok(pieces)
    }

    /// Plain text of names, as far as it can be wrong in a way that users should be told about in words of its own.
    fn check_text(&self, text: &'a str) -> Result<(), NodeSetError> {
        if text.contains(char::is_whitespace) {
            return Err(self.part(text, "has a blank in it: names are joined by commas"));
        }
        if text.contains(['*', '?']) {
            return Err(self.part(text, "is a wildcard, and wildcards are not looked up here"));
        }
        if text.contains(['(', ')']) {
            return Err(self.part(text, "has a parenthesis in it: operators work from left to right"));
        }
        Ok(())
    }

    /// The numbers in a bracket.
    fn numbers(
        &mut self,
        bracket: &'a str,
        inside: &'a str,
        touched: bool,
    ) -> Result<BTreeSet<String>, NodeSetError> {
        let mut numbers = BTreeSet::new();
        for range in inside.split(',') {
            if range.trim().is_empty() {
                return Err(self.part(bracket, "lacks a number"));
            }
            self.range(range.trim(), &mut numbers)?;
        }
        let length = numbers.first().map_or(0, String::len);
        if touched && numbers.iter().any(|number| number.len() != length) {
            return Err(self.part(bracket, "has numbers of different lengths, and digits right before it"));
        }
        Ok(numbers)
    }

    /// One number, or a range with or without a step.
    fn range(&mut self, range: &'a str, into: &mut BTreeSet<String>) -> Result<(), NodeSetError> {
        let (ends, step) = match range.split_once('/') {
            Some((ends, step)) => (ends.trim(), Some(step.trim())),
            None => (range, None),
        };
        let step = match step {
            None => 1,
            Some(step) => match value(step) {
                Some(0) => return Err(self.part(range, "has a step of nothing")),
                Some(step) => step,
                None => return Err(self.part(range, "has a step that is not a number")),
            },
        };
        let Some((first, last)) = ends.split_once('-') else {
            if ends.is_empty() || !ends.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(self.part(range, "is neither a number nor a range such as 1-9"));
            }
            if step != 1 {
                return Err(self.part(range, "has a step and no range to go through"));
            }
            self.spend(1, range)?;
            into.insert(ends.to_owned());
            return Ok(());
        };
        let (first, last) = (first.trim(), last.trim());
        let (Some(from), Some(to)) = (value(first), value(last)) else {
            return Err(self.part(range, "is not a range of two numbers of at most 18 digits"));
        };
        if from > to {
            return Err(self.part(range, "counts down"));
        }
        let is_padded = |number: &str| number.len() > 1 && number.starts_with('0');
        if (is_padded(first) || is_padded(last)) && first.len() != last.len() {
            return Err(self.part(range, "has leading zeros and ends of different lengths"));
        }
        let count = usize::try_from((to - from) / step).unwrap_or(usize::MAX).saturating_add(1);
        if count > self.most {
            return Err(self.too_many(range, self.most));
        }
        self.spend(count, range)?;
        let width = if is_padded(first) { first.len() } else { 0 };
        for nth in 0..count as u64 {
            into.insert(format!("{:0width$}", from + nth * step));
        }
        Ok(())
    }

    /// Takes from what may still be written out.
    fn spend(&mut self, count: usize, part: &'a str) -> Result<(), NodeSetError> {
        match self.left.checked_sub(count) {
            Some(left) => self.left = left,
            None => return Err(self.too_many(part, self.most.saturating_mul(WORK))),
        }
        Ok(())
    }

    fn part(&self, part: &str, fault: &'static str) -> NodeSetError {
        NodeSetError::Part { at: self.place(part), part: clip(part), fault }
    }

    fn too_many(&self, part: &str, most: usize) -> NodeSetError {
        NodeSetError::TooMany { at: self.place(part), part: clip(part), most }
    }

    fn name(&self, operand: &str, name: &str, fault: &'static str) -> NodeSetError {
        NodeSetError::NameInSet { at: self.place(operand), name: clip(name), fault }
    }

    /// Where a part of the text begins, in characters from 1. Parts are slices of the text, so their addresses tell.
    fn place(&self, part: &str) -> usize {
        let bytes = (part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        self.text.get(..bytes).map_or(1, |before| before.chars().count() + 1)
    }
}
