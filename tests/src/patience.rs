//! Bounds on time, on machines that do other things as well.
//!
//! A disk or a processor that somebody else keeps busy makes one measurement late, now and then. A program that is
//! slow is late each time. So what is late is tried again, and told.

/// How often a bound is tried before the program is called slow.
const TRIES: usize = 2;

/// Panics when a bound on time is missed each time. `attempt` says by how much it was missed.
#[track_caller]
#[allow(clippy::print_stderr, reason = "who reads the log of a test learns of it")]
pub fn holds_in_time(mut attempt: impl FnMut() -> Result<(), String>) {
    let mut misses = Vec::new();
    while misses.len() < TRIES {
        match attempt() {
            Ok(()) => return,
            Err(miss) => {
                eprintln!("LATE: {miss}");
                misses.push(miss);
            }
        }
    }
    panic!("late {TRIES} times of {TRIES}:\n{}", misses.join("\n"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_time_once_is_in_time() {
        let mut misses = vec!["2 s"];
        holds_in_time(|| misses.pop().map_or(Ok(()), |miss| Err(miss.to_owned())));
    }

    #[test]
    #[should_panic(expected = "late 2 times of 2")]
    fn late_each_time_is_late() {
        holds_in_time(|| Err("2 s".to_owned()));
    }
}
