//! The memory that a machine needs to come up, found by booting: from what its files let expect down by quarters until it does not come up,
//! then between the two. At the very edge one boot comes up and the next does not: a tenth is added, and that is booted, too.

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
    /// The least with which it came up, and the most with which it did not.
    up: Option<u32>,
    down: Option<u32>,
    /// Whether what is next is the amount with the tenth that is added.
    with_margin: bool,
    found: Option<FoundMemory>,
}

/// What a search found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoundMemory {
    /// With this much the machine came up, and it is not at the edge.
    pub enough: Mebibytes,
    /// With this much it did not, which is at least three quarters of it; none where no machine can have less.
    pub too_little: Option<Mebibytes>,
}

impl MemorySearch {
    /// One that begins with what is expected.
    pub fn from(expected: Mebibytes) -> Self {
        let most = expected.0.saturating_mul(MOST_TIMES);
        Self { next: Some(expected), most, up: None, down: None, with_margin: false, found: None }
    }

    /// The amount to try next; none when the search is over.
    pub fn next(&self) -> Option<Mebibytes> {
        self.next
    }

    /// The machine came up with the amount that was next.
    pub fn came_up(&mut self) {
        let Some(Mebibytes(tried)) = self.next.take() else { return };
        if self.with_margin || (self.down.is_none() && quarter_less(tried) < LEAST) {
            self.found = Some(FoundMemory { enough: Mebibytes(tried), too_little: self.down.map(Mebibytes) });
            return;
        }
        self.up = Some(tried);
        self.choose();
    }

    /// It did not.
    pub fn failed(&mut self) {
        let Some(Mebibytes(tried)) = self.next.take() else { return };
        if self.with_margin {
            // Another edge than that of the boots before: the margin is added to this one.
            self.up = Some(tried);
        }
        self.down = Some(tried);
        self.choose();
    }

    fn choose(&mut self) {
        let next = match (self.up, self.down) {
            (Some(up), None) => quarter_less(up),
            (None, Some(down)) => rounded_up(down.saturating_mul(4) / 3),
            // Three quarters of what is found with its margin must be no more than what was too little.
            (Some(up), Some(down)) if up > down && up * 20 > down * 23 => (up + down) / 2 / STEP * STEP,
            (Some(up), Some(_)) => {
                self.with_margin = true;
                rounded_up(up.saturating_mul(11) / 10 + 1)
            }
            (None, None) => return,
        };
        self.next = (next <= self.most).then_some(Mebibytes(next));
    }

    /// What was found; nothing when the machine never came up for sure.
    pub fn found(&self) -> Option<FoundMemory> {
        self.found
    }
}

fn quarter_less(mebibytes: u32) -> u32 {
    mebibytes * 3 / 4 / STEP * STEP
}

fn rounded_up(mebibytes: u32) -> u32 {
    mebibytes.div_ceil(STEP).saturating_mul(STEP)
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
    fn what_is_found_is_enough_with_a_margin_and_three_quarters_of_it_are_not() {
        for needed in 160..1500 {
            for expected in [448, 512, 1024] {
                let (found, tried) = search(expected, needed);
                let found = found.unwrap();
                assert!(found.enough.0 * 100 >= needed * 105, "{needed}: {found:?}");
                assert!(found.too_little.unwrap().0 < needed, "{needed}: {found:?}");
                assert!(found.enough.0 * 3 / 4 < needed, "{needed}: {found:?} {tried:?}");
                assert!(tried.len() <= 12 && tried.last() == Some(&found.enough.0), "{tried:?}");
            }
        }
    }

    #[test]
    fn a_search_ends_where_no_machine_can_have_less_or_more() {
        assert_eq!(search(512, 1).0, Some(FoundMemory { enough: Mebibytes(64), too_little: None }));
        assert_eq!(search(512, 1_000_000).0, None);
    }

    #[test]
    fn an_edge_that_moves_is_left_behind() {
        let mut search = MemorySearch::from(Mebibytes(288));
        search.came_up();
        for failing in [216, 248, 264, 320] {
            assert_eq!(search.next(), Some(Mebibytes(failing)));
            search.failed();
        }
        assert_eq!(search.next(), Some(Mebibytes(360)));
        search.came_up();
        let found = FoundMemory { enough: Mebibytes(360), too_little: Some(Mebibytes(320)) };
        assert_eq!(search.found(), Some(found));
    }
}
