//! The document is true: every row has a test of its name, and the tests it names exist.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use camino::Utf8Path;
use disklessset_tests::loop_disk::tool;

const ROWS: usize = 40;

/// The numbers in a name such as `case_04_05_06_tools_die`, in its last part.
fn cases(test: &str) -> Vec<usize> {
    let name = test.rsplit("::").next().unwrap_or(test);
    let Some(rest) = name.strip_prefix("case_") else { return Vec::new() };
    rest.split('_').map_while(|part| part.parse().ok()).collect()
}

/// Rows of the document: the number, and the tests that are named.
fn rows(text: &str) -> Vec<(usize, Vec<&str>)> {
    let number = |section: &str| section.split('.').next().unwrap().parse().unwrap();
    text.split("\n## ")
        .skip(1)
        .map(|section| {
            let bullets = section.lines().filter_map(|line| line.strip_prefix("- `")?.strip_suffix('`'));
            (number(section), bullets.collect())
        })
        .collect()
}

/// Whether a test is one of those that a bullet stands for.
fn stands_for(bullet: &str, test: &str) -> bool {
    if let Some(number) = bullet.strip_prefix("case_") {
        return cases(test).contains(&number.trim_end_matches('_').parse().unwrap());
    }
    if bullet.ends_with("::") { test.starts_with(bullet) } else { test == bullet }
}

#[test]
fn every_row_has_a_test_of_its_name_and_all_tests_named_exist() {
    let me = std::env::current_exe().unwrap();
    let listed = tool(me.to_str().unwrap(), &["--list"]).unwrap();
    let tests: Vec<&str> = listed.lines().filter_map(|line| line.strip_suffix(": test")).collect();
    let document = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reliability.md");
    let text = std::fs::read_to_string(document).unwrap();
    let rows = rows(&text);
    let numbers: Vec<usize> = rows.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (1..=ROWS).collect::<Vec<_>>());
    for (number, bullets) in &rows {
        assert_eq!(
            bullets.first(),
            Some(&format!("case_{number:02}_").as_str()),
            "row {number} begins with its own"
        );
        for bullet in bullets {
            assert!(
                tests.iter().any(|test| stands_for(bullet, test)),
                "row {number} names {bullet}, which is not there"
            );
        }
    }
    let strays: Vec<_> =
        tests.iter().filter(|test| cases(test).iter().any(|case| !numbers.contains(case))).collect();
    assert!(strays.is_empty(), "cases of no row: {strays:?}");
}

#[test]
fn names_have_the_numbers_of_their_rows() {
    assert_eq!(cases("system::case_99_place::case_04_05_tools_die_2"), [4, 5]);
    assert_eq!(cases("system::errors::everywhere"), [0; 0]);
    assert!(stands_for("case_05_", "a::case_04_05_x") && !stands_for("case_06_", "a::case_04_05_x"));
    assert!(stands_for("a::b::", "a::b::c") && !stands_for("a::b", "a::bc"));
}
