//! Given a tool that is missing, that fails, that does nothing, or that stops half-way and says it did well: the action fails, nothing
//! is CREATED by it, what nodes are served stays.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::cell::RefCell;
use std::collections::BTreeSet;

use camino::Utf8PathBuf;
use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;
use disklessset_tests::run::{Outcome, Program};

use super::tools::{Fault, with_faulty};
use crate::system::small::{Small, put};

/// An action that runs a tool.
pub(super) struct Use {
    pub(super) tool: &'static str,
    does: fn(&World) -> Program,
    /// What the tool does instead of all its work; nothing where a part of it cannot be told from the whole.
    pub(super) half: &'static str,
}

/// A root with an image of each layout, and one that is being edited.
pub(super) struct World {
    pub(super) small: Small,
}

impl World {
    #[track_caller]
    pub(super) fn new() -> Self {
        let small = Small::new();
        for layout in ["flat", "classic"] {
            let _ = small.create(layout, &["--layout", layout]).run().expect_done();
        }
        let mnt = small.mounted("edited", &[]);
        put(&mnt.join("etc/motd"), b"edited", 0o644);
        let world = Self { small };
        let (file, modules) = world.kernel("6.1.0-old");
        let add = ["kernel", "add", "--vmlinuz", file.as_str(), "--modules", modules.as_str()];
        let _ = world.run(&add).run().expect_done();
        world
    }

    pub(super) fn run(&self, args: &[&str]) -> Program {
        self.small.root.disklessset(args)
    }

    /// A creation from an archive of the small tree.
    fn create_from_archive(&self, compression: &str) -> Program {
        let archive = self.small.root.beside().join(format!("tree.{compression}"));
        let pack =
            [&format!("--{compression}"), "-cf", archive.as_str(), "-C", self.small.tree.as_str(), "."];
        let _ = self.small.root.tool("tar", &pack).run().expect_done();
        self.small.create_from("new", &format!("tar:{archive}"), &[])
    }

    /// The file of a kernel with its modules.
    fn kernel(&self, version: &str) -> (Utf8PathBuf, Utf8PathBuf) {
        let file = self.small.root.beside().join(format!("vmlinuz-{version}"));
        put(&file, version.as_bytes(), 0o644);
        let modules = self.small.root.beside().join("modules").join(version);
        for name in ["modules.dep", "kernel/a.ko", "kernel/b.ko"] {
            put(&modules.join(name), b"module", 0o644);
        }
        (file, modules)
    }
}

