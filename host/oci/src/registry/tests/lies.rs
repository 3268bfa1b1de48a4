//! Registries that lie: one line, and nothing left.

use super::*;

fn refused(answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static, wanted: &str) {
    let world = World::new(answer);
    let said = text(&world.pull(b"the right bytes").unwrap_err());
    assert!(said.contains(wanted), "{wanted}: {said}");
    assert_eq!(world.left(), Vec::<String>::new(), "{said}");
}

#[test]
fn wrong_bytes_and_wrong_lengths_are_found_out() {
    refused(|_| Reply::new(200, "the wrong bytes"), "wrong answer");
    refused(|_| Reply::new(200, "short"), "5 bytes");
    refused(|_| Reply::new(200, "the right bytes and more"), "24 bytes");
    refused(|_| Reply::new(204, ""), "status 204");
    refused(|_| Reply::new(302, "").with("Location", "nowhere"), "no address");
    refused(|_| Reply::new(302, ""), "location");
    // More than is told, without a length.
    refused(|_| Reply::new(200, vec![b'x'; 100_000]).endless(), "more than 15 bytes");
}

#[test]
fn parts_of_something_else_are_found_out() {
    let world = World::new(|seen| match seen.before {
        0 => Reply::new(200, "the right bytes").cut(4),
        _ => Reply::new(206, " wrong bytes").with("Content-Range", "bytes 4-15/16"),
    });
    let said = text(&world.pull(b"the right bytes").unwrap_err());
    assert!(said.contains("16 bytes, not 15"), "{said}");
    assert_eq!(world.left(), Vec::<String>::new());
}

#[test]
fn redirects_that_never_end_do() {
    let world = World::new(|seen| Reply::new(307, "").with("Location", &format!("/next?{}", seen.before)));
    assert!(text(&world.pull(b"x").unwrap_err()).contains("on and on"));
    assert_eq!(world.server.seen().len(), 6);
    assert_eq!(world.left(), Vec::<String>::new());
}

#[test]
fn redirects_lead_nowhere_that_is_not_allowed() {
    for (to, wanted) in [
        ("http://10.0.0.1/x", "plain HTTP"),
        ("file:///etc/passwd", "no address"),
        ("https://user:pass@h/x", "no login in it"),
    ] {
        refused(move |_| Reply::new(302, "").with("Location", to), wanted);
    }
}

#[test]
fn manifests_are_small_and_what_their_digests_say() {
    let digest = Digest::of(b"{}");
    let of = |answer: Reply| {
        let world = World::new(move |_| answer.clone());
        text(&world.registry().manifest(&Target::Digest(digest)).unwrap_err())
    };
    assert!(of(Reply::new(200, "{ }")).contains("it has the digest"));
    let lie = Digest::of(b"other").to_string();
    assert!(of(Reply::new(200, "{}").with("Docker-Content-Digest", &lie)).contains("it says that this is"));
    let began = Instant::now();
    assert!(of(Reply::new(200, "x").with("Content-Length", "104857600")).contains("4 MiB"));
    assert!(of(Reply::new(200, vec![b' '; 1 << 20]).endless()).contains("4 MiB"));
    assert!(began.elapsed() < Duration::from_secs(10));
    // By a tag nothing but the header can lie.
    let world = World::new(move |_| Reply::new(200, "{}").with("Docker-Content-Digest", &lie));
    let tag = Target::Tag("v1".parse().unwrap());
    assert!(text(&world.registry().manifest(&tag).unwrap_err()).contains("it says that this is"));
}

#[test]
fn heads_that_are_too_large_or_nonsense_are_refused() {
    refused(|_| Reply::new(200, "").with("X", &"x".repeat(1 << 20)), "");
    refused(|_| Reply::new(200, "").with("Content-Length", "-1"), "");
    refused(|_| Reply::new(999, ""), "");
}

#[test]
fn tags_are_read_page_by_page_and_end() {
    let world = World::new(|seen| match seen.path.as_str() {
        path if path.contains("last=a") => Reply::new(200, r#"{"tags":["b","c"]}"#),
        _ => Reply::new(200, r#"{"tags":["a","../x","7"]}"#)
            .with("Link", r#"</v2/a/b/tags/list?last=a>; rel="next""#),
    });
    let tags: Vec<String> = world.registry().tags().unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(tags, ["7", "a", "b", "c"]);
    let world = World::new(|_| {
        Reply::new(200, r#"{"tags":["a"]}"#).with("Link", r#"</v2/a/b/tags/list>; rel="next""#)
    });
    assert_eq!(world.registry().tags().unwrap().len(), 1);
    let world = World::new(|_| Reply::new(404, ""));
    assert!(world.registry().tags().unwrap().is_empty());
    let world = World::new(|_| Reply::new(200, r#"{"tags":7}"#));
    assert!(text(&world.registry().tags().unwrap_err()).contains("no list of tags"));
}

#[test]
fn a_registry_that_is_not_there_is_told() {
    let world = World::new(|_| Reply::new(200, ""));
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let registry =
        Registry::new(&nobody.parse().unwrap(), &"a".parse().unwrap(), world.options(), Arc::default())
            .unwrap();
    let said = text(&registry.tags().unwrap_err());
    assert!(said.contains(&nobody) && said.contains("refused"), "{said}");
}

#[test]
fn artifacts_about_a_manifest_are_listed_by_the_registry_or_by_a_tag() {
    let (subject, about) = (Digest::of(b"subject"), Digest::of(b"signature"));
    let list = serde_json::json!({"schemaVersion": 2, "manifests": [
        {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": about, "size": 9, "artifactType": "application/x"}]});
    for knows in [true, false] {
        let list = list.to_string();
        let world = World::new(move |seen| match &seen.path {
            path if path.ends_with(&format!("/referrers/{subject}")) && knows => {
                Reply::new(200, list.clone())
            }
            path if path.ends_with(&format!("/manifests/sha256-{}", subject.hex())) => {
                Reply::new(200, list.clone())
            }
            _ => Reply::new(404, ""),
        });
        let found = world.registry().referrers(&subject).unwrap();
        assert_eq!(
            found,
            [Referrer { digest: about, size: 9, artifact_type: Some("application/x".to_owned()) }]
        );
        assert_eq!(world.registry().referrers(&about).unwrap(), []);
    }
    let world = World::new(|_| {
        Reply::new(200, r#"{"schemaVersion":2,"manifests":[{"mediaType":"a/b","digest":"x","size":1}]}"#)
    });
    assert!(text(&world.registry().referrers(&subject).unwrap_err()).contains("no list of manifests"));
}
