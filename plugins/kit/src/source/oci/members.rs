//! The members of a tar archive, read one after the other in bounded memory.
//!
//! The crate's own reader takes an extended header of any size into memory and cuts values at newlines, which capabilities may hold;
//! so only its headers are used.

use super::{
    pax::{self, Records},
    sparse::Sparse,
    unpack_error::UnpackError,
};
use std::io::{BufRead, Read};
use tar::{EntryType, Header};

/// The most that the extended headers of one member may take, as in other tools.
const MOST_EXTENSION: u64 = 1 << 20;

/// What a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Directory,
    Symlink,
    HardLink,
    Character,
    Block,
    Fifo,
}

/// One member; names are bytes as they stand in the archive.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) path: Vec<u8>,
    /// Where a link leads.
    pub(super) link: Vec<u8>,
    pub(super) kind: Kind,
    /// Bytes of data that follow.
    pub(super) stored: u64,
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// Seconds and nanoseconds.
    pub(super) mtime: (i64, u32),
    /// Major and minor number.
    pub(super) device: (u32, u32),
    pub(super) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) sparse: Option<Sparse>,
    /// Whether it has access control lists in a form that layers do not use.
    pub(super) foreign_acl: bool,
}

/// Input that may know a faster way than reading to leave something out.
pub(super) trait Skip: BufRead {
    /// Leaves out so many bytes; how many there were.
    fn skip(&mut self, bytes: u64) -> Result<u64, UnpackError> {
        Ok(std::io::copy(&mut self.take(bytes), &mut std::io::sink())?)
    }
}

impl<R: Read> Skip for std::io::BufReader<R> {}

fn cut_off() -> UnpackError {
    UnpackError::Damaged("its tar archive ends too early".to_owned())
}

fn broken(what: &str) -> UnpackError {
    UnpackError::Damaged(format!("{what} in its tar archive is broken"))
}

/// A tar archive being read.
pub(super) struct Members<R> {
    input: R,
    /// Data of the present member, and what fills its last block, still to be read.
    left: u64,
    padding: u64,
    globals: Records,
}

impl<R: Skip> Members<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, left: 0, padding: 0, globals: Records::default() }
    }

    pub(super) fn input(&mut self) -> &mut R {
        &mut self.input
    }

    /// The next member; what is left of the data of the one before is left out. `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Member>, UnpackError> {
        let (mut long_path, mut long_link, mut records) = (None, None, Records::default());
        let mut extensions = 0;
        loop {
            if self.input.skip(self.left)? < self.left {
                return Err(cut_off());
            }
            // There are tools that do not fill the last block; the header that is then missing says the end.
            self.input.skip(self.padding)?;
            (self.left, self.padding) = (0, 0);
            let Some(header) = self.header()? else { return Ok(None) };
            let size = header.entry_size().map_err(|_| broken("a size"))?;
            let kind = header.entry_type();
            let is_extension = matches!(
                kind,
                EntryType::XHeader
                    | EntryType::XGlobalHeader
                    | EntryType::GNULongName
                    | EntryType::GNULongLink
            );
            if !is_extension {
                return self.member(&header, size, long_path, long_link, &records).map(Some);
            }
            extensions = size.saturating_add(extensions);
            if size > MOST_EXTENSION || extensions > 2 * MOST_EXTENSION {
                return Err(UnpackError::Refused(
                    "an extended header of its tar archive is larger than 1 MiB".to_owned(),
                ));
            }
            self.expect(size);
            let mut text = Vec::new();
            self.read_to_end(&mut text)?;
            if self.left > 0 {
                return Err(cut_off());
            }
            match kind {
                EntryType::XHeader => records.add(&text)?,
                EntryType::XGlobalHeader => {
                    self.globals = Records::default();
                    self.globals.add(&text)?;
                }
                EntryType::GNULongName => long_path = Some(up_to_zero(text)),
                _ => long_link = Some(up_to_zero(text)),
            }
        }
    }

    fn expect(&mut self, size: u64) {
        (self.left, self.padding) = (size, (512 - size % 512) % 512);
    }

    fn header(&mut self) -> Result<Option<Header>, UnpackError> {
        let mut header = Header::new_old();
        let bytes = header.as_mut_bytes();
        let mut got = 0;
        while got < bytes.len() {
            match self.input.read(&mut bytes[got..])? {
                // Not every tool ends its archives with the blocks that should.
                0 if got == 0 => return Ok(None),
                0 => return Err(cut_off()),
                more => got += more,
            }
        }
        if bytes.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let sum: u32 = bytes[..148].iter().chain(&bytes[156..]).map(|byte| u32::from(*byte)).sum();
        let high = bytes[..148].iter().chain(&bytes[156..]).filter(|byte| **byte > 127).count() as u32;
        let sums = [sum + 8 * 32, (sum + 8 * 32).wrapping_sub(256 * high)];
        let stored = header.cksum().map_err(|_| broken("a header"))?;
        if sums.contains(&stored) { Ok(Some(header)) } else { Err(broken("a header")) }
    }

    fn member(
        &mut self,
        header: &Header,
        size: u64,
        long_path: Option<Vec<u8>>,
        long_link: Option<Vec<u8>>,
        records: &Records,
    ) -> Result<Member, UnpackError> {
        let records = records.after(&self.globals);
        let path = ["GNU.sparse.name", "path"].iter().find_map(|key| records.get(key)).map(<[u8]>::to_vec);
        let path = path.or(long_path).unwrap_or_else(|| header.path_bytes().into_owned());
        let link = records.get("linkpath").map(<[u8]>::to_vec).or(long_link);
        let link = link.unwrap_or_else(|| header.link_name_bytes().unwrap_or_default().into_owned());
        let kind = kind_of(header.entry_type(), &path)?;
        // Other kinds have no data, whatever their header says.
        let mut stored = match kind {
            Kind::File => records.number("size")?.unwrap_or(size),
            _ => 0,
        };
        if stored > i64::MAX as u64 {
            return Err(broken("a size"));
        }
        let outer = stored;
        let sparse = match (kind, header.entry_type()) {
            (Kind::File, EntryType::GNUSparse) => Some(Sparse::of_header(header, stored, &mut self.input)?),
            (Kind::File, _) => Sparse::of_records(&records, &mut stored, &mut self.input)?,
            _ => None,
        };
        self.expect(outer);
        self.left = stored;
        let id = |key: &str, value: std::io::Result<u64>| {
            let value = records.number(key)?.map_or_else(|| value.map_err(|_| broken(key)), Ok)?;
            u32::try_from(value).ok().filter(|id| *id != u32::MAX).ok_or_else(|| broken(key))
        };
        let mtime = match records.get("mtime") {
            Some(text) => pax::time(text).ok_or_else(|| broken("a time"))?,
            // Before 1970 the number is negative, in two's complement.
            None => (header.mtime().map_err(|_| broken("a time"))?.cast_signed(), 0),
        };
        let device = |number: std::io::Result<Option<u32>>| match kind {
            Kind::Character | Kind::Block => number.ok().flatten().ok_or_else(|| broken("a device number")),
            _ => Ok(0),
        };
        Ok(Member {
            kind,
            stored,
            mode: header.mode().map_err(|_| broken("a mode"))? & 0o7777,
            uid: id("uid", header.uid())?,
            gid: id("gid", header.gid())?,
            mtime,
            device: (device(header.device_major())?, device(header.device_minor())?),
            xattrs: records.beginning("SCHILY.xattr."),
            sparse,
            foreign_acl: !records.beginning("SCHILY.acl.").is_empty(),
            path,
            link,
        })
    }
}

