use super::*;
use crate::test_support::{Place, is_root};
use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};

impl Place {
    fn audit(&self, name: &str) -> String {
        match audit(&self.path(name), From::Directory(&self.path(""))) {
            Ok(Audit::Complete) => "complete".to_owned(),
            Ok(Audit::MissingFrom(path)) => format!("missing {path}"),
            Err(error) => error.to_string(),
        }
    }
}

#[test]
fn what_only_we_can_change_is_trusted_below_tmp_too() {
    let place = Place::new();
    place.dir("modules.d", 0o755);
    std::fs::File::create(place.path("modules.d/demo_module.so")).unwrap();
    assert_eq!(place.audit("modules.d/demo_module.so"), "complete");
    // The temporary directory lies in /tmp, sticky and open to all, or below a directory of ours.
    assert_eq!(audit(&place.path("modules.d"), From::Top).unwrap(), Audit::Complete);
    assert_eq!(place.audit("modules.d/x/y"), format!("missing {}", place.path("modules.d/x")));
}

#[test]
fn what_others_may_write_is_refused_by_name_and_mode() {
    let place = Place::new();
    place.dir("open", 0o777);
    place.dir("open/modules.d", 0o755);
    assert!(
        place
            .audit("open/modules.d")
            .contains(&format!("{} can be written by others (mode 0777", place.path("open")))
    );
    place.dir("group", 0o775);
    assert!(place.audit("group").contains("(mode 0775"));
    place.dir("sticky", 0o1777);
    place.dir("sticky/ours", 0o755);
    assert_eq!(place.audit("sticky/ours"), "complete");
    assert!(
        place.audit("sticky").contains("(mode 1777"),
        "a sticky directory is no modules directory itself"
    );
    place.dir("file", 0o755);
    let file = std::fs::File::create(place.path("file/x_module.so")).unwrap();
    file.set_permissions(std::fs::Permissions::from_mode(0o666)).unwrap();
    assert!(place.audit("file/x_module.so").contains("(mode 0666"));
}

#[test]
fn strangers_files_and_planted_links_are_refused() {
    if !is_root("strangers_files_and_planted_links_are_refused") {
        return;
    }
    let place = Place::new();
    let stranger = place.dir("stranger", 0o755);
    place.dir("stranger/modules.d", 0o755);
    chown(&stranger, Some(4242), Some(4242)).unwrap();
    assert!(
        place.audit("stranger/modules.d").contains(&format!("{stranger} belongs to uid 4242 (mode 0755)"))
    );

    // The work area planted as a link by a user, in a directory like /var/tmp.
    place.dir("tmp", 0o1777);
    let precious = place.dir("precious", 0o755);
    let planted = place.path("tmp/diskless");
    symlink(&precious, &planted).unwrap();
    lchown(&planted, Some(4242), Some(4242)).unwrap();
    let said = place.audit("tmp/diskless/workdir");
    assert_eq!(
        said,
        format!(
            "{planted} is a link that somebody else could have planted (owner uid 4242, mode 1777 of its directory)"
        )
    );
    assert!(matches!(open_directory(&planted), Err(TrustError::Link { .. })));
}

#[test]
fn an_administrators_link_is_followed_and_its_target_judged() {
    let place = Place::new();
    let target = place.dir("target", 0o755);
    symlink("target", place.path("relative")).unwrap();
    symlink(&target, place.path("absolute")).unwrap();
    symlink("target/../target/./", place.path("winding")).unwrap();
    for link in ["relative", "absolute", "winding"] {
        assert_eq!(place.audit(link), "complete", "{link}");
    }
    std::fs::set_permissions(&target, std::fs::Permissions::from_mode(0o777)).unwrap();
    for link in ["relative", "absolute", "winding"] {
        assert!(place.audit(link).contains("can be written by others"), "{link}");
    }
    symlink("loop", place.path("loop")).unwrap();
    assert!(place.audit("loop").starts_with("cannot open"));
}
