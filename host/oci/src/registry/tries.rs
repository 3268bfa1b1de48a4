//! Another try for what may pass: a bounded number, with pauses that a stop ends.

use super::{Registry, RegistryError};

/// The tries of one request.
pub(super) struct Tries<'r> {
    registry: &'r Registry,
    failed: u32,
}

impl Registry {
    pub(super) fn tries(&self) -> Tries<'_> {
        Tries { registry: self, failed: 0 }
    }

    /// Does something until it is done, an error says that it never will be, or it was tried often enough.
    pub(super) fn with_tries<T>(
        &self,
        mut once: impl FnMut() -> Result<T, RegistryError>,
    ) -> Result<T, RegistryError> {
        let mut tries = self.tries();
        loop {
            match once() {
                Err(error) => tries.failed(error)?,
                done => return done,
            }
        }
    }
}

impl Tries<'_> {
    /// After a try that failed: waits, or tells the error when there is no other one.
    pub(super) fn failed(&mut self, error: RegistryError) -> Result<(), RegistryError> {
        self.failed += 1;
        if !error.may_pass() || self.failed >= self.registry.options.tries {
            return Err(error);
        }
        let pause = self.registry.options.pause(self.failed, error.retry_after());
        self.registry.wire.pause(pause)
    }

    /// Something came of the last try: those before it no longer count.
    pub(super) fn reset(&mut self) {
        self.failed = 0;
    }
}