/// Every tool that an action of the program runs on the server, and where it matters what comes of it.
pub(super) const USES: &[Use] = &[
    Use { tool: "mksquashfs", does: |world| world.small.create("new", &[]), half: CUT_OUTPUT },
    Use { tool: "mksquashfs", does: |world| world.run(&["livenet", "unmount", "edited"]), half: CUT_OUTPUT },
    Use {
        tool: "mksquashfs",
        does: |world| world.run(&["livenet", "resize", "classic", "500M"]),
        half: CUT_OUTPUT,
    },
    Use {
        tool: "mkfs.ext4",
        does: |world| world.small.create("new", &["--layout", "classic"]),
        half: "\"$real\" \"$@\"; for last; do :; done; truncate -s 8M \"$last\"",
    },
    Use {
        tool: "unsquashfs",
        does: |world| world.run(&["livenet", "resize", "classic", "500M"]),
        half: "\"$real\" \"$@\" | head -n 1",
    },
    Use { tool: "cp", does: |world| world.run(&["clone", "flat", "new"]), half: CUT_LAST },
    Use {
        tool: "cp",
        does: |world| {
            let (file, modules) = world.kernel("6.1.0-new");
            world.run(&["kernel", "add", "--vmlinuz", file.as_str(), "--modules", modules.as_str()])
        },
        half: "\"$real\" \"$@\"; for last; do :; done; rm -f \"$last\"/kernel/b.ko",
    },
    Use {
        tool: "dracut",
        does: |world| world.run(&["kernel", "initramfs", "6.1.0-old"]),
        // It lists its parts and then makes something large that is no archive.
        half: "case \"$*\" in *--list-modules*) printf 'livenet\\ndmsquash-live\\noverlayfs\\n';; \
               *) for last; do :; done; head -c 2000000 /dev/zero >\"$last\";; esac",
    },
    Use { tool: "tar", does: |world| world.create_from_archive("gzip"), half: "" },
    Use {
        tool: "gzip",
        does: |world| world.create_from_archive("gzip"),
        half: "\"$real\" \"$@\" | head -c 500000",
    },
    Use {
        tool: "zstd",
        does: |world| world.create_from_archive("zstd"),
        half: "\"$real\" \"$@\" | head -c 500000",
    },
    Use {
        tool: "xz",
        does: |world| world.create_from_archive("xz"),
        half: "\"$real\" \"$@\" | head -c 500000",
    },
    Use {
        tool: "bzip2",
        does: |world| world.create_from_archive("bzip2"),
        half: "\"$real\" \"$@\" | head -c 500000",
    },
    Use {
        tool: "apt-config",
        does: |world| world.small.create_from("new", "apt", &["--type", "core"]),
        half: "\"$real\" \"$@\" | head -c 20",
    },
    Use {
        tool: "mmdebstrap",
        does: |world| world.small.create_from("new", "apt", &["--type", "core"]),
        half: EMPTY_SYSTEM,
    },
    Use {
        tool: "dnf",
        does: |world| {
            let more = ["--release", "9", "--unsigned", "--repo", "file:///no/such/repository"];
            world.small.create_from("new", "dnf", &more)
        },
        half: EMPTY_SYSTEM,
    },
];

/// For tools whose second argument is the file they make.
const CUT_OUTPUT: &str = "\"$real\" \"$@\"; truncate -s $(($(stat -c %s \"$2\") / 2)) \"$2\"";
/// For tools whose last argument is the file they make.
const CUT_LAST: &str = "\"$real\" \"$@\"; for last; do :; done; truncate -s 4096 \"$last\"";
/// For tools that fill a directory: accounts are there, and nothing else is.
const EMPTY_SYSTEM: &str = "for word; do dir=${word#--installroot=}; if test -d \"$dir\"; then mkdir -p \"$dir/etc\"; \
     echo root:x:0:0::/root:/bin/sh >\"$dir/etc/passwd\"; tree=$dir; fi; done; dir=$tree";

/// Has one action meet one fault: it fails, says why, and everything is as it was.
#[track_caller]
pub(super) fn meet(world: &World, used: &Use, fault: Fault<'_>) {
    meets(world, used, fault, &[1, 2, 3, 5], Program::run);
}

/// The same, where the program is run in a way of its own and ends with one of these codes.
#[track_caller]
pub(super) fn meets(
    world: &World,
    used: &Use,
    fault: Fault<'_>,
    codes: &[i32],
    run: impl FnOnce(Program) -> Outcome,
) {
    let Use { tool, does, .. } = used;
    let command = does(world);
    let before = Snapshot::of(&world.small.root);
    let outcome = run(with_faulty(&world.small.root, tool, fault, command));
    let _ = outcome.expect_refusal(codes);
    let differences = before.differences(&Snapshot::of(&world.small.root));
    // The journal of an image that stays mounted goes on; what it tells of is compared.
    let left: Vec<_> = differences.lines().filter(|line| !line.contains("journal/edited.jsonl")).collect();
    assert!(left.is_empty(), "{tool}, {fault:?} left\n{}", left.join("\n"));
}

