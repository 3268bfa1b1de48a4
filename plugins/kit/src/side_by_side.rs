//! Goes through the directories of a tree on all processors.

use std::{
    num::NonZero,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

/// Threads beyond these wait for the file system.
const MOST_THREADS: usize = 4;

/// Reads a directory and all below it. `read` adds what is in a directory to what its thread found, and gives the directories below that
/// are to be read. `between` is called by this thread alone, after each directory of its own. Gives what each thread found.
///
/// # Errors
/// The first one of `read` or `between`; the others stop then.
pub(crate) fn walk<D, T, E>(
    first: D,
    read: impl Fn(&D, &mut T) -> Result<Vec<D>, E> + Sync,
    mut between: impl FnMut() -> Result<(), E>,
) -> Result<Vec<T>, E>
where
    D: Send,
    T: Default + Send,
    E: Send,
{
    let walk = Walk::from(first);
    thread::scope(|scope| {
        let others: Vec<_> = (1..threads())
            // Where no more threads may be had, those there are do it all.
            .map_while(|_| thread::Builder::new().spawn_scoped(scope, || walk.work(&read, || Ok(()))).ok())
            .collect();
        let ours = walk.work(&read, &mut between);
        let others = others
            .into_iter()
            .map(|other| other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        [ours].into_iter().chain(others).collect::<Vec<_>>().into_iter().collect()
    })
}

fn threads() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get).min(MOST_THREADS)
}

/// A walk through a tree, as all threads see it.
struct Walk<D> {
    todo: Mutex<Todo<D>>,
    changed: Condvar,
}

struct Todo<D> {
    directories: Vec<D>,
    /// Directories that are being read: more may come out of them.
    at_work: usize,
    /// One has failed: nobody needs to go on.
    failed: bool,
}

impl<D> Walk<D> {
    fn from(first: D) -> Self {
        let todo = Todo { directories: vec![first], at_work: 0, failed: false };
        Self { todo: Mutex::new(todo), changed: Condvar::new() }
    }

    /// Takes directories until none is left.
    fn work<T: Default, E>(
        &self,
        read: impl Fn(&D, &mut T) -> Result<Vec<D>, E>,
        mut between: impl FnMut() -> Result<(), E>,
    ) -> Result<T, E> {
        let mut found = T::default();
        while let Some(directory) = self.take() {
            let at_work = AtWork(self);
            let below = read(&directory, &mut found).and_then(|below| between().map(|()| below));
            let below = match below {
                Ok(below) => below,
                Err(error) => {
                    lock(&self.todo).failed = true;
                    return Err(error);
                }
            };
            lock(&self.todo).directories.extend(below);
            drop(at_work);
        }
        Ok(found)
    }

    fn take(&self) -> Option<D> {
        let waits = |todo: &mut Todo<D>| !todo.failed && todo.directories.is_empty() && todo.at_work > 0;
        let mut todo =
            self.changed.wait_while(lock(&self.todo), waits).unwrap_or_else(PoisonError::into_inner);
        let taken = if todo.failed { None } else { todo.directories.pop() };
        todo.at_work += usize::from(taken.is_some());
        taken
    }
}

/// A directory that is being read. It ends with a panic too: the others would wait for this thread for ever.
struct AtWork<'w, D>(&'w Walk<D>);

impl<D> Drop for AtWork<'_, D> {
    fn drop(&mut self) {
        lock(&self.0.todo).at_work -= 1;
        self.0.changed.notify_all();
    }
}

/// A panic in one thread is told by who joins it.
fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers below a number: a tree of 10,000 leaves.
    fn below(number: &u32) -> Vec<u32> {
        if *number < 1000 {
            (0..10).map(|digit| (number * 10) + digit).filter(|next| next > number).collect()
        } else {
            Vec::new()
        }
    }

    #[test]
    fn each_directory_is_read_once_and_this_thread_is_asked_between() {
        let mut asked = 0;
        let found = walk(
            1,
            |number: &u32, seen: &mut Vec<u32>| {
                seen.push(*number);
                Ok::<_, ()>(below(number))
            },
            || {
                asked += 1;
                Ok(())
            },
        );
        let mut all: Vec<u32> = found.unwrap().into_iter().flatten().collect();
        all.sort_unstable();
        assert_eq!(all, [1].into_iter().chain(10..20).chain(100..200).chain(1000..2000).collect::<Vec<_>>());
        assert!((1..=1111).contains(&asked), "{asked}");
    }

    #[test]
    fn one_that_fails_ends_it_for_all() {
        let read = |number: &u32, (): &mut ()| if *number == 150 { Err("150") } else { Ok(below(number)) };
        assert_eq!(walk(1, read, || Ok(())), Err("150"));
        assert_eq!(walk(1, |number: &u32, (): &mut ()| Ok(below(number)), || Err("stopped")), Err("stopped"));
    }

    #[test]
    #[should_panic(expected = "at 150")]
    fn a_panic_of_one_thread_reaches_the_caller() {
        let read = |number: &u32, (): &mut ()| {
            assert!(*number != 150, "at 150");
            Ok::<_, ()>(below(number))
        };
        let _ = walk(1, read, || Ok(()));
    }
}
