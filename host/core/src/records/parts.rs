//! Many things looked at by as many threads as there are processors.

use std::thread::{self, ScopedJoinHandle};

/// Fewer are looked at by the thread that asks: a thread costs as much as some dozens.
const WORTH_A_THREAD: usize = 256;
/// More threads wait for the same directory.
const MOST_THREADS: usize = 8;

/// What `look` says of each item, in their order. A part whose thread cannot be had is looked at here.
pub(super) fn in_parts<T: Sync, R: Send>(items: &[T], look: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let processors = thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
    let length = items.len().div_ceil(processors).max(WORTH_A_THREAD);
    let (here, others) = items.split_at(length.min(items.len()));
    let look = &look;
    let looked_at = |part: &[T]| part.iter().map(look).collect::<Vec<R>>();
    thread::scope(|scope| {
        let parts: Vec<_> = others
            .chunks(length)
            .map(|part| (part, thread::Builder::new().spawn_scoped(scope, move || looked_at(part)).ok()))
            .collect();
        let mut all = looked_at(here);
        for (part, thread) in parts {
            all.extend(thread.and_then(joined).unwrap_or_else(|| looked_at(part)));
        }
        all
    })
}

/// What a thread found; nothing of one that panicked, and whoever asks looks again.
fn joined<R>(thread: ScopedJoinHandle<'_, R>) -> Option<R> {
    thread.join().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_kept_whatever_the_number() {
        for count in [0, 1, WORTH_A_THREAD, WORTH_A_THREAD + 1, 10 * WORTH_A_THREAD + 7] {
            let items: Vec<usize> = (0..count).collect();
            assert_eq!(
                in_parts(&items, |item| item * 2),
                items.iter().map(|item| item * 2).collect::<Vec<_>>()
            );
        }
    }
}
