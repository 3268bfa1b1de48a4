//! What copies share with their original, and which way is taken.

use super::*;

#[test]
fn a_shared_tree_takes_no_blocks_and_is_a_tree_of_its_own() {
    need!(needs(), need::tool("filefrag"));
    let root = TestRoot::bare();
    let test = TestHost::new();
    let host = test.host("Test");
    for kind in [Disk::Xfs, Disk::Btrfs] {
        let disk = disk(&root, kind);
        let (tree, copy) = (disk.path().join("tree"), disk.path().join("copy"));
        make_root(&tree, &host).unwrap();
        for number in 0..60_u32 {
            put(&tree.join(format!("usr/{number}")), &number.to_le_bytes().repeat(250_000), 0o644);
        }
        let before = disk.used().unwrap();
        assert!(before > 60_000_000);
        copy_tree(&tree, &copy, Method::Reflink, &host).unwrap();
        let grown = disk.used().unwrap().saturating_sub(before);
        assert!(grown < 3 << 20, "{kind}: 60 MB shared took {grown} bytes");
        let extents = tool("filefrag", &["-v", copy.join("usr/7").as_str()]).unwrap();
        assert!(extents.contains("shared"), "{kind}: {extents}");

        std::fs::OpenOptions::new()
            .write(true)
            .open(copy.join("usr/7"))
            .unwrap()
            .write_all_at(b"new", 5)
            .unwrap();
        let original = std::fs::read(tree.join("usr/7")).unwrap();
        assert_eq!(original, 7_u32.to_le_bytes().repeat(250_000), "{kind}: both changed");

        // Who asks for a copy gets blocks of its own.
        let before = disk.used().unwrap();
        copy_tree(&tree, &disk.path().join("own"), Method::Copy, &host).unwrap();
        let grown = disk.used().unwrap().saturating_sub(before);
        assert!(grown > 55_000_000, "{kind}: a copy of 60 MB took only {grown} bytes");
    }
}

#[test]
fn a_snapshot_of_fifteen_thousand_files_takes_no_time() {
    need!(need::full(), needs());
    let root = TestRoot::bare();
    let (disk, test) = (disk(&root, Disk::Btrfs), TestHost::new());
    let host = test.host("Test");
    let tree = disk.path().join("tree");
    make_root(&tree, &host).unwrap();
    for number in 0..15_000 {
        put(&tree.join(format!("usr/{}/{number}", number % 300)), b"some text", 0o644);
    }
    disk.flush().unwrap();
    let times = (0..20).map(|number| {
        let begun = Instant::now();
        copy_tree(&tree, &disk.path().join(format!("node{number}")), Method::Snapshot, &host).unwrap();
        begun.elapsed().as_millis()
    });
    // Other tests run beside this one, on machines of any speed: the best of some tells what it costs, beside a copy
    // of the same files in the same run.
    let best = times.min().unwrap();
    let begun = Instant::now();
    copy_tree(&tree, &disk.path().join("copy"), Method::Copy, &host).unwrap();
    let copy = begun.elapsed().as_millis();
    assert!(best * 20 < copy, "a snapshot took {best} ms, a copy {copy} ms");
    assert!(disk.path().join("node4/usr/299/14999").exists());
}

