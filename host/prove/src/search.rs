//! The least memory with which a machine comes up, found by booting: from what its files are expected to need down by quarters, until it
//! does not come up any more.

use super::request::Mebibytes;

/// Amounts are multiples of this, in mebibytes.
const STEP: u32 = 8;
/// No machine is tried with less, in mebibytes.
const LEAST: u32 = 64;
/// The expected amount is exceeded at most so many times.
const MOST_TIMES: u32 = 8;

/// A search for the memory that an image needs. Each amount is tried by a boot, whose outcome is told to the search.
#[derive(Debug, Clone)]
pub struct MemorySearch {
    next: Option<Mebibytes>,
    most: u32,
    enough: Option<Mebibytes>,
    too_little: Option<Mebibytes>,
}

/// What a search found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoundMemory {
    /// With this much the machine came up.
    pub enough: Mebibytes,
    /// With this much, three quarters of it or little more, it did not; none where no machine can have less.
    pub too_little: Option<Mebibytes>,
}

impl MemorySearch {
    /// One that begins with what is expected.
    pub fn from(expected: Mebibytes) -> Self {
        let most = expected.0.saturating_mul(MOST_TIMES);
        Self { next: Some(expected), most, enough: None, too_little: None }
    }

    /// The amount to try next; none when the search is over.
    pub fn next(&self) -> Option<Mebibytes> {
        self.next
    }

    /// The machine came up with the amount that was next.
    pub fn came_up(&mut self) {
        let Some(tried) = self.next.take() else { return };
        self.enough = Some(tried);
        let below = tried.0 * 3 / 4 / STEP * STEP;
        let known = self.too_little.is_some_and(|failed| failed.0 >= below);
        if below >= LEAST && !known {
            self.next = Some(Mebibytes(below));
        }
    }

    /// It did not.
    pub fn failed(&mut self) {
        let Some(tried) = self.next.take() else { return };
        self.too_little = Some(tried);
        let above = (tried.0.saturating_mul(4) / 3).div_ceil(STEP).saturating_mul(STEP);
        if self.enough.is_none() && above <= self.most {
            self.next = Some(Mebibytes(above));
        }
    }

    /// What was found; nothing when the machine never came up.
    pub fn found(&self) -> Option<FoundMemory> {
        Some(FoundMemory { enough: self.enough?, too_little: self.too_little })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Searches where a machine needs so much; what was found, and the amounts that were tried.
    fn search(expected: u32, needed: u32) -> (Option<FoundMemory>, Vec<u32>) {
        let mut search = MemorySearch::from(Mebibytes(expected));
        let mut tried = Vec::new();
        while let Some(memory) = search.next() {
            tried.push(memory.0);
            if memory.0 >= needed { search.came_up() } else { search.failed() }
        }
        (search.found(), tried)
    }

    #[test]
    fn the_least_that_is_enough_is_found_within_a_quarter_wherever_the_search_begins() {
        for needed in [70, 200, 333, 512, 700, 1024, 3000] {
            for expected in [448, 512, 1024] {
                let (found, tried) = search(expected, needed);
                let found = found.unwrap();
                assert!(found.enough.0 >= needed, "{found:?}");
                let too_little = found.too_little.map_or(0, |memory| memory.0);
                assert!(too_little < needed, "{found:?}");
                assert!(too_little * 4 + 4 * STEP >= found.enough.0 * 3 || found.enough.0 < 96, "{found:?}");
                assert!(tried.len() <= 10, "{tried:?}");
            }
        }
    }

    #[test]
    fn a_search_ends_where_no_machine_can_have_less_or_more() {
        assert_eq!(search(512, 1).0, Some(FoundMemory { enough: Mebibytes(80), too_little: None }));
        assert_eq!(search(512, 1_000_000).0, None);
    }
}
