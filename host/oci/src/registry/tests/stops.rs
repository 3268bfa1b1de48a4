//! A stop is heard within a second, whatever is waited for.

use super::*;

/// Raises the flag soon, and tells how long it took from there.
fn stopped(world: &World, options: Options, work: impl Fn(&Registry) -> Result<(), RegistryError>) {
    let stop = Arc::new(AtomicBool::new(false));
    let registry =
        Registry::new(&world.server.host(), &"a/b".parse().unwrap(), options, stop.clone()).unwrap();
    let raised = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        stop.store(true, Ordering::Relaxed);
        Instant::now()
    });
    let ended = work(&registry);
    let took = raised.join().unwrap().elapsed();
    assert!(matches!(ended, Err(RegistryError::Stopped)), "{ended:?}");
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert!(matches!(registry.tags(), Err(RegistryError::Stopped)));
}

fn pull(registry: &Registry, layout: &Layout, body: &[u8]) -> Result<(), RegistryError> {
    registry.pull_blob(&Digest::of(body), body.len() as u64, layout, &mut |_| {}).map(drop)
}

#[test]
fn a_stop_is_heard_while_an_answer_is_waited_for() {
    let world = World::new(|_| {
        std::thread::sleep(Duration::from_secs(5));
        Reply::new(200, "")
    });
    stopped(&world, world.options(), |registry| pull(registry, &world.layout, b"x"));
}

#[test]
fn a_stop_is_heard_in_the_midst_of_a_body_and_what_came_stays() {
    let body = noise(7, 400_000);
    let served = body.clone();
    let world = World::new(move |seen| match seen.before {
        0 => Reply::new(200, served.clone()).silent(300_000),
        _ => Reply::part(seen, &served),
    });
    stopped(&world, world.options(), |registry| pull(registry, &world.layout, &body));
    assert!(matches!(world.layout.trust(&Digest::of(&body)), Err(LayoutError::Missing(_))));
    assert_eq!(world.pull(&body).unwrap(), Pulled::Downloaded { resumed: 300_000 });
}

#[test]
fn a_stop_is_heard_during_a_pause() {
    let world = World::new(|_| Reply::new(503, "").with("Retry-After", "30"));
    let options = Options { longest_pause: Duration::from_secs(60), ..world.options() };
    stopped(&world, options, |registry| pull(registry, &world.layout, b"x"));
}

#[test]
fn a_stop_is_heard_while_a_host_does_not_answer_at_all() {
    // A full queue of connections: another one is neither taken nor refused.
    let listener = rustix_listener();
    let address = listener.1.clone();
    let fillers: Vec<_> = (0..8)
        .map(|_| {
            let address = address.parse().unwrap();
            std::net::TcpStream::connect_timeout(&address, Duration::from_millis(50))
        })
        .collect();
    let world = World::new(|_| Reply::new(200, ""));
    let stop = Arc::new(AtomicBool::new(false));
    let registry =
        Registry::new(&address.parse().unwrap(), &"a".parse().unwrap(), world.options(), stop.clone())
            .unwrap();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        stop.store(true, Ordering::Relaxed);
    });
    let began = Instant::now();
    assert!(matches!(registry.tags(), Err(RegistryError::Stopped)));
    assert!(began.elapsed() < Duration::from_millis(1300), "{:?}", began.elapsed());
    drop(fillers);
}

/// A socket that nobody accepts connections of.
fn rustix_listener() -> (std::net::TcpListener, String) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

#[test]
fn a_silent_registry_is_given_up() {
    let world = World::new(|_| Reply::new(200, vec![0; 10_000]).silent(100));
    let options = Options { silence: Duration::from_millis(200), tries: 2, ..world.options() };
    let registry = world.registry_with(options);
    let began = Instant::now();
    let error =
        registry.pull_blob(&Digest::of(&[0; 10_000]), 10_000, &world.layout, &mut |_| {}).unwrap_err();
    assert!(text(&error).contains("cannot be reached"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(5));
}