#[test]
fn the_best_way_that_works_is_chosen_and_another_is_refused_with_the_reason() {
    need!(needs());
    let root = TestRoot::bare();
    let test = TestHost::new();
    let host = test.host("Test");
    let disks = Disk::ALL.map(|kind| disk(&root, kind));
    let place = |disk: &LoopDisk| {
        let (tree, beside) = (disk.path().join("tree"), disk.path().join("beside"));
        make_root(&tree, &host).unwrap();
        put(&tree.join("etc/passwd"), b"root:x:0:0::/root:/bin/sh\n", 0o644);
        std::fs::create_dir(&beside).unwrap();
        (tree, beside)
    };
    let [ext4, xfs, btrfs] = disks.each_ref().map(place);
    let auto = |(tree, beside): &(Utf8PathBuf, Utf8PathBuf)| {
        let choice = choose(tree, beside, Wanted::Auto, &host).unwrap();
        assert_eq!(std::fs::read_dir(beside).unwrap().count(), 0, "something was left in {beside}");
        choice
    };
    let only = |method, tree: &Utf8Path, beside: &Utf8Path| {
        let error = choose(tree, beside, Wanted::Only(method), &host).unwrap_err();
        assert_eq!(std::fs::read_dir(beside).unwrap().count(), 0, "something was left in {beside}");
        assert_eq!(error.message, format!("cannot make trees from {tree} in {beside} by {method}"));
        error.causes.join(" ")
    };

    let choice = auto(&ext4);
    assert_eq!(choice.method, Method::Copy);
    assert!(
        choice.why.contains("no snapshot: ") && choice.why.contains("is not on btrfs but on ext4"),
        "{choice:?}"
    );
    assert!(choice.why.contains("no reflink: the file system ext4 cannot share data"), "{choice:?}");
    assert!(only(Method::Snapshot, &ext4.0, &ext4.1).contains("is not on btrfs"));
    assert!(only(Method::Reflink, &ext4.0, &ext4.1).contains("cannot share data"));
    let choice = auto(&xfs);
    assert_eq!(choice.method, Method::Reflink);
    assert!(choice.why.contains("but on xfs") && !choice.why.contains("reflink"), "{choice:?}");
    assert!(only(Method::Reflink, &ext4.0, &xfs.1).contains("are different file systems"));
    assert_eq!(auto(&btrfs).method, Method::Snapshot);
    for disk in [&ext4, &xfs, &btrfs] {
        assert_eq!(choose(&disk.0, &disk.1, Wanted::Only(Method::Copy), &host).unwrap().method, Method::Copy);
    }
    assert_eq!(choose(&ext4.0, &btrfs.1, Wanted::Auto, &host).unwrap().method, Method::Copy);

    // What a snapshot would lose, and what is no subvolume.
    let (tree, beside) = &btrfs;
    tool("btrfs", &["subvolume", "create", tree.join("var").as_str()]).unwrap();
    tool("btrfs", &["subvolume", "create", tree.join("var/deep").as_str()]).unwrap();
    put(&tree.join("var/deep/file"), b"in a subvolume inside", 0o644);
    let why = only(Method::Snapshot, tree, beside);
    assert!(why.contains("would not have the subvolumes inside it: ") && why.contains("tree/var"), "{why}");
    let refused = copy_tree(tree, &disks[2].path().join("node"), Method::Snapshot, &host).unwrap_err();
    assert!(refused.causes.join(" ").contains("subvolumes inside it"), "{refused:?}");
    let choice = auto(&btrfs);
    assert!(choice.method == Method::Reflink && choice.why.contains("inside it"), "{choice:?}");
    let copy = disks[2].path().join("copy");
    copy_tree(tree, &copy, Method::Reflink, &host).unwrap();
    assert!(copy.join("var/deep/file").exists(), "a subvolume inside is part of the tree");
    let why = only(Method::Snapshot, &tree.join("etc"), beside);
    assert!(why.contains("is a directory and no btrfs subvolume"), "{why}");
}

#[test]
fn without_btrfs_progs_data_is_shared_and_the_reason_is_said() {
    need!(needs());
    let root = TestRoot::bare();
    let (disk, test) = (disk(&root, Disk::Btrfs), TestHost::new());
    let host = test.host("Test");
    let (tree, plain) = (disk.path().join("tree"), disk.path().join("plain"));
    make_root(&tree, &host).unwrap();
    put(&tree.join("etc/passwd"), b"root:x:0:0::/root:/bin/sh\n", 0o644);
    test.take_away("btrfs");
    let choice = choose(&tree, disk.path(), Wanted::Auto, &host).unwrap();
    assert_eq!(choice.method, Method::Reflink);
    assert!(
        choice.why.starts_with("no snapshot: the program btrfs of the package btrfs-progs"),
        "{choice:?}"
    );
    let refused = choose(&tree, disk.path(), Wanted::Only(Method::Snapshot), &host).unwrap_err();
    assert!(refused.causes[0].contains("btrfs-progs"), "{refused:?}");
    copy_tree(&tree, &plain, Method::Reflink, &host).unwrap();
    assert!(std::fs::metadata(&plain).unwrap().ino() != 256, "a directory became a subvolume");
    let said = test.lines().into_iter().map(|line| line.1).collect::<Vec<_>>().join("\n");
    assert!(said.contains(&format!("{plain} becomes a plain directory and no btrfs subvolume")), "{said}");
}
