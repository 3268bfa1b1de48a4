//! Given NFS images as 1.x left them: nodes boot them read-write, each from its own tree, and a proof of a staging image
//! changes nothing in it.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::fs::{File, Permissions};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_tests::facts;
use disklessset_tests::need::{self, Verdict};
use disklessset_tests::root::TestRoot;
use disklessset_tests::run::{Outcome, Running};
use nix::sys::signal::Signal;

use super::livenet;

/// What a booted node writes of itself, into a file of its own name.
const WITNESS: &str = "#!/bin/sh -e\nname=$(hostname)\n\
    { echo \"$name\"; findmnt -n -o SOURCE /; } >\"/root/booted-$name\"\n";
const UNIT: &str =
    "[Unit]\nBefore=multi-user.target\n[Service]\nType=oneshot\nExecStart=/usr/local/sbin/witness\n";
const TREES: &str = "diskless/images/nfsimages";

/// A root with images of 1.x: a staging one, and a golden one, whose nodes who boots them makes.
struct World {
    root: TestRoot,
}

impl World {
    fn tree(&self, below: &str) -> Utf8PathBuf {
        self.root.path().join(TREES).join(below)
    }
}

fn needs() -> Verdict {
    let tools = ["mmdebstrap", "qemu-system-x86_64", "ganesha.nfsd"];
    let verdicts = std::iter::once(need::root()).chain(tools.into_iter().map(need::tool));
    verdicts.into_iter().find(|verdict| *verdict == Verdict::Skip).unwrap_or(Verdict::Go)
}

pub(super) fn put(path: &Utf8Path, text: &str, mode: u32) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
    std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// An image directory as 1.x wrote it.
fn image_of_1x(root: &TestRoot, name: &str, class: &str, tree: &str, version: &str) {
    let served = "preboot_execution_environment/diskless";
    let boot = format!(
        "#!ipxe\n\necho Booting diskless image {name}\n\
         kernel http://${{next-server}}/{served}/kernels/vmlinuz-{version} initrd=initramfs-kernel-{version} selinux=0 \
         root=nfs:${{next-server}}:/{TREES}/{tree},vers=4.2,rw ${{eq-console}} ${{eq-kernel-parameters}} \
         ${{dedicated-kernel-parameters}} rd.net.timeout.carrier=30 rd.net.timeout.ifup=60 rd.net.dhcp.retry=4\n\
         initrd --name initramfs-kernel-{version} http://${{next-server}}/{served}/kernels/initramfs-kernel-{version}\n\
         sleep 4\nboot\n"
    );
    let data = format!(
        "image_data:\n    \n    name: {name}\n    IMAGE_DIRECTORY: /var/www/html/{served}/images/{name}/\n    \
         kernel: vmlinuz-{version}\n    image: initramfs-kernel-{version}\n    password: $6$salt$hash\n    \
         NFS_DIRECTORY: /{TREES}/{name}/\n    image_class: {class}\n    creation_date: 2024-02-29"
    );
    put(&root.image_dir(name).join("boot.ipxe"), &boot, 0o644);
    put(&root.image_dir(name).join("image_data.yml"), &data, 0o644);
}

fn lay_out(root: &TestRoot, version: &str) {
    image_of_1x(root, "base", "NfsStagingImage", "staging/base", version);
    image_of_1x(root, "pool", "NfsGoldenImage", "golden/pool/nodes/${hostname}", version);
}

/// A tree of real packages, and the kernel it brings.
fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let root = TestRoot::bare();
        let staging = root.path().join(TREES).join("staging/base");
        std::fs::create_dir_all(staging.parent().unwrap()).unwrap();
        let packed = livenet::world().image_dir("node").join("squashfs.img");
        let unsquash = ["-q", "-n", "-d", staging.as_str(), packed.as_str()];
        let _ = root.tool("unsquashfs", &unsquash).limit(livenet::PATIENCE).run().expect_done();
        let add = ["kernel", "add", "--from-tree", staging.as_str()];
        let _ = root.disklessset(&add).limit(livenet::PATIENCE).run().expect_done();
        let modules = staging.join("usr/lib/modules");
        let version = modules.read_dir_utf8().unwrap().next().unwrap().unwrap().file_name().to_owned();
        put(&staging.join("usr/local/sbin/witness"), WITNESS, 0o755);
        put(&staging.join("etc/systemd/system/witness.service"), UNIT, 0o644);
        let wanted = staging.join("etc/systemd/system/multi-user.target.wants");
        std::fs::create_dir_all(&wanted).unwrap();
        symlink("../witness.service", wanted.join("witness.service")).unwrap();
        lay_out(&root, &version);
        World { root }
    })
}

