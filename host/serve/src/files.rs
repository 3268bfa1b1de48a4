//! Gives the tree's checked files to tower-http's file service.

use std::fs::Metadata;
use std::future::{Ready, ready};
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};

use camino::Utf8PathBuf;
use tokio::io::{AsyncRead, AsyncSeek, ReadBuf};
use tower_http::services::fs::{Backend, File};

use super::tree::{OpenError, ServedTree};

impl ServedTree {
    /// Opens by the service's path; the typed error travels inside the `io::Error`.
    fn open_for_service(&self, path: PathBuf) -> io::Result<(std::fs::File, Metadata)> {
        let path = Utf8PathBuf::from_path_buf(path).map_err(|_| io::Error::from(io::ErrorKind::NotFound))?;
        // The service puts `./` before paths: nobody asked for that.
        let path = path.strip_prefix(".").unwrap_or(&path);
        self.open(path).map_err(|error: OpenError| io::Error::new(error.kind(), error))
    }
}

impl Backend for ServedTree {
    type File = CheckedFile;
    type Metadata = Metadata;
    type OpenFuture = Ready<io::Result<CheckedFile>>;
    type MetadataFuture = Ready<io::Result<Metadata>>;

    fn open(&self, path: PathBuf) -> Self::OpenFuture {
        ready(
            self.open_for_service(path)
                .map(|(file, metadata)| CheckedFile { file: tokio::fs::File::from_std(file), metadata }),
        )
    }

    fn metadata(&self, path: PathBuf) -> Self::MetadataFuture {
        ready(self.open_for_service(path).map(|(_, metadata)| metadata))
    }
}

/// A file that passed the tree's checks, with what was seen then.
#[derive(Debug)]
pub struct CheckedFile {
    file: tokio::fs::File,
    metadata: Metadata,
}

impl File for CheckedFile {
    type Metadata = Metadata;
    type MetadataFuture<'a> = Ready<io::Result<Metadata>>;

    fn metadata(&self) -> Self::MetadataFuture<'_> {
        ready(Ok(self.metadata.clone()))
    }
}

impl AsyncRead for CheckedFile {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.file).poll_read(cx, buf)
    }
}

impl AsyncSeek for CheckedFile {
    fn start_seek(mut self: Pin<&mut Self>, position: io::SeekFrom) -> io::Result<()> {
        Pin::new(&mut self.file).start_seek(position)
    }

    fn poll_complete(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        Pin::new(&mut self.file).poll_complete(cx)
    }
}
