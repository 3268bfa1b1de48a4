//! Sizes for people.

use std::fmt;

/// A number of bytes, written in binary units: `700M`, `1.8G`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(1_u64 << 40, "T"), (1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K")];
        match units.into_iter().find(|(unit, _)| self.0 >= *unit) {
            None => write!(f, "{}", self.0),
            Some((unit, name)) if self.0 / unit >= 10 => write!(f, "{}{name}", self.0 / unit),
            Some((unit, name)) => write!(f, "{}.{}{name}", self.0 / unit, self.0 % unit * 10 / unit),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_as_people_write_them() {
        let told = [0, 1023, 1024, 700 << 20, (3 << 30) / 2, 12 << 30, 2 << 40].map(|n| Bytes(n).to_string());
        assert_eq!(told, ["0", "1023", "1.0K", "700M", "1.5G", "12G", "2.0T"]);
    }
}
