//! Documents that may be longer than memory should hold: printed while they are made.

use super::{Document, Format, Inner, Output, escape};
use disklessset_plugin_api::{Error, Result};
use serde::Serialize;
use std::io::{self, Write};

/// So much is put together before it is printed.
const PIECE: usize = 64 * 1024;

impl Output {
    /// Prints one document, as [`Output::document`] does for programs, piece by piece. Nothing may be printed
    /// while it is made.
    ///
    /// # Errors
    /// When the value cannot be read to its end. What cannot be written is told at the end of the program.
    pub(crate) fn stream<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> Result<()> {
        let document = Document { key, value };
        let mut inner = self.lock();
        let format = inner.settings.format;
        let mut pieces = Pieces { inner: &mut inner, pending: Vec::new() };
        let made = match format {
            Format::Yaml => serde_yaml::to_writer(&mut pieces, &document).map_err(|cause| cause.to_string()),
            Format::Table | Format::Json => {
                serde_json::to_writer_pretty(&mut pieces, &document).map_err(|cause| cause.to_string())
            }
        };
        if format != Format::Yaml {
            pieces.pending.push(b'\n');
        }
        pieces.put(pieces.pending.len());
        made.map_err(|cause| Error::failed("cannot print all of it").because(cause))
    }
}

/// Text on its way out, in pieces of whole lines.
struct Pieces<'a> {
    inner: &'a mut Inner,
    pending: Vec<u8>,
}

impl Pieces<'_> {
    fn put(&mut self, length: usize) {
        let rest = self.pending.split_off(length.min(self.pending.len()));
        let text = String::from_utf8_lossy(&self.pending);
        match self.inner.stdout.terminal {
            // JSON escapes only some of what a terminal would act on.
            true => self.inner.put_out(&escape::lines(&text)),
            false => self.inner.put_out(&text),
        }
        self.pending = rest;
    }
}

impl Write for Pieces<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pending.extend_from_slice(bytes);
        if self.pending.len() >= PIECE
            && let Some(end) = self.pending.iter().rposition(|byte| *byte == b'\n')
        {
            self.put(end + 1);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
