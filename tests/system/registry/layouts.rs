//! Layouts on real file systems, and as other tools see them.

use super::*;
use disklessset_oci::layout::Sharing;
use disklessset_tests::loop_disk::{Disk, LoopDisk};

#[test]
fn other_tools_list_and_copy_what_our_layout_has() {
    disklessset_tests::need!(need::tool("skopeo"), need::tool("umoci"));
    let root = TestRoot::bare();
    let ours = layout(&root, "ours");
    let (digest, _) = version(&root, &ours, "web01@7", &[("vmlinuz", b"kernel")]);
    let (other, _) = version(&root, &ours, "a..b@1", &[("vmlinuz", b"other")]);
    let path = ours.path();
    let listed = root.tool("umoci", &["ls", "--layout", path.as_str()]).run().expect_done().stdout;
    assert_eq!(listed.split_whitespace().collect::<Vec<_>>(), ["web01@7", "a_x2e_x2eb@1"]);
    for (name, digest) in [("web01@7", digest), ("a_x2e_x2eb@1", other)] {
        let from = format!("oci:{path}:{name}");
        let copy = root.beside().join("copy");
        let to = format!("oci:{copy}:{name}");
        let _ = root.tool("skopeo", &["copy", &from, &to]).run().expect_done();
        let theirs = Layout::open(&copy, &root.beside().join("copy.stamps")).unwrap();
        assert_eq!(theirs.index().unwrap().find(name).unwrap().digest, digest);
    }
    // What umoci thinks is of no use is what we think is.
    let stray = ours.put_bytes(b"stray").unwrap();
    assert_eq!(ours.unnamed_blobs().unwrap().len(), 1);
    let _ = root.tool("umoci", &["gc", "--layout", path.as_str()]).run().expect_done();
    assert!(!ours.has(&stray.digest).unwrap());
    assert!(ours.verify(|_, _| true).unwrap().is_empty());
    assert_eq!(ours.index().unwrap().entries().len(), 2);
}

#[test]
fn a_blob_takes_no_space_of_its_own_where_data_can_be_shared() {
    disklessset_tests::need!(need::root(), need::tool("mkfs.xfs"), need::tool("mkfs.btrfs"));
    const SIZE: usize = 32 << 20;
    for (kind, wanted) in
        [(Disk::Xfs, Sharing::Reflink), (Disk::Btrfs, Sharing::Reflink), (Disk::Ext4, Sharing::HardLink)]
    {
        let root = TestRoot::bare();
        let disk = LoopDisk::new(&root.beside(), kind, 400).unwrap();
        let stamps = root.beside().join("stamps");
        let ours = Layout::open_or_create(&disk.path().join("oci"), &stamps).unwrap();
        let file = disk.path().join("squashfs.img");
        put(&file, &noise(SIZE));
        let before = disk.used().unwrap();
        let blob = ours.put_file(&file, None).unwrap();
        assert_eq!(blob.sharing, Some(wanted), "{kind}");
        let more = disk.used().unwrap().saturating_sub(before);
        assert!(more < 2 << 20, "{kind}: {more} bytes more");
        // Written to in place, as dracut does: only a hard link is damaged by it, and that is found out.
        std::thread::sleep(Duration::from_millis(50));
        std::fs::File::options().write(true).open(&file).unwrap().write_all(b"xxxx").unwrap();
        assert_eq!(ours.has(&blob.digest).unwrap(), wanted == Sharing::Reflink, "{kind}");
        // From elsewhere it is a copy, which mends the damage.
        let elsewhere = root.beside().join("elsewhere");
        put(&elsewhere, &noise(SIZE));
        let again = ours.put_file(&elsewhere, None).unwrap();
        let copied = (wanted == Sharing::HardLink).then_some(Sharing::Copy);
        assert_eq!((again.digest, again.sharing), (blob.digest, copied), "{kind}");
        assert!(ours.has(&blob.digest).unwrap());
    }
}

#[test]
fn a_full_disk_refuses_a_blob_and_has_its_space_back() {
    disklessset_tests::need!(need::root(), need::tool("mkfs.ext4"));
    let root = TestRoot::bare();
    let disk = LoopDisk::new(&root.beside(), Disk::Ext4, 64).unwrap();
    let ours = Layout::open_or_create(&disk.path().join("oci"), &root.beside().join("stamps")).unwrap();
    ours.put_bytes(b"small").unwrap();
    let file = root.beside().join("large");
    put(&file, &noise(100 << 20));
    let before = disk.used().unwrap();
    let error = ours.put_file(&file, None).unwrap_err();
    assert!(error.is_out_of_space(), "{error}");
    assert_eq!(disk.used().unwrap(), before);
    let digest = Digest::of(&noise(100 << 20));
    let mut partial = ours.begin(&digest, 100 << 20).unwrap();
    let error = std::iter::repeat_with(|| partial.write(&[1; 1 << 20])).find_map(Result::err).unwrap();
    assert!(error.is_out_of_space(), "{error}");
    partial.discard().unwrap();
    assert_eq!(disk.used().unwrap(), before);
}
