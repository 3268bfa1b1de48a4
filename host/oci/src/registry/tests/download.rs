//! Blobs come whole, whatever happens on their way.

use super::*;

#[test]
fn a_blob_comes_once() {
    let body = noise(1, 3 << 20);
    let world = World::new({
        let body = body.clone();
        move |_| Reply::new(200, body.clone())
    });
    let mut last = 0;
    let pulled =
        world.registry().pull_blob(&Digest::of(&body), body.len() as u64, &world.layout, &mut |progress| {
            assert!(progress.done >= last && progress.size == 3 << 20);
            last = progress.done;
        });
    assert_eq!(pulled.unwrap(), Pulled::Downloaded { resumed: 0 });
    assert_eq!(last, 3 << 20);
    assert_eq!(world.pull(&body).unwrap(), Pulled::AlreadyThere);
    assert_eq!(world.server.seen().len(), 1);
    assert_eq!(world.left(), [format!("blobs/sha256/{}", Digest::of(&body).hex())]);
}

#[test]
fn a_download_that_breaks_off_goes_on_where_it_was() {
    let body = noise(2, 300_000);
    let world = World::new({
        let body = body.clone();
        // Each connection brings a bit more.
        move |seen| Reply::part(seen, &body).cut(130_000)
    });
    world.pull(&body).unwrap();
    let asked: Vec<usize> = world.server.seen().iter().map(Seen::from).collect();
    assert_eq!(asked, [0, 130_000, 260_000]);
}

#[test]
fn a_download_of_a_program_that_ended_goes_on_in_the_next_one() {
    let body = noise(3, 200_000);
    let world = World::new({
        let body = body.clone();
        move |seen| if seen.before < 3 { Reply::part(seen, &body).cut(10) } else { Reply::part(seen, &body) }
    });
    assert!(text(&world.pull(&body).unwrap_err()).contains("cannot be reached"));
    assert_eq!(world.left(), [format!(".incoming/{}", Digest::of(&body).hex())]);
    assert_eq!(world.pull(&body).unwrap(), Pulled::Downloaded { resumed: 30 });
    assert_eq!(world.server.seen().len(), 4);
}

#[test]
fn a_download_whose_first_bytes_were_damaged_is_begun_again() {
    let body = noise(4, 100_000);
    let world = World::new({
        let body = body.clone();
        move |seen| Reply::part(seen, &body)
    });
    let mut partial = world.layout.begin(&Digest::of(&body), 100_000).unwrap();
    partial.write(&[0; 50_000]).unwrap();
    drop(partial);
    assert_eq!(world.pull(&body).unwrap(), Pulled::Downloaded { resumed: 0 });
    assert_eq!(world.server.seen().iter().map(Seen::from).collect::<Vec<_>>(), [50_000, 0]);
}

#[test]
fn a_registry_that_knows_no_ranges_sends_all_of_it() {
    let body = noise(5, 100_000);
    for odd in 0..3 {
        let world = World::new({
            let body = body.clone();
            move |seen| match (seen.before, odd) {
                (0, _) => Reply::new(200, body.clone()).cut(40_000),
                (1, 1) => Reply::new(416, ""),
                // Another part than was asked for.
                (1, 2) => Reply::new(206, &body[..]).with("Content-Range", "bytes 0-99999/100000"),
                _ => Reply::new(200, body.clone()),
            }
        });
        world.pull(&body).unwrap();
        assert!(world.layout.has(&Digest::of(&body)).unwrap());
        assert_eq!(world.server.seen().len(), if odd == 0 { 2 } else { 3 }, "what comes is taken");
    }
}

#[test]
fn an_overloaded_registry_is_asked_again_after_the_pause_that_it_wants() {
    let body = noise(6, 1000);
    let world = World::new({
        let body = body.clone();
        move |seen| match seen.before {
            0 => Reply::new(429, "").with("Retry-After", "1"),
            1 => Reply::new(503, "{\"errors\":[]}"),
            _ => Reply::new(200, body.clone()),
        }
    });
    let began = Instant::now();
    world.pull(&body).unwrap();
    assert!(began.elapsed() >= Duration::from_secs(1));
    let world = World::new(|_| {
        Reply::new(500, r#"{"errors":[{"code":"UNKNOWN","message":"disk\u001b[31m\nfull"}]}"#)
    });
    let said = text(&world.pull(&body).unwrap_err());
    assert!(said.contains("500") && said.contains("full"), "{said}");
    assert_eq!(world.server.seen().len(), 3);
    assert_eq!(world.left(), Vec::<String>::new());
    let world = World::new(|_| Reply::new(429, "").with("Retry-After", "100000"));
    assert!(text(&world.pull(&body).unwrap_err()).contains("100000 s"));
    assert_eq!(world.server.seen().len(), 3, "the pause has a bound, too");
}

#[test]
fn what_will_not_change_is_not_asked_again() {
    let world = World::new(|_| Reply::new(404, r#"{"errors":[{"code":"BLOB_UNKNOWN"}]}"#));
    let error = world.pull(b"x").unwrap_err();
    assert!(error.is_not_found() && text(&error).contains("BLOB_UNKNOWN"));
    assert_eq!(world.server.seen().len(), 1);
    assert_eq!(world.left(), Vec::<String>::new());
}

#[test]
fn a_blob_without_bytes_comes_too() {
    let world = World::new(|_| Reply::new(200, ""));
    world.pull(b"").unwrap();
    assert!(world.layout.has(&Digest::of(b"")).unwrap());
}

#[test]
fn an_artifact_comes_whole_and_its_manifest_last() {
    let config = Blob { media_type: CONFIG_TYPE.to_owned(), digest: Digest::of(b"{}"), size: 2 };
    let mut artifact = Artifact::new(ARTIFACT_TYPE, config).unwrap();
    let kernel = Blob { media_type: FILE_TYPE.to_owned(), digest: Digest::of(b"kernel"), size: 6 };
    artifact.add_file("vmlinuz".parse().unwrap(), kernel).unwrap();
    let bytes = artifact.to_bytes().unwrap();
    let served = bytes.clone();
    let world = World::new(move |seen| match &seen.path {
        path if path.contains("/manifests/") => Reply::new(200, served.clone()),
        path if path.ends_with(&Digest::of(b"{}").hex()) => Reply::new(200, "{}"),
        _ => Reply::new(200, "kernel"),
    });
    let target = Target::Tag("v1".parse().unwrap());
    let pulled = world.registry().pull_artifact(&target, ARTIFACT_TYPE, &world.layout, &mut |_| {}).unwrap();
    assert_eq!((pulled.digest, pulled.artifact), (Digest::of(&bytes), artifact));
    assert_eq!(world.left().len(), 3);
    let foreign = world.registry().artifact(&target, "application/x").unwrap_err();
    assert!(text(&foreign).contains("an artifact of type"), "{foreign}");
}
