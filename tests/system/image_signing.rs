//! Given a site that signs what nodes fetch: signatures are there and good, boot files have them checked, and what is not signed,
//! or by somebody else, is told and mended.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_tests::need;
use disklessset_tests::root::TestRoot;

use super::small::{KERNEL, Small, kernels, put};
use super::verify::{finding, flip, good, mend};

/// Where the configuration says the keys are, without the root.
const KEY: &str = "/etc/disklessset/site.key";
const CERTIFICATE: &str = "/etc/disklessset/site.crt";

fn inside(root: &TestRoot, path: &str) -> Utf8PathBuf {
    root.path().join(path.trim_start_matches('/'))
}

/// Makes a key with its certificate in the place of the site's.
#[track_caller]
fn make_key(root: &TestRoot) {
    let (key, certificate) = (inside(root, KEY), inside(root, CERTIFICATE));
    std::fs::create_dir_all(key.parent().unwrap()).unwrap();
    let made = ["-keyout", key.as_str(), "-out", certificate.as_str()];
    let of = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=site"];
    let usage = ["-addext", "extendedKeyUsage=codeSigning"];
    let _ = root.tool("openssl", &[&of[..], &usage, &made].concat()).run().expect_done();
}

fn configure(root: &TestRoot, signing: bool) {
    let text = format!("signing:\n  key: {KEY}\n  certificate: {CERTIFICATE}\n");
    let text = if signing { text } else { String::new() };
    put(&root.path().join("etc/disklessset/diskless_parameters.yml"), text.as_bytes(), 0o644);
}

/// Has a site sign from now on.
#[track_caller]
pub(super) fn sign(root: &TestRoot) {
    make_key(root);
    configure(root, true);
}

/// What iPXE does, as far as openssl can do it: the signature holds, and leads to the certificate that is trusted.
#[track_caller]
fn signed(root: &TestRoot, file: &Utf8Path, signature: &Utf8Path) {
    let certificate = inside(root, CERTIFICATE);
    let of = ["cms", "-verify", "-binary", "-inform", "DER", "-purpose", "any", "-out", "/dev/null"];
    let what = ["-in", signature.as_str(), "-content", file.as_str(), "-CAfile", certificate.as_str()];
    let _ = root.tool("openssl", &[&of[..], &what].concat()).run().expect_done();
}