/// A root with the same layout and nothing that boots: enough where nothing is meant to.
pub(super) fn empty_world() -> TestRoot {
    let root = TestRoot::bare();
    lay_out(&root, "1.0");
    let kernels = root.image_dir("base").parent().unwrap().with_file_name("kernels");
    for file in ["vmlinuz-1.0", "initramfs-kernel-1.0"] {
        put(&kernels.join(file), "no kernel", 0o644);
    }
    for tree in ["staging/base", "golden/pool/nodes/c001"] {
        for directory in ["proc", "etc"] {
            std::fs::create_dir_all(root.path().join(TREES).join(tree).join(directory)).unwrap();
        }
    }
    root
}

/// A proof, and that nothing runs or is mounted after it.
#[track_caller]
fn prove(root: &TestRoot, args: &[&str]) -> Outcome {
    let proof = root.disklessset(&[&["prove"], args].concat()).limit(livenet::PATIENCE).run();
    nothing_held(root);
    proof
}

#[track_caller]
pub(super) fn nothing_held(root: &TestRoot) {
    let mut mounted = facts::mount_points().unwrap();
    mounted.retain(|point| point.starts_with(root.path()));
    assert!(mounted.is_empty(), "mounted: {mounted:?}");
    assert!(root.processes().is_empty(), "running: {:?}", root.processes());
}

/// Whether process `pid` is there and not merely waiting to be reaped.
pub(super) fn runs(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}

#[test]
fn a_staging_image_of_1x_boots_over_nfs_and_stays_as_it_is() {
    disklessset_tests::need!(need::full(), needs());
    let world = world();
    let tree = world.tree("staging/base");
    let before = facts::files_below(&tree).unwrap();
    assert!(before.len() > 5_000, "a tree of {} files is none", before.len());
    let proof = prove(&world.root, &["base"]).expect_done();
    for stage in ["kernel started", "NFS root mounted", "system started", "login prompt", "prove login:"] {
        assert!(proof.stdout.contains(stage), "no {stage:?}: {proof}");
    }
    assert!(
        !proof.stdout.contains("root image fetched") && !proof.stderr.contains("failed to start"),
        "{proof}"
    );
    let after = facts::files_below(&tree).unwrap();
    for (file, facts) in &after {
        assert_eq!(before.get(file), Some(facts), "{}", file.display());
    }
    assert_eq!(before.len(), after.len(), "files are gone");
}

#[test]
fn two_nodes_boot_at_once_and_each_writes_to_its_own_tree() {
    // Two nodes of an image of ours boot in every run.
    disklessset_tests::need!(need::full(), needs());
    let world = world();
    for node in ["c001", "c002"] {
        let (from, to) = (world.tree("staging/base"), world.tree("golden/pool/nodes").join(node));
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        let copy = ["-a", "--reflink=auto", from.as_str(), to.as_str()];
        let _ = world.root.tool("cp", &copy).run().expect_done();
    }
    let args = ["pool", "--node", "c001", "--node", "c002", "--format", "json"];
    let proof = prove(&world.root, &args).expect_done().json()["proof"].clone();
    assert_eq!(proof["boots"], true);
    let nodes = proof["nodes"].as_array().unwrap();
    let time = |node: usize, stage: &str| {
        let line = nodes[node]["timeline"].as_array().unwrap().iter();
        let mut at =
            line.filter(|point| point["stage"] == stage).map(|point| point["seconds"].as_f64().unwrap());
        at.next().unwrap_or_else(|| panic!("no {stage}: {proof:#}"))
    };
    for (number, (node, other)) in [("c001", "c002"), ("c002", "c001")].into_iter().enumerate() {
        assert_eq!(nodes[number]["node"], node);
        assert_eq!(nodes[number]["login_line"], format!("{node} login:"));
        assert!(time(number, "kernel_started") < time(1 - number, "login_prompt"), "one after the other");
        let own = world.tree(&format!("golden/pool/nodes/{node}/root"));
        let written = std::fs::read_to_string(own.join(format!("booted-{node}"))).unwrap();
        let mut lines = written.lines();
        assert_eq!(lines.next(), Some(node));
        let source = lines.next().unwrap();
        assert!(source.ends_with(&format!(":/{TREES}/golden/pool/nodes/{node}")), "{source}");
        assert!(!own.join(format!("booted-{other}")).exists(), "{other} wrote to the tree of {node}");
    }
}