/// Tools that are not in that table, and why.
const ELSEWHERE: &[(&str, &str)] = &[
    (
        "btrfs",
        "case_10_a_btrfs_that_does_nothing; missing: trees::without_btrfs_progs_data_is_shared_and_the_reason_is_said",
    ),
    ("ssh-keygen", "case_10_a_signature_is_only_good_when_the_tool_says_whose_it_is"),
    ("openssl", "case_10_a_signer_that_does_nothing_or_half"),
    ("depmod", "of a tree: case_10_tools_of_a_tree"),
    (
        "systemctl",
        "of a tree: case_10_tools_of_a_tree; of the server: what it is told stands in files, a failure is a warning",
    ),
    ("rpm", "of a tree: dnf_faults::a_tree_whose_rpm_does_not_see_its_packages_is_told"),
    (
        "apt-get",
        "asks whether repositories changed; without an answer the tree is made anew: system::bases::",
    ),
    ("setfiles", "of a tree: ends the creation when it fails; what it labelled it alone knows"),
    ("mount", "plays back the journal of a file system that 1.x was writing to: system::of_1x::"),
    ("exportfs", "what it is told stands in a file, a failure is a warning"),
    ("qemu-system-x86_64", "case_10_a_machine_that_does_nothing"),
    (
        "dnsmasq",
        "in the crate that proves: dhcp::a_server_that_does_not_start_says_why; missing: boot::uefi::what_uefi_lacks_is_named_with_its_package_before_anything_starts",
    ),
    ("ganesha.nfsd", "boot::nfs::a_server_that_dies_twice_ends_the_proof_with_its_signal_and_its_log"),
];

/// Files that run programs whose names do not stand beside the call.
const NAMED_ELSEWHERE: &[(&str, &[&str])] = &[
    ("host/check/src/examiner/acting.rs", &[]),    // this program itself
    ("host/core/src/images/services/run.rs", &[]), // what a module names
    ("host/core/src/modules/signature.rs", &["ssh-keygen"]),
    ("host/prove/src/dhcp.rs", &["dnsmasq"]),
    ("host/prove/src/machine.rs", &["qemu-system-x86_64"]),
    ("host/prove/src/nfs_server/mod.rs", &["ganesha.nfsd"]),
    ("host/core/src/system/command/start.rs", &[]), // what the others name
    ("plugin-api/src/testing/effects.rs", &[]),
    ("plugin-api/src/testing/programs.rs", &[]),
    ("plugins/kit/src/os_tree/customise.rs", &[]), // the user's script
    ("plugins/kit/src/source/import.rs", &["gzip", "zstd", "xz", "bzip2"]),
    ("plugins/livenet/src/exec.rs", &[]), // the user's command
    ("plugins/nfs/src/inside.rs", &[]),
];

#[test]
fn case_10_every_tool_of_the_program_is_in_the_table() {
    let mut tools: BTreeSet<String> =
        NAMED_ELSEWHERE.iter().flat_map(|(_, tools)| *tools).map(|tool| (*tool).to_owned()).collect();
    let runs = |code: &str| -> Vec<String> {
        let of_clap = code.contains("clap");
        let calls = ["Tool::new(", "Command::new("].iter().flat_map(|call| code.split(*call).skip(1));
        let names = calls.map(|rest| rest.split(')').next().unwrap_or_default().to_owned());
        if of_clap { Vec::new() } else { names.filter(|name| name != "\"/bin/sh\"").collect() }
    };
    let found = RefCell::new(BTreeSet::new());
    let unnamed = crate::guard::sources_with(|code| {
        let (named, other): (Vec<_>, Vec<_>) = runs(code).into_iter().partition(|name| name.starts_with('"'));
        found.borrow_mut().extend(named.iter().map(|name| name.trim_matches('"').to_owned()));
        other.iter().any(|name| !name.is_empty())
    });
    tools.append(&mut found.borrow_mut());
    let known = |tool: &str| {
        USES.iter().any(|used| used.tool == tool) || ELSEWHERE.iter().any(|(name, _)| *name == tool)
    };
    let lacking: Vec<_> = tools.iter().filter(|tool| !known(tool)).collect();
    assert!(lacking.is_empty(), "no case for {lacking:?}");
    let stale = ELSEWHERE.iter().map(|(tool, _)| *tool).chain(USES.iter().map(|used| used.tool));
    let stale: Vec<_> = stale.filter(|tool| !tools.contains(*tool)).collect();
    assert!(stale.is_empty(), "nobody runs {stale:?}");
    let lacking: Vec<_> =
        unnamed.iter().filter(|file| !NAMED_ELSEWHERE.iter().any(|(name, _)| name == file)).collect();
    assert!(lacking.is_empty(), "which programs does {lacking:?} run?");
}

