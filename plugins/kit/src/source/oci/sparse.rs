//! Files with holes, as GNU tar stores them: where the data that follows belongs.

use super::{
    pax::{Records, number},
    unpack_error::UnpackError,
};
use std::io::{BufRead, Read};
use tar::{GnuExtSparseHeader, GnuSparseHeader, Header};

/// A file with a million pieces is one that somebody made to hurt.
const MOST_PIECES: usize = 1 << 20;

/// Where the data of a file belongs; the rest of it is holes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sparse {
    /// The length of the file in bytes.
    pub(super) real_size: u64,
    /// Offset and length of every piece of data, in order.
    pub(super) pieces: Vec<(u64, u64)>,
}

fn broken() -> UnpackError {
    UnpackError::Damaged("the map of a sparse file in its tar archive is broken".to_owned())
}

impl Sparse {
    fn checked(self, stored: u64) -> Result<Self, UnpackError> {
        let mut end = 0u64;
        let mut sum = 0u64;
        for (offset, length) in &self.pieces {
            if *offset < end {
                return Err(broken());
            }
            end = offset.checked_add(*length).ok_or_else(broken)?;
            sum += length;
        }
        if end > self.real_size || sum != stored || self.real_size > i64::MAX as u64 {
            return Err(broken());
        }
        Ok(self)
    }

    fn add(&mut self, offset: u64, length: u64) -> Result<(), UnpackError> {
        if self.pieces.len() == MOST_PIECES {
            return Err(UnpackError::Refused(
                "a sparse file in it has more than a million pieces".to_owned(),
            ));
        }
        if length > 0 {
            self.pieces.push((offset, length));
        }
        Ok(())
    }

    /// The old form: pieces in the header itself, more of them in blocks before the data.
    pub(super) fn of_header(
        header: &Header,
        stored: u64,
        input: &mut impl Read,
    ) -> Result<Self, UnpackError> {
        let gnu = header.as_gnu().ok_or_else(broken)?;
        let mut found = Self { real_size: gnu.real_size().map_err(|_| broken())?, pieces: Vec::new() };
        found.add_all(&gnu.sparse)?;
        let mut more = gnu.is_extended();
        while more {
            let mut block = GnuExtSparseHeader::new();
            input.read_exact(block.as_mut_bytes())?;
            found.add_all(block.sparse())?;
            more = block.is_extended();
        }
        found.checked(stored)
    }

    fn add_all(&mut self, pieces: &[GnuSparseHeader]) -> Result<(), UnpackError> {
        for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
            let (offset, length) = (piece.offset(), piece.length());
            self.add(offset.map_err(|_| broken())?, length.map_err(|_| broken())?)?;
        }
        Ok(())
    }

    /// The forms in extended headers: 0.1 with the map in a record, 1.0 with the map before the data, whose length goes off
    /// `stored`. `None` for a file that is not sparse.
    pub(super) fn of_records(
        records: &Records,
        stored: &mut u64,
        input: &mut impl BufRead,
    ) -> Result<Option<Self>, UnpackError> {
        let version = (records.number("GNU.sparse.major")?, records.number("GNU.sparse.minor")?);
        if version == (Some(1), Some(0)) {
            let real_size = records.number("GNU.sparse.realsize")?.ok_or_else(broken)?;
            let mut found = Self { real_size, pieces: Vec::new() };
            found.read_map(stored, input)?;
            return found.checked(*stored).map(Some);
        }
        if let Some(map) = records.get("GNU.sparse.map") {
            let real_size = records.number("GNU.sparse.size")?.ok_or_else(broken)?;
            let mut found = Self { real_size, pieces: Vec::new() };
            let mut numbers = map.split(|byte| *byte == b',').map(|text| number(text).ok_or_else(broken));
            while let Some(offset) = numbers.next() {
                found.add(offset?, numbers.next().ok_or_else(broken)??)?;
            }
            return found.checked(*stored).map(Some);
        }
        if version == (None, None) && records.beginning("GNU.sparse.").is_empty() {
            return Ok(None);
        }
        Err(UnpackError::Refused("a sparse file in it is stored in a form that is not known here".to_owned()))
    }

    /// Decimal numbers, a line each: how many pieces, then offset and length of each; filled up to a block.
    fn read_map(&mut self, stored: &mut u64, input: &mut impl BufRead) -> Result<(), UnpackError> {
        let mut used = 0u64;
        let mut next = |input: &mut dyn BufRead| -> Result<u64, UnpackError> {
            let mut line = Vec::new();
            used += (&mut *input).take(24).read_until(b'\n', &mut line)? as u64;
            number(line.strip_suffix(b"\n").ok_or_else(broken)?).ok_or_else(broken)
        };
        for _ in 0..next(input)? {
            let offset = next(input)?;
            self.add(offset, next(input)?)?;
        }
        let padding = used.next_multiple_of(512) - used;
        std::io::copy(&mut input.take(padding), &mut std::io::sink())?;
        *stored = stored.checked_sub(used + padding).ok_or_else(broken)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{super::pax::record, *};

    fn records(pairs: &[(&str, &str)]) -> Records {
        let mut records = Records::default();
        for (key, value) in pairs {
            records.add(&record(key, value.as_bytes())).unwrap();
        }
        records
    }

    #[test]
    fn maps_are_read_and_nonsense_is_refused() {
        let map = records(&[("GNU.sparse.size", "90"), ("GNU.sparse.map", "10,5,40,1,80,0")]);
        let found = Sparse::of_records(&map, &mut 6, &mut &b""[..]).unwrap().unwrap();
        assert_eq!(found, Sparse { real_size: 90, pieces: vec![(10, 5), (40, 1)] });
        assert!(Sparse::of_records(&map, &mut 7, &mut &b""[..]).is_err(), "more data than pieces");
        let past = records(&[("GNU.sparse.size", "12"), ("GNU.sparse.map", "10,5")]);
        assert!(Sparse::of_records(&past, &mut 5, &mut &b""[..]).is_err());
        let oldest = records(&[("GNU.sparse.numblocks", "10")]);
        assert!(matches!(Sparse::of_records(&oldest, &mut 5, &mut &b""[..]), Err(UnpackError::Refused(_))));
        assert_eq!(Sparse::of_records(&records(&[("path", "a")]), &mut 5, &mut &b""[..]).unwrap(), None);
    }

    #[test]
    fn a_map_before_the_data_takes_whole_blocks() {
        let form =
            records(&[("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.realsize", "100")]);
        let mut data = b"2\n0\n3\n50\n4\n".to_vec();
        data.resize(512, 0);
        data.extend(b"abcdefg");
        let (mut stored, mut input) = (519, &data[..]);
        let found = Sparse::of_records(&form, &mut stored, &mut input).unwrap().unwrap();
        assert_eq!((found.pieces, stored, input), (vec![(0, 3), (50, 4)], 7, &b"abcdefg"[..]));
    }
}