fn names(directory: &Utf8Path) -> Vec<String> {
    let mut names: Vec<String> =
        directory.read_dir_utf8().unwrap().map(|entry| entry.unwrap().file_name().to_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_site_begins_to_sign_and_ends() {
    disklessset_tests::need!(need::root(), need::tool("openssl"));
    let small = Small::new();
    let root = &small.root;
    let _ = small.create("web", &[]).run().expect_done();
    let _ = small.run(&["verify", "--record"]).expect_done();
    let (image, pairs) = (root.image_dir("web"), kernels(root));
    let boot = || std::fs::read_to_string(image.join("boot.ipxe")).unwrap();
    let (unsigned, files) = (boot(), (names(&image), names(&pairs)));

    sign(root);
    // Before anything is signed nothing refers to signatures, and nobody is given a kernel that would not boot.
    let _ = finding(root, "web", &["kernel 6.1.0-small is not signed"]);
    small.refused(&["kernel", "set", "web", KERNEL], 5, "is not signed");
    let refused = small.create("other", &[]).run().expect_code(5);
    assert!(refused.stderr.contains("disklessset verify --kernel 6.1.0-small --record"), "{refused}");
    let _ = small.run(&["verify", "--record"]).expect_done();
    good(root);

    for file in
        [format!("vmlinuz-{KERNEL}"), format!("initramfs-kernel-{KERNEL}"), format!("SHA256SUMS-{KERNEL}")]
    {
        signed(root, &pairs.join(&file), &pairs.join(format!("signature-{file}")));
    }
    for file in ["boot.ipxe", "SHA256SUMS"] {
        signed(root, &image.join(file), &image.join(format!("{file}.sig")));
    }
    // By digest, as all that nodes fetch: each after the file that it is of.
    let text = boot();
    let lines: Vec<&str> = text.lines().collect();
    for (fetches, file) in
        [("kernel ", format!("vmlinuz-{KERNEL}")), ("initrd ", format!("initramfs-kernel-{KERNEL}"))]
    {
        let at = lines.iter().position(|line| line.starts_with(fetches)).unwrap();
        let check: Vec<&str> = lines[at + 1].split(' ').collect();
        let digest = check[2].rsplit('/').next().unwrap();
        assert_eq!(check[0], "imgverify", "{text}");
        let signature = std::fs::read(pairs.join(format!("signature-{file}"))).unwrap();
        assert_eq!(
            std::fs::read(root.oci_dir().join("blobs/sha256").join(digest)).unwrap(),
            signature,
            "{file}"
        );
    }
    assert_eq!(lines.len(), unsigned.lines().count() + 2);
    // Listings take no signature for a kernel.
    let listed = small.run(&["kernel", "list", "--format", "json"]).expect_done().json();
    assert_eq!(listed["kernels"].as_array().unwrap().len(), 1);

    // What is made from now on is signed.
    let _ = small.create("other", &[]).run().expect_done();
    let _ = small.run(&["clone", "web", "copy"]).expect_done();
    let _ = small.run(&["livenet", "exec", "copy", "--", "/bin/sh", "-c", ": >/etc/new"]).expect_done();
    good(root);

    configure(root, false);
    let _ = small.run(&["remove", "other", "copy", "--yes"]).expect_done();
    let _ = small.run(&["verify", "web", "--kernel", KERNEL, "--record"]).expect_done();
    // But for the version that it is.
    let is_version = |line: &&str| line.contains("disklessset.version=");
    let rest = |text: &str| {
        text.lines().skip(2).filter(|line| !is_version(line)).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(rest(&boot()), rest(&unsigned), "without signing boot files are as they were, byte for byte");
    assert_eq!(names(&image), files.0);
    // Signatures of files that stay are good still.
    good(root);
}

#[test]
fn wrong_signatures_are_told_and_made_again() {
    disklessset_tests::need!(need::root(), need::tool("openssl"));
    let small = Small::new();
    let root = &small.root;
    sign(root);
    let _ = small.run(&["verify", "--record"]).expect_done();
    let _ = small.create("web", &[]).run().expect_done();
    good(root);
    let (image, pairs) = (root.image_dir("web"), kernels(root));
    let cases = [
        (image.join("SHA256SUMS.sig"), "web", "SHA256SUMS"),
        (image.join("boot.ipxe.sig"), "web", "boot.ipxe"),
        (pairs.join(format!("signature-vmlinuz-{KERNEL}")), KERNEL, "vmlinuz"),
        (pairs.join(format!("signature-SHA256SUMS-{KERNEL}")), KERNEL, "SHA256SUMS"),
    ];
    for (signature, name, file) in cases {
        flip(&signature, 5);
        let command = finding(root, name, &["the signature of", file, "is not one of this file"]);
        mend(root, &command);
        good(root);
        std::fs::remove_file(&signature).unwrap();
        let command = finding(root, name, &[file, "is not signed"]);
        mend(root, &command);
        good(root);
    }
    // Another key: nothing that the old one signed counts any more.
    make_key(root);
    let _ = finding(root, "web", &["the signature of boot.ipxe"]);
    let command = finding(root, KERNEL, &["the signature of vmlinuz"]);
    mend(root, &command);
    let _ = small.run(&["verify", "--record"]).expect_done();
    good(root);
    // A damaged kernel is not signed by the way.
    flip(&pairs.join(format!("vmlinuz-{KERNEL}")), 1);
    std::fs::remove_file(pairs.join(format!("signature-initramfs-kernel-{KERNEL}"))).unwrap();
    let said = small.run(&["verify", "--record"]).expect_done();
    assert!(said.stderr.contains("was not signed"), "{said}");
    let _ = finding(root, KERNEL, &["vmlinuz-6.1.0-small is not as it was published"]);
    let _ = finding(root, KERNEL, &["the signature of vmlinuz"]);
}

#[test]
fn a_key_that_others_can_read_signs_nothing() {
    disklessset_tests::need!(need::root(), need::tool("openssl"));
    let small = Small::new();
    let root = &small.root;
    sign(root);
    let key = inside(root, KEY);
    let mode =
        |mode| std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    mode(0o640);
    small.refused(&["verify", "--record"], 5, "cannot be relied on");
    mode(0o600);
    std::fs::rename(&key, root.beside().join("key")).unwrap();
    small.refused(&["verify", "--record"], 1, "site.key");
    std::fs::rename(root.beside().join("key"), &key).unwrap();
    put(&key, b"no key", 0o600);
    small.refused(&["verify", "--record"], 1, "cannot sign");
    make_key(root);
    let _ = small.run(&["verify", "--record"]).expect_done();
    good(root);
}

#[test]
fn a_certificate_that_has_expired_is_told() {
    disklessset_tests::need!(need::root(), need::tool("openssl"));
    let small = Small::new();
    let root = &small.root;
    sign(root);
    let _ = small.run(&["verify", "--record"]).expect_done();
    let dir = root.beside().join("ca");
    put(&dir.join("index.txt"), b"", 0o644);
    put(&dir.join("serial"), b"01\n", 0o644);
    let config = format!(
        "[ca]\ndefault_ca=d\n[d]\ndatabase={dir}/index.txt\nnew_certs_dir={dir}\nserial={dir}/serial\ndefault_md=sha256\n\
         policy=p\n[p]\ncommonName=supplied\n"
    );
    put(&dir.join("config"), config.as_bytes(), 0o644);
    let (key, certificate) = (inside(root, KEY), inside(root, CERTIFICATE));
    let (request, settings) = (dir.join("request"), dir.join("config"));
    let ask = ["req", "-new", "-key", key.as_str(), "-subj", "/CN=site", "-out", request.as_str()];
    let _ = root.tool("openssl", &ask).run().expect_done();
    let of = ["ca", "-batch", "-selfsign", "-notext", "-config", settings.as_str(), "-keyfile", key.as_str()];
    let dates = ["-startdate", "20200101000000Z", "-enddate", "20200102000000Z"];
    let files = ["-in", request.as_str(), "-out", certificate.as_str()];
    let _ = root.tool("openssl", &[&of[..], &dates, &files].concat()).run().expect_done();
    let how = finding(root, certificate.as_str(), &["the certificate has expired"]);
    assert!(how.contains("disklessset verify --record"), "{how}");
    make_key(root);
    let _ = small.run(&["verify", "--record"]).expect_done();
    good(root);
    std::fs::remove_file(&certificate).unwrap();
    let lines = super::verify::verified(root, &[]);
    assert!(
        lines.iter().any(|line| line.name == certificate.as_str() && line.problem.is_some()),
        "{lines:?}"
    );
}

#[test]
fn a_signed_image_boots_on_no_ipxe_that_cannot_check_and_the_proof_says_so() {
    // It waits for iPXE to give up.
    disklessset_tests::need!(
        need::full(),
        need::root(),
        need::tool("openssl"),
        need::tool("qemu-system-x86_64")
    );
    let small = Small::new();
    let root = &small.root;
    sign(root);
    // A real kernel: iPXE looks at it before it checks anything.
    let modules = super::apt_tree::shared().tree().join("usr/lib/modules");
    let version = modules.read_dir_utf8().unwrap().next().unwrap().unwrap().file_name().to_owned();
    let vmlinuz = modules.join(&version).join("vmlinuz");
    let _ = small.run(&["kernel", "add", "--vmlinuz", vmlinuz.as_str()]).expect_done();
    let initramfs = kernels(root).join(format!("initramfs-kernel-{version}"));
    std::fs::copy(kernels(root).join(format!("initramfs-kernel-{KERNEL}")), initramfs).unwrap();
    let _ = small.run(&["verify", "--record"]).expect_done();
    let _ = small.create("web", &[]).run().expect_done();
    let _ = small.run(&["kernel", "set", "web", &version]).expect_done();
    let limit = std::time::Duration::from_secs(300);
    let proof = root.disklessset(&["prove", "web"]).limit(limit).run().expect_code(1);
    let _ = proof.expect_said("this machine's iPXE has no imgverify");
}
