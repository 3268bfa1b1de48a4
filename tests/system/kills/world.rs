//! The world of a root as a user would compare it: what is in packed images instead of their bytes, which no two packings have
//! in common, and what is mounted.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_system::mount_table;
use disklessset_tests::facts::{self, FileFacts};
use disklessset_tests::root::TestRoot;
use disklessset_tests::versions;

use crate::system::small::unpack;

/// One look at a root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct World {
    files: BTreeMap<PathBuf, FileFacts>,
    /// The kind of what is mounted, by place and in the order of mounting.
    mounts: Vec<(Utf8PathBuf, String)>,
    /// The names of the files behind loop devices, sorted. Their directories may be of a state that is no longer served.
    loops: Vec<String>,
    /// The versions there are, image and number. Their blobs are among the files by what they are.
    pub(super) versions: Vec<(String, u64)>,
}

/// Looks at a root again and again, and unpacks no image twice.
pub(super) struct Eye<'a> {
    root: &'a TestRoot,
    unpacked: RefCell<BTreeMap<(u64, u64), u64>>,
}

impl<'a> Eye<'a> {
    pub(super) fn on(root: &'a TestRoot) -> Self {
        Self { root, unpacked: RefCell::default() }
    }

    /// The world now. Locks and logs are files that come and go; a file's number of links is that of its states.
    #[track_caller]
    pub(super) fn look(&self) -> World {
        let path = self.root.path();
        let mut files = facts::files_below(&path).unwrap();
        files.retain(|file, _| {
            let comes_and_goes = ["run", "var/log"].iter().any(|name| file.starts_with(name));
            // The kernel's own files of a writable view are named by inode.
            let of_the_kernel = file.parent().is_some_and(|dir| dir.ends_with("overlay/work"));
            !comes_and_goes && !of_the_kernel
        });
        let modules = facts::files_below(&self.root.modules_dir()).unwrap();
        files.extend(modules.into_iter().map(|(file, facts)| (Path::new("modules.d").join(file), facts)));
        let oci = self.root.oci_dir();
        let labels = versions::labels(&oci);
        for (file, facts) in &mut files {
            facts.changed = (0, 0);
            facts.links = 1;
            let labelled = versions::labelled(file, &labels);
            let name = labelled.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let in_layout = file.parent().is_some_and(|dir| dir.ends_with("blobs/sha256"));
            let name = if in_layout { name.split(" of ").next().unwrap_or_default() } else { name };
            let packed = Packed::of(name, facts.size);
            if let Some(packed) = packed {
                let bytes = (facts.digest, facts.size);
                facts.digest = self.inside(packed, bytes, &path.join(file.to_str().unwrap()));
                facts.size = 0;
            }
        }
        let mounted = mount_table::mounts_below(&path).unwrap();
        let mut loops: Vec<String> = facts::loop_devices().unwrap().into_values().collect();
        loops.retain(|file| file.starts_with(path.as_str()));
        for file in &mut loops {
            let name = Utf8Path::new(file.trim_end_matches(" (deleted)")).file_name();
            *file = name.unwrap_or_default().to_owned();
        }
        loops.sort();
        // What manifests lead to is a cache that the first pruning makes.
        files.retain(|file, _| !file.ends_with("diskless/blobs/references"));
        // A cache, which tells of inodes and times.
        for (_, facts) in files.iter_mut().filter(|(file, _)| is_stamp(file)) {
            (facts.size, facts.digest) = (0, 0);
        }
        let digests = |file: &Path| file.file_name().is_some_and(|name| name == "SHA256SUMS");
        let lists: Vec<(PathBuf, FileFacts)> = files
            .iter()
            .filter(|(file, _)| digests(file))
            .map(|(file, facts)| (file.clone(), facts.clone()))
            .collect();
        let mut files = versions::canonical(files, &labels);
        files.extend(lists);
        let versions = versions::named(&oci);
        World {
            files,
            versions,
            mounts: mounted.into_iter().map(|one| (one.target, one.kind)).collect(),
            loops,
        }
    }

