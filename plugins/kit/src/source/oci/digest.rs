//! Digests, computed while something is read.

use super::unpack_error::UnpackError;
use oci_spec::image::{Digest, DigestAlgorithm};
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use std::{
    cell::{Cell, RefCell},
    io::Read,
};

#[derive(Clone)]
enum Hasher {
    Sha256(Sha256),
    Sha384(Sha384),
    Sha512(Sha512),
}

/// The digest and the size of what passed so far.
pub(super) struct Meter {
    hasher: RefCell<Hasher>,
    count: Cell<u64>,
}

impl Meter {
    /// A meter for the algorithm of a digest.
    pub(super) fn like(digest: &Digest) -> Result<Self, UnpackError> {
        let hasher = match digest.algorithm() {
            DigestAlgorithm::Sha256 => Hasher::Sha256(Sha256::new()),
            DigestAlgorithm::Sha384 => Hasher::Sha384(Sha384::new()),
            DigestAlgorithm::Sha512 => Hasher::Sha512(Sha512::new()),
            other => {
                return Err(UnpackError::Refused(format!("the digest algorithm {other} is not known here")));
            }
        };
        Ok(Self { hasher: RefCell::new(hasher), count: Cell::new(0) })
    }

    /// How many bytes have passed.
    pub(super) fn count(&self) -> u64 {
        self.count.get()
    }

    pub(super) fn update(&self, bytes: &[u8]) {
        match &mut *self.hasher.borrow_mut() {
            Hasher::Sha256(hasher) => hasher.update(bytes),
            Hasher::Sha384(hasher) => hasher.update(bytes),
            Hasher::Sha512(hasher) => hasher.update(bytes),
        }
        self.count.set(self.count.get() + bytes.len() as u64);
    }

    /// Fails unless what passed has this digest.
    pub(super) fn check(&self, digest: &Digest, what: &str) -> Result<(), UnpackError> {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let found = match self.hasher.borrow().clone() {
            Hasher::Sha256(hasher) => hex(&hasher.finalize()),
            Hasher::Sha384(hasher) => hex(&hasher.finalize()),
            Hasher::Sha512(hasher) => hex(&hasher.finalize()),
        };
        if found == digest.digest() {
            return Ok(());
        }
        Err(UnpackError::Damaged(format!(
            "{what} has the digest {}:{found}, not {digest}",
            digest.algorithm()
        )))
    }
}

/// What is read from `inner` passes the meter.
pub(super) struct Metered<'m, R> {
    pub(super) inner: R,
    pub(super) meter: &'m Meter,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let got = self.inner.read(buffer)?;
        self.meter.update(&buffer[..got]);
        Ok(got)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_sha2_digests_are_checked_and_others_refused() {
        for good in [
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "sha384:cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
            "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        ] {
            let digest: Digest = good.parse().unwrap();
            let meter = Meter::like(&digest).unwrap();
            let mut text = String::new();
            Metered { inner: &b"abc"[..], meter: &meter }.read_to_string(&mut text).unwrap();
            assert_eq!(meter.count(), 3);
            meter.check(&digest, "it").unwrap();
            meter.update(b"d");
            let wrong = meter.check(&digest, "it").unwrap_err();
            assert!(matches!(&wrong, UnpackError::Damaged(text) if text.contains(good)), "{wrong}");
        }
        let other: Digest = "blake3:abcdef".parse().unwrap();
        assert!(matches!(Meter::like(&other), Err(UnpackError::Refused(_))));
    }
}
