//! What is wrong with a definition: all of it is told at once, and no secret is in what is told.

use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;

use super::{define, git, tree};
use crate::system::small::{KERNEL, Small, put};

#[test]
fn a_definition_holds_no_secret_and_all_its_faults_are_told_at_once() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let source = tree(&small);
    for (more, parts) in [
        ("password: s3cret\n", &["password_file: FILE"][..]),
        ("password_file: ../nowhere\n", &["password_file: cannot read the secret in"]),
        ("pasword_file: ../pw\n", &["pasword_file: is not a parameter here"]),
        ("image_data: {name: x, image_class: LivenetImage}\n", &["one mapping"]),
        ("name: ../x\n", &["name:", "'/'"]),
        ("run: [a, b]\n", &["run: takes one value"]),
        (
            "run: {a: b}\nlivenet_size: huge\ncolour: red\n",
            &["run: is neither", "livenet_size: ", "colour: is not"],
        ),
        ("not_on_record: [source]\n", &["nobody knows source"]),
        ("run: nowhere.sh\n", &["run: cannot read the script"]),
    ] {
        let file = define(&small, "web", &source, more);
        for dry in [&[][..], &["--dry-run"]] {
            let before = Snapshot::of(&small.root);
            let told = small.run(&[&["create", "--from", file.as_str()][..], dry].concat()).expect_code(2);
            parts.iter().for_each(|part| assert!(told.stderr.contains(part), "{part}: {told}"));
            assert!(!told.stderr.contains("s3cret"), "{told}");
            before.assert_same_as_now(&small.root);
        }
    }
    let file = git(&small).join("bad name.yml");
    put(&file, format!("image_class: LivenetImage\nkernel: {KERNEL}\n").as_bytes(), 0o644);
    small.refused(&["create", "--from", file.as_str()], 2, "the name of the file");
    // The menu reads it by the same check.
    let _ = small
        .run(&["apply", git(&small).as_str()])
        .expect_code(2)
        .expect_said("2 definitions cannot be used");
}
