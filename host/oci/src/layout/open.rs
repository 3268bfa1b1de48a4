//! Opens and makes layouts, and opens the files in them.

use super::{
    Index, Layout, LayoutError,
    descriptor::{Descriptor, Whole},
    hashing::Stop,
};
use crate::names::one_line;
use camino::Utf8Path;
use disklessset_system::{
    FileError,
    beneath::{self, Links, Mounts},
    durable,
};
use oci_spec::image::OciLayout;
use rustix::{
    fs::{Mode, OFlags},
    io::Errno,
};
use std::{
    fs::File,
    io::{self, Read},
};

/// What may be in a directory that is about to become a layout: what an end in the midst of it leaves.
const OF_HALF_MADE: [&str; 3] = ["blobs", ".incoming", "index.json"];

impl Layout {
    /// Opens the layout at `path`. `stamps` is a directory, made when missing, for records of how blobs looked when they were hashed: only
    /// the caller may be able to write there.
    ///
    /// # Errors
    /// A directory that is no layout, one with links instead of directories, and what the system refuses.
    pub fn open(path: &Utf8Path, stamps: &Utf8Path) -> Result<Self, LayoutError> {
        let layout = Self::look_at(path, stamps)?;
        durable::create_dir_all(stamps, 0o700)?;
        Ok(layout)
    }

    /// The index of the layout at `path`, for who may read it and write nothing.
    ///
    /// # Errors
    /// As [`Self::open`] and [`Self::index`].
    pub fn index_of(path: &Utf8Path) -> Result<Index, LayoutError> {
        Self::look_at(path, Utf8Path::new(""))?.index()
    }

    fn look_at(path: &Utf8Path, stamps: &Utf8Path) -> Result<Self, LayoutError> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        let directory = rustix::fs::open(path.as_std_path(), flags, Mode::empty())
            .map_err(FileError::of("open directory", path))?;
        let layout =
            Self { path: path.to_owned(), directory, stamps: stamps.to_owned(), stop: Stop::default() };
        let no_layout = |why: String| LayoutError::NotALayout { path: path.to_owned(), why };
        let text = match layout.read_file("oci-layout", 4096) {
            Err(error) if error.is_not_found() => {
                return Err(no_layout("it has no file oci-layout".to_owned()));
            }
            text => text?,
        };
        let version: OciLayout = serde_json::from_slice(&text)
            .map_err(|cause| no_layout(format!("its oci-layout cannot be read: {}", one_line(&cause))))?;
        if version.image_layout_version().split('.').next() != Some("1") {
            return Err(no_layout("its version is not 1.0.0".to_owned()));
        }
        for name in ["blobs", "blobs/sha256"] {
            layout
                .open_inside(name, OFlags::DIRECTORY)
                .map_err(|error| no_layout(format!("{name} is no directory in it: {}", error.source)))?;
        }
        Ok(layout)
    }

    /// The same, and makes the layout when there is none: in a new directory, or in an empty one.
    ///
    /// # Errors
    /// As [`Self::open`]; a directory with something else in it.
    pub fn open_or_create(path: &Utf8Path, stamps: &Utf8Path) -> Result<Self, LayoutError> {
        if path.join("oci-layout").symlink_metadata().is_ok() {
            return Self::open(path, stamps);
        }
        durable::create_dir_all(path, 0o755)?;
        for entry in path.read_dir_utf8().map_err(FileError::of("read directory", path))? {
            let entry = entry.map_err(FileError::of("read directory", path))?;
            let name = entry.file_name();
            // Files aside of the two that are written here.
            let incoming = name.starts_with(".index.json.") || name.starts_with(".oci-layout.");
            if !OF_HALF_MADE.contains(&name) && !incoming {
                let why = "it has other files and no oci-layout".to_owned();
                return Err(LayoutError::NotALayout { path: path.to_owned(), why });
            }
        }
        durable::create_dir_all(&path.join("blobs/sha256"), 0o755)?;
        durable::create_dir_all(&path.join(".incoming"), 0o700)?;
        let index = path.join("index.json");
        if index.symlink_metadata().is_err() {
            durable::replace(&index, &super::index::written(&Whole::<Descriptor>::empty(), &index)?, 0o644)?;
        }
        // The last one: from here on it is a layout.
        durable::replace(&path.join("oci-layout"), b"{\"imageLayoutVersion\":\"1.0.0\"}", 0o644)?;
        Self::open(path, stamps)
    }

    /// Opens something in the layout, through no link. A FIFO does not make it wait.
    pub(super) fn open_inside(&self, name: &str, flags: OFlags) -> Result<File, FileError> {
        let flags = flags | OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        let path = Utf8Path::new(name).as_std_path();
        beneath::inside(&self.directory, path, flags, Links::Refused, Mounts::Entered)
            .map(File::from)
            .map_err(FileError::of("open", &self.path.join(name)))
    }

    /// Opens a regular file in the layout; its length.
    pub(super) fn open_regular(&self, name: &str) -> Result<(File, u64), FileError> {
        let file = self.open_inside(name, OFlags::empty())?;
        let path = self.path.join(name);
        let found = file.metadata().map_err(FileError::of("inspect", &path))?;
        if found.is_file() {
            return Ok((file, found.len()));
        }
        let source = io::Error::new(io::ErrorKind::InvalidInput, "not a regular file");
        Err(FileError { act: "read", path, source })
    }

    /// Reads a regular file of at most so many bytes.
    pub(super) fn read_file(&self, name: &str, most: u64) -> Result<Vec<u8>, FileError> {
        let path = self.path.join(name);
        let (file, length) = self.open_regular(name)?;
        let mut bytes = Vec::new();
        if length <= most {
            file.take(most + 1).read_to_end(&mut bytes).map_err(FileError::of("read", &path))?;
        }
        if length > most || bytes.len() as u64 > most {
            return Err(FileError::of("read", &path)(Errno::FBIG));
        }
        Ok(bytes)
    }
}
