//! A small OS tree that the check brings, so that classes which make images of trees are tried without a
//! network.
//!
//! It boots nothing: directories, accounts, modules of the made-up kernels by name alone, and one program,
//! `true`.

use std::collections::BTreeMap;

use camino::Utf8Path;
use disklessset_plugin_api::{ActionSpec, ParamKind, ParamSpec};

use super::Value;
use super::values::{KERNEL, OTHER_KERNEL};
use disklessset_core::system::{FileError, atomic_file};

/// What an operating system has, beside files.
const DIRECTORIES: [&str; 14] = [
    "boot", "dev", "etc", "home", "proc", "root", "run", "srv", "sys", "tmp", "usr/bin", "usr/lib",
    "usr/sbin", "var/log",
];
/// The files of the tree: path, text and mode.
const FILES: [(&str, &str, u32); 7] = [
    ("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n", 0o644),
    ("etc/group", "root:x:0:\n", 0o644),
    ("etc/shadow", "root:!locked:19000:0:99999:7:::\n", 0o640),
    ("etc/hostname", "check\n", 0o644),
    ("etc/machine-id", "", 0o444),
    ("etc/resolv.conf", "", 0o644),
    ("usr/lib/os-release", "ID=disklessset-check\nNAME=\"A small tree of module check\"\n", 0o644),
];

/// What the parameters of an action are tried with beside what the user gave: where it takes a source that
/// nobody named, the small tree with a made-up kernel. Nothing where the user wants a kernel that the tree
/// would have to bring.
pub(super) fn values(
    action: &ActionSpec,
    given: &BTreeMap<String, Value>,
    tree: &Utf8Path,
) -> BTreeMap<String, Value> {
    let brought = |param: &ParamSpec| {
        matches!(given.get(&param.name), Some(Value::Text(text)) if text == "from-image")
            && matches!(param.kind, ParamKind::Kernel { from_image: true })
    };
    let source = action.params.iter().find(|param| param.kind == ParamKind::Source);
    let Some(source) = source.filter(|source| !given.contains_key(&source.name) && source.sample.is_none())
    else {
        return BTreeMap::new();
    };
    if action.params.iter().any(brought) {
        return BTreeMap::new();
    }
    let kernels = action.params.iter().filter(|param| {
        matches!(param.kind, ParamKind::Kernel { from_image: true }) && !given.contains_key(&param.name)
    });
    let kernels = kernels.map(|param| (param.name.clone(), Value::Text(KERNEL.to_owned())));
    kernels.chain([(source.name.clone(), Value::Text(format!("tree:{tree}")))]).collect()
}

/// Makes the tree, with modules of the made-up kernels and of `kernel`.
///
/// # Errors
/// What the system refuses, in one line.
pub(super) fn make(tree: &Utf8Path, kernel: Option<&str>) -> Result<(), String> {
    let told = |error: FileError| format!("cannot make a small tree: {error}: {}", error.source);
    for directory in DIRECTORIES {
        atomic_file::create_dir_all(&tree.join(directory), 0o755).map_err(told)?;
    }
    for name in ["bin", "lib", "sbin"] {
        std::os::unix::fs::symlink(format!("usr/{name}"), tree.join(name))
            .map_err(|cause| format!("cannot make a small tree: {cause}"))?;
    }
    for (file, text, mode) in FILES {
        atomic_file::replace(&tree.join(file), text.as_bytes(), mode).map_err(told)?;
    }
    for kernel in [KERNEL, OTHER_KERNEL].into_iter().chain(kernel) {
        let modules = tree.join("usr/lib/modules").join(kernel);
        atomic_file::create_dir_all(&modules, 0o755).map_err(told)?;
        atomic_file::replace(&modules.join("modules.dep"), b"", 0o644).map_err(told)?;
    }
    let program = true_program();
    if !program.is_empty() {
        atomic_file::replace(&tree.join("usr/bin/true"), &program, 0o755).map_err(told)?;
    }
    Ok(())
}

/// A program that ends well and does nothing else: an ELF header, one segment, and a call of `exit`. Empty
/// for processors whose calls are not known here.
fn true_program() -> Vec<u8> {
    let (machine, code): (u16, &[u8]) = match std::env::consts::ARCH {
        // mov eax, 60; xor edi, edi; syscall
        "x86_64" => (62, &[0xb8, 60, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05]),
        // mov x0, 0; mov x8, 93; svc 0
        "aarch64" => (183, &[0, 0, 0x80, 0xd2, 0xa8, 0x0b, 0x80, 0xd2, 1, 0, 0, 0xd4]),
        _ => return Vec::new(),
    };
    const BASE: u64 = 0x40_0000;
    const HEADERS: u64 = 64 + 56;
    let length = HEADERS + code.len() as u64;
    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    let half = |file: &mut Vec<u8>, values: &[u16]| file.extend(values.iter().flat_map(|v| v.to_le_bytes()));
    half(&mut file, &[2, machine]);
    file.extend(1_u32.to_le_bytes());
    for value in [BASE + HEADERS, 64, 0] {
        file.extend(value.to_le_bytes());
    }
    file.extend(0_u32.to_le_bytes());
    half(&mut file, &[64, 56, 1, 64, 0, 0]);
    // The segment: to be loaded, readable and executable.
    file.extend(1_u32.to_le_bytes());
    file.extend(5_u32.to_le_bytes());
    for value in [0, BASE, BASE, length, length, 0x1000] {
        file.extend(value.to_le_bytes());
    }
    file.extend(code);
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    fn creation() -> ActionSpec {
        let kernel = ParamKind::Kernel { from_image: true };
        ActionSpec::create("x")
            .param(ParamSpec::flag("kernel", kernel, "x").required().sample("from-image"))
            .param(ParamSpec::flag("source", ParamKind::Source, "x").default("apt"))
    }

    fn names(given: &[(&str, &str)]) -> Vec<String> {
        let given = given.iter().map(|(name, value)| ((*name).to_owned(), Value::Text((*value).to_owned())));
        values(&creation(), &given.collect(), "/t".into()).into_keys().collect()
    }

    #[test]
    fn values_are_those_of_the_small_tree_unless_the_user_wants_another() {
        assert_eq!(names(&[]), ["kernel", "source"]);
        assert_eq!(names(&[("kernel", "6.1.0")]), ["source"]);
        assert_eq!(names(&[("source", "apt")]), [] as [&str; 0]);
        assert_eq!(names(&[("kernel", "from-image")]), [] as [&str; 0]);
        let without = ActionSpec::create("x");
        assert_eq!(values(&without, &BTreeMap::new(), "/t".into()), BTreeMap::new());
    }

    #[test]
    fn tree_has_a_program_that_ends_well() {
        let temp = tempfile::tempdir().unwrap();
        let tree = Utf8Path::from_path(temp.path()).unwrap().join("tree");
        make(&tree, Some("6.6.6")).unwrap();
        assert!(tree.join("lib/modules/6.6.6/modules.dep").is_file());
        let program = tree.join("bin/true");
        if program.exists() {
            disklessset_core::system::command::Tool::new(program.as_str()).run().unwrap();
        }
    }
}