/// Tools that are of a tree, which brings them.
const OF_TREES: [&str; 1] = ["setfiles"];

#[test]
fn case_10_doctor_knows_every_tool_of_the_program() {
    let root = TestRoot::bare();
    let known = root.disklessset(&["doctor", "--format", "json"]).run().json();
    let known =
        known["actions"].as_array().unwrap().iter().flat_map(|action| action["tools"].as_array().unwrap());
    let known: BTreeSet<_> = known.map(|tool| tool["tool"].as_str().unwrap()).collect();
    let tools = USES.iter().map(|used| used.tool).chain(ELSEWHERE.iter().map(|(tool, _)| *tool));
    let lacking: Vec<_> = tools.filter(|tool| !known.contains(tool) && !OF_TREES.contains(tool)).collect();
    assert!(lacking.is_empty(), "doctor does not look for {lacking:?}");
}

#[test]
fn case_10_doctor_names_a_missing_tool_with_the_command_that_installs_it() {
    disklessset_tests::need!(need::root(), need::tool("apt-get"));
    let root = TestRoot::bare();
    let doctor = root.disklessset(&["doctor", "livenet", "--format", "json"]);
    let outcome = with_faulty(&root, "mksquashfs", Fault::Missing, doctor).run().expect_code(1);
    let missing = "`apt-get install --no-install-recommends squashfs-tools` installs them";
    let outcome = outcome.expect_said(missing);
    let action = outcome.json()["actions"][0].clone();
    assert_eq!(action["ready"], false, "{action}");
    let tool = |name: &str| {
        action["tools"].as_array().unwrap().iter().find(|tool| tool["tool"] == name).cloned().unwrap()
    };
    assert!(tool("mksquashfs")["path"].is_null() && tool("unsquashfs")["path"].is_string(), "{action}");
    // And the command it names is one that works.
    let simulated =
        root.tool("apt-get", &["--simulate", "install", "--no-install-recommends", "squashfs-tools"]);
    let _ = simulated.run().expect_done();
    let _ = root.disklessset(&["doctor", "livenet"]).run().expect_done();
}

#[test]
fn case_10_a_tool_that_does_nothing_or_stops_half_way() {
    disklessset_tests::need!(need::root(), need::tool("dracut"), need::tool("mmdebstrap"), need::tool("dnf"));
    let world = World::new();
    for used in USES {
        meet(&world, used, Fault::DoesNothing);
        if !used.half.is_empty() {
            meet(&world, used, Fault::StopsHalfWay(used.half));
        }
    }
    finish(&world);
}

#[test]
fn case_10_a_tool_that_is_missing_or_fails() {
    disklessset_tests::need!(need::root(), need::tool("dracut"), need::tool("mmdebstrap"), need::tool("dnf"));
    let world = World::new();
    let full = std::env::var(need::FULL).is_ok_and(|full| full == "1");
    // Each tool once; how a tool is found and how it ended is one place in the program.
    let mut met = BTreeSet::new();
    for used in USES.iter().filter(|used| full || met.insert(used.tool)) {
        meet(&world, used, Fault::Missing);
        meet(&world, used, Fault::Fails);
    }
    finish(&world);
}

/// With its tools as they should be, all goes on.
#[track_caller]
pub(super) fn finish(world: &World) {
    let _ = world.run(&["livenet", "unmount", "edited"]).run().expect_done();
    let motd = world.small.unpacked("edited").join("etc/motd");
    assert_eq!(std::fs::read_to_string(motd).unwrap(), "edited");
    Snapshot::assert_nothing_held(&world.small.root);
    let _ = world.run(&["verify"]).run().expect_done();
}
