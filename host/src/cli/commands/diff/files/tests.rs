use super::*;

fn changed(differs: Vec<Aspect>) -> FileDifference {
    FileDifference {
        path: "/usr/bin/ping\n\u{1b}[2J".to_owned(),
        path_hex: None,
        change: Change::Changed,
        kind: FileKind::File,
        package: None,
        differs,
    }
}

#[test]
fn a_line_says_in_what_a_file_differs_and_is_one_line() {
    let mode = Aspect::Mode { old: "0755".into(), new: "4755".into() };
    let capabilities = Aspect::Capabilities { old: None, new: Some("cap_net_raw=ep".into()) };
    let acl = Aspect::Xattr { name: "system.posix_acl_access".into(), change: XattrChange::Added };
    let same_size = Aspect::Content { old_bytes: 7, new_bytes: 7 };
    let text = line(&changed(vec![same_size, mode, capabilities, acl]), 0);
    assert_eq!(
        text,
        "  ~ /usr/bin/ping\\n\\u{1b}[2J: content, mode 0755 -> 4755, \
         capabilities none -> cap_net_raw=ep, ACL added\n"
    );
}

#[test]
fn a_directory_that_came_is_one_line_with_its_number_of_files() {
    let came = FileDifference { change: Change::Added, kind: FileKind::Directory, ..changed(Vec::new()) };
    let came = FileDifference { path: "/opt/tool".into(), ..came };
    assert_eq!(line(&came, 3), "  + /opt/tool: directory, with 3 files in it\n");
    let below = FileDifference { path: "/opt/tool/a".into(), ..came.clone() };
    let beside = FileDifference { path: "/opt/tools".into(), ..came.clone() };
    let begun = Begun(whole_directory(&came));
    assert!(begun.has(&below).is_some() && begun.has(&beside).is_none());
    assert_eq!((passing("/var/log/x"), passing("/var/logs")), (Some("/var/log"), None));
}
