//! Bounds on time, on machines that do other things as well.
//!
//! A disk or a processor that somebody else keeps busy makes one measurement late, now and then. A program that is
//! slow is late each time. So what is late is tried again, and told.

use crate::need;

/// How often a bound is tried before the program is called slow.
const TRIES: usize = 2;

/// Panics when a bound on time is missed each time. `attempt` says by how much it was missed; the summary of the run
/// tells of each miss.
#[track_caller]
pub fn holds_in_time(attempt: impl FnMut() -> Result<(), String>) {
    if let Err(misses) = tried(attempt, need::late) {
        panic!("late {TRIES} times of {TRIES}:\n{}", misses.join("\n"));
    }
}

/// All misses, where there is nothing else.
fn tried(mut attempt: impl FnMut() -> Result<(), String>, tell: impl Fn(&str)) -> Result<(), Vec<String>> {
    let mut misses = Vec::new();
    while misses.len() < TRIES {
        let Err(miss) = attempt() else { return Ok(()) };
        tell(&miss);
        misses.push(miss);
    }
    Err(misses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_time_once_is_in_time() {
        let mut misses = vec!["2 s"];
        let done = tried(
            || misses.pop().map_or(Ok(()), |miss| Err(miss.to_owned())),
            |told| assert_eq!(told, "2 s"),
        );
        assert_eq!(done, Ok(()));
    }

    #[test]
    fn late_each_time_is_late() {
        assert_eq!(tried(|| Err("2 s".to_owned()), |_| ()), Err(vec!["2 s".to_owned(); TRIES]));
    }
}