/// The data of the present member.
impl<R: Skip> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let got = self.input.read(&mut buffer[..most])?;
        self.left -= got as u64;
        Ok(got)
    }
}

fn kind_of(kind: EntryType, path: &[u8]) -> Result<Kind, UnpackError> {
    Ok(match kind {
        // The oldest tar had no letter for directories.
        EntryType::Regular if path.ends_with(b"/") => Kind::Directory,
        EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => Kind::File,
        EntryType::Directory => Kind::Directory,
        EntryType::Symlink => Kind::Symlink,
        EntryType::Link => Kind::HardLink,
        EntryType::Char => Kind::Character,
        EntryType::Block => Kind::Block,
        EntryType::Fifo => Kind::Fifo,
        other => {
            let letter = [other.as_byte()];
            return Err(UnpackError::member(
                path,
                format!("is of the type {}, which layers do not have", letter.escape_ascii()),
            ));
        }
    })
}

fn up_to_zero(mut text: Vec<u8>) -> Vec<u8> {
    let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
    text.truncate(end);
    text
}

#[cfg(test)]
mod tests {
    use super::super::{
        name,
        tests::make::{base, extended, file, member, symlink},
    };
    use super::*;

    /// Reads everything there is, as for a survey; how many members there were.
    fn survey(bytes: &[u8]) -> Result<usize, UnpackError> {
        let mut members = Members::new(std::io::BufReader::new(bytes));
        let mut count = 0;
        while let Some(member) = members.next()? {
            let parts = name::parts(&member.path)?;
            let _ = name::effect_of(&member.path, &parts)?;
            count += 1;
        }
        Ok(count)
    }

    #[test]
    fn spoilt_archives_are_faults_and_nothing_worse() {
        let sparse: [(&str, &[u8]); 4] = [
            ("GNU.sparse.major", b"1"),
            ("GNU.sparse.minor", b"0"),
            ("GNU.sparse.realsize", b"100"),
            ("SCHILY.xattr.user.x", b"\n=\0"),
        ];
        let mut map = b"1\n50\n4\n".to_vec();
        map.resize(512, 0);
        map.extend(b"data");
        let old = member(EntryType::GNUSparse, b"old", b"", b"data");
        let long = member(EntryType::GNULongName, b"l", b"", &[b'n'; 200]);
        let holes = member(EntryType::Regular, b"holes", b"", &map);
        let whole = [base(), extended(&sparse), holes, long, file("x", "y"), symlink("l", "x")].concat();
        assert_eq!(survey(&whole).unwrap(), 6);
        assert!(survey(&old).is_err(), "no header of GNU tar");
        // A generator of its own: the same every time.
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut random = |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % below as u64) as usize
        };
        let mut faults = 0;
        for _ in 0..30_000 {
            let mut bytes = whole.clone();
            for _ in 0..=random(3) {
                let at = random(bytes.len());
                bytes[at] = [b'0', b'7', b'\n', 0xff, 0x80, b' ', b'9', 0][random(8)];
            }
            // With good sums the rest of a header is looked at too.
            for header in (0..bytes.len()).step_by(512).filter(|at| whole[at + 257..].starts_with(b"ustar")) {
                let mut fixed = Header::from_byte_slice(&bytes[header..header + 512]).clone();
                fixed.set_cksum();
                bytes[header..header + 512].copy_from_slice(fixed.as_bytes());
            }
            bytes.truncate(bytes.len() - random(2) * random(bytes.len()));
            faults += usize::from(survey(&bytes).is_err());
        }
        assert!(faults > 1000, "{faults}");
    }
}
