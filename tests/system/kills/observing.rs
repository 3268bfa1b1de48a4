//! What is there, read from the disk and the kernel's tables, and nothing left aside; where a record says otherwise, that is a
//! failure.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_kit::node_set::NodeSet;
use disklessset_system::mount_table;
use disklessset_tests::facts;
use disklessset_tests::root::TestRoot;
use serde_json::Value;

use super::model::{Build, GUEST, Model, OTHER, Picture};
use crate::system::small::{KERNEL, kernels, unpack};

/// Files that are not the same in all images of one tree.
const OF_THE_IMAGE: [&str; 2] = ["etc/motd", "etc/os-release"];

/// What is in a tree: everything but the few files that differ.
type Content = BTreeMap<PathBuf, (&'static str, u32, u64)>;

/// Looks at a root again and again, and unpacks no image twice.
pub(super) struct Observer<'a> {
    pub(super) root: &'a TestRoot,
    /// What the builds of the demo module have for sizes.
    pub(super) builds: [u64; 2],
    /// What is in a whole image of a kind: as the first one had it, which nobody disturbed.
    whole: RefCell<BTreeMap<String, Content>>,
    unpacked: RefCell<BTreeMap<(u64, u64, i64), String>>,
}

fn content(tree: &Utf8Path) -> Content {
    let files = facts::files_below(tree).unwrap().into_iter();
    let files = files.filter(|(file, _)| !OF_THE_IMAGE.iter().any(|name| file.as_os_str() == *name));
    files.map(|(file, facts)| (file, (facts.kind, facts.mode, facts.digest))).collect()
}

fn motd(tree: &Utf8Path) -> String {
    std::fs::read_to_string(tree.join("etc/motd")).unwrap_or_default()
}

fn names(dir: &Utf8Path) -> BTreeSet<String> {
    let entries = dir.read_dir_utf8().into_iter().flatten();
    entries.map(|entry| entry.unwrap().file_name().to_owned()).collect()
}

impl<'a> Observer<'a> {
    pub(super) fn new(root: &'a TestRoot, builds: [u64; 2]) -> Self {
        Self { root, builds, whole: RefCell::default(), unpacked: RefCell::default() }
    }

    /// What is there now, when nobody is at work and all is cleaned.
    #[track_caller]
    pub(super) fn look(&self) -> Model {
        let listed = self.root.images();
        let mut images = BTreeMap::new();
        for image in &listed {
            assert_eq!(image["status"], "CREATED", "{image}");
            assert!(image["problem"].is_null(), "{image}");
            let name = image["name"].as_str().unwrap().to_owned();
            let picture = self.picture(&name, &image["attributes"]);
            self.boots(&name, picture.kernel());
            images.insert(name, picture);
        }
        let model = Model { images, guest: self.guest(), demo: self.demo() };
        self.nothing_aside(&model);
        model
    }

    fn picture(&self, name: &str, attributes: &Value) -> Picture {
        let text = |key: &str| attributes[key].as_str().map(str::to_owned);
        let kernel = text("kernel").map(|kernel| kernel.trim_start_matches("vmlinuz-").to_owned());
        match &name[..1] {
            "d" => {
                let message = text("my_message").unwrap();
                let served = std::fs::read_to_string(self.root.image_dir(name).join("message.txt")).unwrap();
                assert_eq!(served, format!("{message}\n"), "{name} serves another message than it says");
                Picture::Demo { message, kernel }
            }
            "l" => {
                let layout = text("layout").unwrap();
                let motd = self.packed(&self.root.image_dir(name).join("squashfs.img"), &layout);
                let mounted = attributes["is_mounted"] == true;
                let edited = self.edited(name, mounted);
                let size = attributes["livenet_size"].as_u64().unwrap();
                Picture::Livenet { motd, kernel: kernel.unwrap(), size, edited }
            }
            "s" => {
                let tree = self.trees("staging").join(name);
                self.assert_whole("staging", &tree);
                Picture::Staging { kernel: kernel.unwrap(), exported: self.exported(&tree) }
            }
            _ => {
                let place = self.trees("golden").join(name);
                self.assert_whole("staging", &place.join("image"));
                let entries = names(&place);
                assert!(
                    entries.iter().all(|entry| ["image", "nodes"].contains(&entry.as_str())),
                    "{entries:?}"
                );
                let there = names(&place.join("nodes"));
                for node in &there {
                    self.assert_whole("staging", &place.join("nodes").join(node));
                }
                let recorded = text("nodes").filter(|nodes| !nodes.is_empty());
                let recorded: Option<NodeSet> = recorded.map(|nodes| nodes.parse().unwrap());
                let recorded: BTreeSet<String> =
                    recorded.iter().flat_map(NodeSet::iter).map(|node| node.to_string()).collect();
                assert_eq!(recorded, there, "the nodes of {name} as recorded and as they are");
                let nodes = there.iter().map(|node| node[1..].parse().unwrap()).collect();
                let exported = self.exported(&place.join("nodes"));
                let staging = text("staging").unwrap();
                Picture::Golden { staging, kernel: kernel.unwrap(), exported, nodes }
            }
        }
    }

