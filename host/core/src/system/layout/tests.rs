use super::*;

fn moved() -> Layout {
    Layout::builder().root("/srv/lab/").build().unwrap()
}

#[test]
fn without_settings_everything_is_where_the_documentation_says() {
    let layout = Layout::builder().build().unwrap();
    assert!(layout.is_system_root());
    assert_eq!(
        layout.image_dir("web01"),
        "/var/www/html/preboot_execution_environment/diskless/images/web01"
    );
    assert_eq!(layout.kernels_dir(), "/var/www/html/preboot_execution_environment/diskless/kernels");
    assert_eq!(layout.installations_file(), "/var/lib/diskless/installations.yml");
    assert_eq!(layout.journal_dir(), "/var/lib/diskless/journal");
    assert_eq!(layout.kernel_modules_dir(), "/var/lib/diskless/kernel-modules");
    assert_eq!(layout.image_workdir("web01"), "/var/tmp/diskless/workdir/web01");
    assert_eq!(layout.locks_dir(), "/run/disklessset");
    assert_eq!(layout.logs_dir(), "/var/log/disklessset");
    assert_eq!(layout.modules_dir(), "/usr/lib/disklessset/modules.d");
    assert_eq!(layout.nfs_staging_dir(), "/diskless/images/nfsimages/staging");
    assert_eq!(layout.nfs_golden_dir(), "/diskless/images/nfsimages/golden");
    assert_eq!(layout.http_root(), "/var/www/html");
}

#[test]
fn a_root_moves_everything_and_leaves_no_trace_in_published_paths() {
    let layout = moved();
    let image = layout.image_dir("web01");
    assert_eq!(image, "/srv/lab/var/www/html/preboot_execution_environment/diskless/images/web01");
    let published = layout.published(&image);
    assert_eq!(published, "/var/www/html/preboot_execution_environment/diskless/images/web01");
    assert_eq!(layout.inside(&published), image);
    for path in layout.owned_roots() {
        assert!(path.starts_with("/srv/lab"), "{path}");
    }
    assert_eq!(layout.published("/srv/laboratory".into()), "/srv/laboratory");
}

#[test]
fn a_root_is_the_same_however_it_is_reached() {
    let dir = tempfile::tempdir().unwrap();
    let real = Utf8PathBuf::from_path_buf(dir.path().canonicalize().unwrap()).unwrap();
    std::fs::create_dir(real.join("root")).unwrap();
    std::os::unix::fs::symlink("root", real.join("link")).unwrap();
    let of = |name: &str| Layout::builder().root(real.join(name)).build().unwrap().root().to_owned();
    assert_eq!(of("link"), real.join("root"));
    assert_eq!(of("link/not/yet"), real.join("root/not/yet"));
}

#[test]
fn nothing_published_leads_out_of_the_root() {
    assert_eq!(moved().inside("/../../etc/shadow".into()), "/srv/lab/etc/shadow");
    assert_eq!(moved().inside("a/../../../b".into()), "/srv/lab/b");
}

#[test]
fn urls_begin_below_the_http_root() {
    let layout = moved();
    let image = layout.image_dir("el8+gpu").join("squashfs.img");
    let expected = "preboot_execution_environment/diskless/images/el8+gpu/squashfs.img";
    assert_eq!(layout.url_path(&image).as_deref(), Some(expected));
    assert_eq!(layout.url_path("/etc/passwd".into()), None);

    let elsewhere = Layout::builder().images_directory("/data/my images/all").build().unwrap();
    assert_eq!(elsewhere.http_root(), "/data");
    assert_eq!(elsewhere.kernels_dir(), "/data/my images/kernels");
    assert_eq!(elsewhere.url_path(&elsewhere.image_dir("a")).as_deref(), Some("my%20images/all/a"));
}

#[test]
fn modules_given_by_their_own_option_are_not_moved() {
    let layout = Layout::builder().root("/srv/lab").modules_directory_as_given("mine.d").build().unwrap();
    assert_eq!(layout.modules_dir(), "mine.d");
}

#[test]
fn unusable_places_are_refused_with_their_key() {
    for bad in ["images", "/a/../../etc/x", "/a/b\nc/d"] {
        let error = Layout::builder().images_directory(bad).build().unwrap_err().to_string();
        assert!(error.starts_with("images_directory:"), "{error}");
    }
    let error = Layout::builder().workdir("/var").build().unwrap_err().to_string();
    assert!(error.contains("workdir: /var is too near the top"), "{error}");
}
