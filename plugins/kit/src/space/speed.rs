//! How fast a disk writes, found by writing.

use camino::Utf8Path;
use disklessset_system::durable;
use std::{
    io::Write,
    time::{Duration, Instant},
};

/// What is written, in bytes: enough to go beyond what a disk takes into its own memory at once.
const SAMPLE: u64 = 64 << 20;
const PIECE: usize = 1 << 20;
const NAME: &str = ".try-speed";

/// How long it takes to write so many bytes below the private directory `place` and have them on disk, from a sample of 64 MiB that is
/// written and removed. None where the sample cannot be written.
pub fn time_to_write(place: &Utf8Path, bytes: u64) -> Option<Duration> {
    let sample = place.join(NAME);
    let taken = write(&sample);
    let removed = durable::remove_file(&sample);
    taken
        .and_then(|taken| removed.map(|()| taken))
        .ok()
        .map(|taken| taken.mul_f64(bytes as f64 / SAMPLE as f64))
}

fn write(sample: &Utf8Path) -> Result<Duration, disklessset_system::FileError> {
    let failed = disklessset_system::FileError::of("write", sample);
    let mut file = durable::create_new(sample, 0o600)?;
    // Nothing that a file system would leave out or compress well.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let piece: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    })
    .take(PIECE / 8)
    .flatten()
    .collect();
    let started = Instant::now();
    let written =
        (0..SAMPLE / PIECE as u64).try_for_each(|_| file.write_all(&piece)).and_then(|()| file.sync_all());
    written.map_err(failed)?;
    Ok(started.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twice_as_much_takes_twice_as_long_and_nothing_stays() {
        let dir = tempfile::tempdir().unwrap();
        let place = Utf8Path::from_path(dir.path()).unwrap();
        let taken = time_to_write(place, SAMPLE).unwrap();
        assert!(taken > Duration::from_millis(1), "{taken:?}");
        assert_eq!(place.read_dir_utf8().unwrap().count(), 0);
        assert_eq!(time_to_write(&place.join("nowhere"), SAMPLE), None);
    }
}