    /// The `etc/motd` in a packed image, which is whole.
    #[track_caller]
    fn packed(&self, image: &Utf8Path, layout: &str) -> String {
        let meta = image.metadata().unwrap();
        let identity = (meta.ino(), meta.size(), meta.mtime_nsec());
        let known = self.unpacked.borrow().get(&identity).cloned();
        known.unwrap_or_else(|| {
            let tree = unpack(self.root, image);
            self.assert_whole(layout, &tree);
            let motd = motd(&tree);
            // Of a classic image this is one directory of two.
            std::fs::remove_dir_all(tree.parent().unwrap()).unwrap();
            self.unpacked.borrow_mut().insert(identity, motd.clone());
            motd
        })
    }

    #[track_caller]
    fn assert_whole(&self, kind: &str, tree: &Utf8Path) {
        let now = content(tree);
        let mut known = self.whole.borrow_mut();
        let whole = known.entry(kind.to_owned()).or_insert_with(|| now.clone());
        let lost: Vec<_> = whole.iter().filter(|(file, facts)| now.get(*file) != Some(facts)).collect();
        let gained: Vec<_> = now.keys().filter(|file| !whole.contains_key(*file)).collect();
        assert!(lost.is_empty() && gained.is_empty(), "{tree}: lost or changed {lost:?}, gained {gained:?}");
    }

    /// What is edited: the record and the kernel's table say the same of it.
    #[track_caller]
    fn edited(&self, name: &str, recorded: bool) -> Option<String> {
        let mnt = self.workdir().join(name).join("mnt");
        let mut places = vec![mnt.clone()];
        places.extend(["proc", "sys", "dev"].map(|place| mnt.join(place)));
        for place in places {
            let mounted = mount_table::is_mounted(&place).unwrap();
            assert_eq!(mounted, recorded, "{place} is mounted: {mounted}, recorded: {recorded}");
        }
        recorded.then(|| motd(&mnt))
    }

    #[track_caller]
    fn boots(&self, image: &str, kernel: Option<&str>) {
        let boot = std::fs::read_to_string(self.root.image_dir(image).join("boot.ipxe")).unwrap();
        for version in [KERNEL, OTHER] {
            let named = boot.contains(version);
            // The boot file of a demo image names no kernel.
            let wanted = kernel == Some(version) && !image.starts_with('d');
            assert_eq!(named, wanted, "the kernel of {image} is {kernel:?}, and its boot file: {boot}");
        }
    }

    fn exported(&self, tree: &Utf8Path) -> bool {
        let path = Utf8Path::new("/").join(tree.strip_prefix(self.root.path()).unwrap());
        let file = self.root.path().join("etc/exports.d/disklessset.exports");
        let text = std::fs::read_to_string(file).unwrap_or_default();
        text.lines().any(|line| line.split_whitespace().next() == Some(path.as_str()))
    }

    fn guest(&self) -> bool {
        let vmlinuz = kernels(self.root).join(format!("vmlinuz-{GUEST}")).exists();
        let modules = self.state().join("kernel-modules").join(GUEST).exists();
        assert_eq!(vmlinuz, modules, "of kernel {GUEST} there is one half");
        vmlinuz
    }

