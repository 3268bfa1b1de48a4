//! Layouts of OCI images in an archive: index, manifest, configuration, one layer.
//!
//! No fuzzer guesses a digest. So an input is the texts of a layout, with a line `@` between them, and digests and sizes are filled in:
//! `@index`, `@manifest`, `@config` and `@layer` stand for `"digest": ..., "size": ...` of that text, `@diff` for the digest alone.

use crate::{file::InMemory, one_line};
use disklessset_kit::source::Source;
use sha2::{Digest, Sha256};

const PARTS: [&str; 4] = ["@layer", "@config", "@manifest", "@index"];

pub(super) fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut texts: Vec<String> = text.splitn(5, "\n@\n").map(str::to_owned).collect();
    texts.resize(5, String::new());
    // Lowest first: a text can only name those below it.
    texts.reverse();
    let mut archive = member("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#);
    for at in 0..PARTS.len() {
        let digest: String = Sha256::digest(&texts[at]).iter().map(|byte| format!("{byte:02x}")).collect();
        archive.extend(member(&format!("blobs/sha256/{digest}"), texts[at].as_bytes()));
        let told = format!("\"digest\":\"sha256:{digest}\",\"size\":{}", texts[at].len());
        for text in &mut texts[at + 1..] {
            *text = text.replace(PARTS[at], &told).replace("@diff", &format!("sha256:{digest}"));
        }
    }
    archive.extend(member("index.json", texts[4].as_bytes()));
    archive.extend([0; 1024]);
    let file = InMemory::new(&archive);
    let source = Source::Oci { path: file.path().to_owned(), reference: None };
    if let Err(error) = source.check() {
        one_line(&error.to_string());
        error.causes.iter().for_each(|cause| one_line(cause));
    }
}

/// A file in an archive.
fn member(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut block = vec![0; 512];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[100..108].copy_from_slice(b"0000644\0");
    block[108..124].copy_from_slice(b"0000000\x000000000\0");
    block[124..136].copy_from_slice(format!("{:011o}\0", bytes.len()).as_bytes());
    block[136..148].copy_from_slice(b"00000000000\0");
    block[148..156].fill(b' ');
    block[156] = b'0';
    block[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block.extend(bytes);
    block.resize(block.len().next_multiple_of(512), 0);
    block
}