#[test]
fn two_nodes_boot_from_overlays_and_each_writes_to_its_own_layer() {
    disklessset_tests::need!(needs(), need::full());
    let world = world();
    let root = &world.root;
    root.drop_in("nfs");
    let done = |args: &[&str]| root.disklessset(args).limit(livenet::PATIENCE).run().expect_done();
    let _ = done(&["nfs", "create-golden", "views", "--from", "base"]);
    let _ = done(&["nfs", "nodes", "add", "views", "c[1-2]", "--method", "overlay"]);
    let golden = world.tree("golden/views");
    let image = facts::files_below(&golden.join("image")).unwrap();
    let args = ["prove", "views", "--node", "c1", "--node", "c2", "--format", "json"];
    let proof = root.disklessset(&args).limit(livenet::PATIENCE).run().expect_done().json();
    assert_eq!(proof["proof"]["boots"], true, "{proof:#}");
    for (node, other) in [("c1", "c2"), ("c2", "c1")] {
        let upper = golden.join("overlays").join(node).join("upper");
        let written = std::fs::read_to_string(upper.join(format!("root/booted-{node}"))).unwrap();
        assert!(written.contains(&format!(":/{TREES}/golden/views/nodes/{node}\n")), "{written}");
        assert!(!upper.join(format!("root/booted-{other}")).exists(), "{other} wrote to the layer of {node}");
        // What it only read is in the image alone.
        assert!(!upper.join("usr/bin").exists(), "{node} changed its programs");
    }
    for (file, facts) in &facts::files_below(&golden.join("image")).unwrap() {
        assert_eq!(image.get(file), Some(facts), "{}", file.display());
    }
    let _ = done(&["remove", "views", "--yes"]);
    root.take_out("nfs");
    nothing_held(root);
}

#[test]
fn what_cannot_be_booted_is_said_before_anything_starts() {
    disklessset_tests::need!(need::root(), need::tool("qemu-system-x86_64"), need::tool("ganesha.nfsd"));
    let root = empty_world();
    let refused = |args: &[&str], code: i32, words: &str| {
        let proof = prove(&root, args).expect_code(code).expect_said(words);
        assert!(!proof.stderr.contains("booting with"), "{proof}");
    };
    refused(&["pool", "--node", "c001", "--node", "c009"], 3, "c009 has no tree");
    refused(&["base", "--node", "c001"], 2, "--node");
    refused(&["pool", "--node", "../c001"], 2, "is not the name of a node");
    // No node is named, and the tree the nodes' trees come from is not there.
    refused(&["pool"], 1, "golden/pool/image");
    std::fs::remove_dir(root.path().join(TREES).join("staging/base/proc")).unwrap();
    refused(&["base"], 1, "no OS tree");
    std::fs::remove_dir_all(root.path().join(TREES).join("staging")).unwrap();
    refused(&["base"], 1, "staging/base");
    image_of_1x(&root, "base", "NfsStagingImage", "staging/../../../../etc", "1.0");
    refused(&["base"], 1, "no absolute path");
}