    fn demo(&self) -> Build {
        let size = self.root.modules_dir().join("demo_module.so").metadata().map(|meta| meta.len());
        match size.ok() {
            None => Build::Gone,
            Some(size) if size == self.builds[0] => Build::First,
            Some(size) if size == self.builds[1] => Build::Second,
            Some(size) => panic!("a module of {size} bytes, and the builds have {:?}", self.builds),
        }
    }

    /// Every place where something could lie holds what belongs to an image, a kernel or a module, and nothing else.
    #[track_caller]
    fn nothing_aside(&self, model: &Model) {
        let of = |wanted: &dyn Fn(&str, &Picture) -> bool| -> BTreeSet<String> {
            let images = model.images.iter().filter(|(name, picture)| wanted(name, picture));
            images.map(|(name, _)| name.clone()).collect()
        };
        let trees = of(&|_, picture| matches!(picture, Picture::Staging { .. } | Picture::Golden { .. }));
        let mounted = of(&|_, picture| matches!(picture, Picture::Livenet { edited: Some(_), .. }));
        let images = self.root.image_dir("x").parent().unwrap().to_owned();
        assert_eq!(names(&images), of(&|_, _| true), "beside the images");
        assert_eq!(
            names(&self.trees("staging")),
            of(&|name, _| name.starts_with('s')),
            "among staging trees"
        );
        assert_eq!(names(&self.trees("golden")), of(&|name, _| name.starts_with('g')), "among golden trees");
        let mut areas = names(&self.workdir());
        // Where trees of packages are kept is a standing directory.
        areas.remove(".bases");
        assert_eq!(areas, mounted, "in the work area");
        let held = trees.union(&mounted).map(|name| format!("{name}.jsonl")).collect();
        assert_eq!(names(&self.state().join("journal")), held, "among the journals");
        // Before the first creation there is none.
        let register = std::fs::read_to_string(self.root.installations_file());
        assert_eq!(register.unwrap_or("{}\n".to_owned()), "{}\n", "in the register");
        let locks = names(&self.root.path().join("run/disklessset"));
        assert!(!locks.iter().any(|name| name.starts_with("image-")), "{locks:?}");

        let mut kernel_files: BTreeSet<String> = [KERNEL, OTHER]
            .into_iter()
            .flat_map(|version| [format!("vmlinuz-{version}"), format!("initramfs-kernel-{version}")])
            .collect();
        let of_guest = || [format!("vmlinuz-{GUEST}"), format!("SHA256SUMS-{GUEST}")];
        kernel_files.extend(model.guest.then(of_guest).into_iter().flatten());
        assert_eq!(names(&kernels(self.root)), kernel_files, "among the kernels");
        let guest: BTreeSet<String> = model.guest.then(|| GUEST.to_owned()).into_iter().collect();
        assert_eq!(names(&self.state().join("kernel-modules")), guest, "among the modules of kernels");
        let modules = names(&self.root.modules_dir());
        assert!(modules.iter().all(|name| name.ends_with("_module.so")), "{modules:?}");
        let exports = names(&self.root.path().join("etc/exports.d"));
        assert!(exports.iter().all(|name| name == "disklessset.exports"), "{exports:?}");
        self.nothing_held(&mounted);
    }

    #[track_caller]
    fn nothing_held(&self, mounted: &BTreeSet<String>) {
        let strange: Vec<_> = mount_table::mounts_below(&self.root.path())
            .unwrap()
            .into_iter()
            .filter(|mount| {
                let place = mount.target.strip_prefix(self.workdir());
                !place.is_ok_and(|place| mounted.contains(place.iter().next().unwrap_or_default()))
            })
            .collect();
        assert!(strange.is_empty(), "mounted still: {strange:?}");
        let loops = facts::loop_devices().unwrap();
        let ours = loops.values().filter(|file| file.starts_with(self.root.path().as_str())).count();
        // The packed tree, and the one inside a classic image.
        assert!(ours >= mounted.len() && ours <= 2 * mounted.len(), "{ours} loop devices: {loops:?}");
    }

    fn trees(&self, kind: &str) -> Utf8PathBuf {
        self.root.path().join("diskless/images/nfsimages").join(kind)
    }

    fn workdir(&self) -> Utf8PathBuf {
        self.root.path().join("var/tmp/diskless/workdir")
    }

    fn state(&self) -> Utf8PathBuf {
        self.root.path().join("var/lib/diskless")
    }
}
