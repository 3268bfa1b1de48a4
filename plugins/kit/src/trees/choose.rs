//! The best way that works from here to there, found by trying.

use super::{Method, Wanted, file_system_of, snapshot};
use camino::Utf8Path;
use disklessset_plugin_api::{Error, Host, Result};
use disklessset_system::beneath;
use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{AtFlags, Dir, FileType, Mode, OFlags},
    io::Errno,
};

/// Files of the tree that sharing is tried with, should some be of a kind that cannot be shared.
const FILES_TRIED: usize = 3;
/// Entries that are looked at to find them.
const ENTRIES_SEEN: usize = 10_000;
/// Levels that are looked into.
const LEVELS: usize = 20;

/// What [`choose`] chose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The way.
    pub method: Method,
    /// Why no better way was taken, or why this is the best, in words for the user.
    pub why: String,
}

/// Chooses how trees are made from the tree `source` in the directory `beside`, in the order snapshot, reflink, copy: by doing it,
/// in miniature. `beside` is a private directory where the trees will be; nothing stays in it.
///
/// # Errors
/// With [`Wanted::Only`] when that way is not possible, naming what is missing; when one of the two cannot be read or written.
pub fn choose(source: &Utf8Path, beside: &Utf8Path, wanted: Wanted, host: &Host<'_>) -> Result<Choice> {
    let mut whys = Vec::new();
    for method in Method::ALL {
        if matches!(wanted, Wanted::Only(only) if only != method) {
            continue;
        }
        let obstacle = match method {
            Method::Snapshot => match snapshot::obstacle(source, beside, host)? {
                None => snapshot::attempt(source, &beside.join(".try-snapshot"), host)?,
                obstacle => obstacle,
            },
            Method::Reflink => share_a_file(source, beside)?,
            Method::Copy => None,
        };
        match obstacle {
            Some(why) => whys.push(format!("no {method}: {why}")),
            None => return Ok(Choice { method, why: reason(method, wanted, whys) }),
        }
    }
    let why = whys.join("; ");
    Err(Error::refused(format!("cannot make trees from {source} in {beside} by {wanted}"))
        .because(why)
        .hint("auto takes the best way that works, copy works everywhere"))
}

fn reason(method: Method, wanted: Wanted, whys: Vec<String>) -> String {
    match (wanted, method) {
        (Wanted::Only(_), _) => "as asked for".to_owned(),
        (Wanted::Auto, Method::Snapshot) => "the tree is a btrfs subvolume".to_owned(),
        (Wanted::Auto, _) => whys.join("; "),
    }
}

/// Shares a file of the tree with one in `beside`; says why when it could not.
fn share_a_file(source: &Utf8Path, beside: &Utf8Path) -> Result<Option<String>> {
    let fault = |path: &Utf8Path| {
        let message = format!("cannot try whether {path} can share data");
        move |cause: Errno| Error::failed(message.clone()).because(cause)
    };
    let files = some_files(source).map_err(fault(source))?;
    if files.is_empty() {
        return Ok(Some("no file of the tree has data to share".to_owned()));
    }
    let beside_fd = open_directory(beside).map_err(fault(beside))?;
    let name = ".try-reflink";
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let mut last = Errno::OPNOTSUPP;
    for file in files {
        let attempt =
            rustix::fs::openat(&beside_fd, name, flags, Mode::from_raw_mode(0o600)).map_err(fault(beside))?;
        let shared = rustix::fs::ioctl_ficlone(&attempt, &file);
        rustix::fs::unlinkat(&beside_fd, name, AtFlags::empty()).map_err(fault(beside))?;
        match shared {
            Ok(()) => return Ok(None),
            Err(cause) => last = cause,
        }
    }
    let kinds = (file_system_of(source), file_system_of(beside));
    Ok(Some(match last {
        Errno::XDEV => {
            format!("{source} ({}) and {beside} ({}) are different file systems", kinds.0, kinds.1)
        }
        Errno::OPNOTSUPP | Errno::NOTTY | Errno::NOSYS => {
            format!("the file system {} cannot share data between files", kinds.1)
        }
        other => format!("sharing data on the file system {} failed: {other}", kinds.1),
    }))
}

fn open_directory(path: &Utf8Path) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(path.as_std_path(), flags, Mode::empty())
}

/// Opens some files with content. Depth first, nothing followed, no mount crossed, with an end.
fn some_files(tree: &Utf8Path) -> rustix::io::Result<Vec<OwnedFd>> {
    let mut files = Vec::new();
    let mut seen = 0;
    let mut levels = vec![Dir::read_from(open_directory(tree)?)?];
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    loop {
        let depth = levels.len();
        let Some(level) = levels.last_mut() else { break };
        let Some(entry) = level.read() else {
            levels.pop();
            continue;
        };
        let entry = entry?;
        seen += 1;
        if seen > ENTRIES_SEEN || files.len() == FILES_TRIED {
            break;
        }
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        let open = |flags| beneath::child(level.fd()?, name, flags);
        match entry.file_type() {
            FileType::Directory if depth < LEVELS => {
                // A mount is none of ours, and what just went does not matter.
                if let Ok(directory) = open(flags | OFlags::DIRECTORY) {
                    levels.push(Dir::read_from(directory.as_fd())?);
                }
            }
            FileType::RegularFile => {
                if let Ok(file) = open(flags)
                    && rustix::fs::fstat(&file)?.st_size > 0
                {
                    files.push(file);
                }
            }
            _ => {}
        }
    }
    Ok(files)
}