#[test]
fn servers_and_machines_go_with_a_proof_that_is_killed_or_stopped() {
    disklessset_tests::need!(need::root(), need::tool("qemu-system-x86_64"), need::tool("ganesha.nfsd"));
    let root = empty_world();
    for signal in [Signal::SIGKILL, Signal::SIGINT] {
        let proof = root.disklessset(&["prove", "base"]).start();
        let at_work = || root.tool_at_work("ganesha.nfsd").zip(root.tool_at_work("qemu-system-x86_64"));
        let (proof, (server, machine)) = proof.wait_until(at_work);
        assert!(runs(server) && runs(machine));
        proof.signal(signal);
        if signal == Signal::SIGKILL {
            proof.kill_nine();
        } else {
            let _ = proof.wait().expect_code(130);
        }
        let patience = Instant::now() + Duration::from_secs(5);
        while (runs(server) || runs(machine)) && Instant::now() < patience {
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(!runs(server), "{signal}: the NFS server runs on");
        assert!(!runs(machine), "{signal}: the machine runs on");
        nothing_held(&root);
    }
}

#[test]
fn a_tree_that_nodes_write_to_is_nobody_else_s_meanwhile() {
    disklessset_tests::need!(need::root(), need::tool("qemu-system-x86_64"), need::tool("ganesha.nfsd"));
    let root = empty_world();
    let proof = root.disklessset(&["prove", "pool", "--node", "c001"]).start();
    let (proof, _) = proof.wait_until(|| root.tool_at_work("qemu-system-x86_64"));
    let second = root.disklessset(&["prove", "pool", "--node", "c001"]).run();
    let _ = second.expect_code(4).expect_said("pool");
    proof.signal(Signal::SIGTERM);
    let _ = proof.wait().expect_code(143);
    nothing_held(&root);
}

/// Kills the NFS server of a proof, once its machine runs.
fn kill_server(root: &TestRoot, proof: Running, killed_before: Option<i32>) -> (Running, i32) {
    let other = |pid: &i32| Some(*pid) != killed_before;
    let at_work =
        || root.tool_at_work("ganesha.nfsd").filter(other).zip(root.tool_at_work("qemu-system-x86_64"));
    let (proof, (server, _)) = proof.wait_until(at_work);
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(server), Signal::SIGABRT).unwrap();
    (proof, server)
}

#[test]
fn a_server_that_dies_twice_ends_the_proof_with_its_signal_and_its_log() {
    disklessset_tests::need!(need::root(), need::tool("qemu-system-x86_64"), need::tool("ganesha.nfsd"));
    let root = empty_world();
    let proof = root.disklessset(&["prove", "base"]).start();
    let (proof, first) = kill_server(&root, proof, None);
    let (proof, _) = kill_server(&root, proof, Some(first));
    let outcome = proof.wait().expect_code(1).expect_said("nfs-ganesha was ended by SIGABRT");
    let kept =
        outcome.stderr.rsplit_once("its log is kept in ").map(|(_, rest)| rest.split(')').next().unwrap());
    let log = std::fs::read_to_string(kept.unwrap_or_else(|| panic!("no log is named: {outcome}"))).unwrap();
    assert_eq!(log.matches("--- nfs-ganesha (process ").count(), 2, "{log}");
    nothing_held(&root);
}

#[test]
fn a_server_that_dies_once_is_started_again_and_that_is_told() {
    disklessset_tests::need!(need::root(), need::tool("qemu-system-x86_64"), need::tool("ganesha.nfsd"));
    let root = empty_world();
    let proof = root.disklessset(&["prove", "base", "--timeout", "20"]).start();
    let (proof, first) = kill_server(&root, proof, None);
    let at_work = || root.tool_at_work("ganesha.nfsd").filter(|pid| *pid != first);
    let (proof, _) = proof.wait_until(at_work);
    // The tree is empty: what fails now is the image.
    let outcome = proof.wait().expect_code(1).expect_said("nfs-ganesha was ended by SIGABRT");
    assert!(outcome.stderr.contains("does not boot"), "{outcome}");
    nothing_held(&root);
}
