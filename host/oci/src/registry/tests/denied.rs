//! Logins: they go where they belong, and are never shown.

use super::*;

const LOGIN: &str = "Basic bWU6aHVudGVyMg=="; // me:hunter2

#[test]
fn plain_http_is_for_this_machine_and_named_hosts() {
    let (host, repository) = ("registry.example".parse().unwrap(), "a".parse().unwrap());
    let plain = Options { plain_http: true, ..Options::default() };
    let error = Registry::new(&host, &repository, plain.clone(), Arc::default()).unwrap_err();
    assert!(text(&error).contains("registry.example"));
    let named = Options { plain_http_hosts: vec![host.clone()], ..plain };
    let registry = Registry::new(&host, &repository, named, Arc::default()).unwrap();
    assert_eq!(format!("{registry:?}"), "Registry(http://registry.example/a)");
    let registry = Registry::new(&host, &repository, Options::default(), Arc::default()).unwrap();
    assert_eq!(format!("{registry:?}"), "Registry(https://registry.example/a)");
}

#[test]
fn a_user_and_a_password_are_sent_to_who_wants_them() {
    let world = World::new(|seen| match seen.header("authorization") {
        Some(LOGIN) => Reply::new(200, "{}"),
        _ => Reply::new(401, "").with("WWW-Authenticate", "Basic realm=\"x\""),
    });
    let said = text(&world.pull(b"{}").unwrap_err());
    assert!(said.contains("there is no login for it: skopeo login 127.0.0.1:"), "{said}");
    let host = world.server.host().to_string();
    let with = |login: &str| Options { logins: world.logins(&[(&host, login)]), ..world.options() };
    let registry = world.registry_with(with("me:wrong"));
    let error = registry.pull_blob(&Digest::of(b"{}"), 2, &world.layout, &mut |_| {}).unwrap_err();
    assert!(text(&error).contains("does not do"), "{error}");
    assert!(!format!("{error:?}").contains("wrong"));
    let registry = world.registry_with(with("me:hunter2"));
    registry.pull_blob(&Digest::of(b"{}"), 2, &world.layout, &mut |_| {}).unwrap();
}

#[test]
fn a_token_is_fetched_with_the_login_and_again_when_it_is_too_old() {
    let world = World::new(|seen| {
        if seen.path.starts_with("/token") {
            assert_eq!(seen.path, "/token?service=r&scope=repository:a/b:pull");
            assert_eq!(seen.header("authorization"), Some(LOGIN));
            return Reply::new(200, format!(r#"{{"token":"t{}"}}"#, seen.before));
        }
        // Each token is good for one request.
        match seen.header("authorization") {
            Some(token) if token == format!("Bearer t{}", seen.before - 1) => Reply::new(200, "{}"),
            _ => Reply::new(401, "").with(
                "WWW-Authenticate",
                &format!("Bearer realm=\"http://{}/token\",service=\"r\"", seen.header("host").unwrap()),
            ),
        }
    });
    let logins = world.logins(&[(world.server.host().as_str(), "me:hunter2")]);
    let registry = world.registry_with(Options { logins, ..world.options() });
    let target = Target::Tag("v1".parse().unwrap());
    for _ in 0..3 {
        registry.manifest(&target).unwrap();
    }
    assert!(!format!("{registry:?}").contains("t1"));
}

#[test]
fn a_login_never_goes_to_another_host() {
    // Neither to where tokens are said to be, nor to where a blob is said to lie.
    let evil = Arc::new(Server::start(|seen| match seen.path.as_str() {
        path if path.starts_with("/token") => Reply::new(200, r#"{"access_token":"theirs"}"#),
        _ => Reply::new(200, "{}"),
    }));
    let there = evil.host().to_string();
    let world = World::new(move |seen| {
        if seen.header("authorization") == Some("Bearer theirs") {
            return Reply::new(307, "").with("Location", &format!("http://{there}/blob"));
        }
        Reply::new(401, "")
            .with("WWW-Authenticate", &format!("Bearer realm=\"http://{there}/token\",service=\"r\""))
    });
    let host = world.server.host().to_string();
    let logins = world.logins(&[(&host, "me:hunter2")]);
    let registry = world.registry_with(Options { logins, ..world.options() });
    registry.pull_blob(&Digest::of(b"{}"), 2, &world.layout, &mut |_| {}).unwrap();
    let seen = evil.seen();
    assert_eq!(seen.len(), 2);
    assert!(seen.iter().all(|seen| seen.header("authorization").is_none()), "{seen:?}");
    // The host of tokens has a login of its own.
    let logins = world.logins(&[(&host, "me:hunter2"), (evil.host().as_str(), "other:one")]);
    let registry = world.registry_with(Options { logins, ..world.options() });
    registry.manifest(&Target::Digest(Digest::of(b"{}"))).unwrap();
    let seen = evil.seen();
    assert_eq!(seen[2].header("authorization"), Some("Basic b3RoZXI6b25l"));
    assert!(seen[3].header("authorization").is_none());
}

#[test]
fn what_hands_out_no_tokens_is_told_without_showing_what_it_sent() {
    for (answer, wanted) in [
        (Reply::new(200, r#"{"token":"hunter2\n"}"#), "no token"),
        (Reply::new(200, r#"{"token":{"hunter2":1}}"#), "no token"),
        (Reply::new(200, "hunter2"), "no token"),
        (Reply::new(200, "{}"), "no token"),
        (Reply::new(200, vec![b'x'; 1 << 16]).endless(), "no token"),
        (Reply::new(401, ""), "there is no login for it"),
        (Reply::new(302, "").with("Location", "/token"), "status 302"),
    ] {
        let world = World::new(move |seen| match seen.path.as_str() {
            path if path.starts_with("/token") => answer.clone(),
            _ => Reply::new(401, "").with(
                "WWW-Authenticate",
                &format!("Bearer realm=\"http://{}/token\"", seen.header("host").unwrap()),
            ),
        });
        let error = world.pull(b"x").unwrap_err();
        assert!(text(&error).contains(wanted), "{wanted}: {error}");
        assert!(!format!("{error:?}").contains("hunter2"));
    }
    for realm in ["ftp://x/", "", "http://10.0.0.1/token", "https://u:p@x/"] {
        let world = World::new(move |_| {
            Reply::new(401, "").with("WWW-Authenticate", &format!("Bearer realm=\"{realm}\""))
        });
        assert!(matches!(world.pull(b"x"), Err(RegistryError::Astray { .. })), "{realm}");
    }
    let world = World::new(|_| Reply::new(401, "").with("WWW-Authenticate", "Negotiate"));
    assert!(text(&world.pull(b"x").unwrap_err()).contains("not known here"));
}

#[test]
fn certificates_that_are_none_are_named() {
    let world = World::new(|_| Reply::new(200, ""));
    for (content, wanted) in [(Some("nonsense"), "no certificate"), (None, "No such file")] {
        let path = world.path("ca.pem");
        match content {
            Some(content) => std::fs::File::create(&path).unwrap().write_all(content.as_bytes()).unwrap(),
            None => std::fs::remove_file(&path).unwrap(),
        }
        let options = Options { certificates: vec![path.clone()], ..world.options() };
        let error =
            Registry::new(&world.server.host(), &"a".parse().unwrap(), options, Arc::default()).unwrap_err();
        assert!(text(&error).contains(wanted) && text(&error).contains("ca.pem"), "{error}");
    }
}