    /// A digest of what is in a packed file.
    #[track_caller]
    fn inside(&self, packed: Packed, bytes: (u64, u64), file: &Utf8Path) -> u64 {
        if matches!(packed, Packed::Digests) {
            return self.of_good_files(file);
        }
        let known = self.unpacked.borrow().get(&bytes).copied();
        known.unwrap_or_else(|| {
            let digest = match packed {
                Packed::RootImage => {
                    let tree = unpack(self.root, file);
                    let digest = digest_of(&tree);
                    std::fs::remove_dir_all(tree.parent().unwrap()).unwrap();
                    digest
                }
                Packed::Initramfs => {
                    let listed = self.root.tool("lsinitrd", &["--mod", file.as_str()]).run().expect_done();
                    let mut hasher = DefaultHasher::new();
                    listed.stdout.hash(&mut hasher);
                    hasher.finish()
                }
                Packed::Digests => unreachable!("looked at again each time"),
            };
            self.unpacked.borrow_mut().insert(bytes, digest);
            digest
        })
    }

    /// Which files a list of digests is of; they must be as it says.
    #[track_caller]
    fn of_good_files(&self, list: &Utf8Path) -> u64 {
        let directory = list.parent().unwrap();
        let _ = self
            .root
            .tool("sha256sum", &["--check", "--quiet", list.as_str()])
            .dir(directory)
            .run()
            .expect_done();
        let text = std::fs::read_to_string(list).unwrap();
        let mut hasher = DefaultHasher::new();
        text.lines().filter_map(|line| line.split_once("  ")).for_each(|(_, name)| name.hash(&mut hasher));
        hasher.finish()
    }
}

fn is_stamp(file: &Path) -> bool {
    file.parent().is_some_and(|dir| dir.ends_with("diskless/blobs"))
}

/// A file that is another each time it is packed.
#[derive(Clone, Copy)]
enum Packed {
    /// Digests of others in the same directory.
    Digests,
    RootImage,
    Initramfs,
}

impl Packed {
    /// Told by the name; a few bytes are the stand-in of a test.
    fn of(name: &str, size: u64) -> Option<Self> {
        match name {
            "squashfs.img" => Some(Self::RootImage),
            _ if name.starts_with("SHA256SUMS") => Some(Self::Digests),
            _ if name.starts_with("initramfs-") && size > 1_000_000 => Some(Self::Initramfs),
            _ => None,
        }
    }
}

/// What is in a tree, times left out, as a number.
pub(super) fn digest_of(tree: &Utf8Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    for (file, facts) in facts::files_below(tree).unwrap() {
        (file, facts.kind, facts.mode, facts.owner, facts.size, facts.digest).hash(&mut hasher);
    }
    hasher.finish()
}

impl World {
    /// What is mounted below the root, and where.
    pub(super) fn mounted_at(&self, place: &Utf8Path) -> bool {
        self.mounts.iter().any(|(target, _)| target == place)
    }

    /// Lists what differs, one line each, empty when nothing does.
    pub(super) fn differences(&self, now: &Self) -> String {
        let mut text = String::new();
        for (file, facts) in &self.files {
            match now.files.get(file) {
                None => _ = writeln!(text, "  - {} {}", facts.kind, file.display()),
                Some(other) if other != facts => {
                    _ = writeln!(text, "  ~ {}: {facts:?} is now {other:?}", file.display());
                }
                Some(_) => {}
            }
        }
        for (file, facts) in now.files.iter().filter(|(file, _)| !self.files.contains_key(*file)) {
            let _ = writeln!(text, "  + {} {}", facts.kind, file.display());
        }
        if self.mounts != now.mounts {
            let _ = writeln!(text, "  mounts {:?} are now {:?}", self.mounts, now.mounts);
        }
        if self.loops != now.loops {
            let _ = writeln!(text, "  loop devices on {:?} are now on {:?}", self.loops, now.loops);
        }
        text
    }
}
