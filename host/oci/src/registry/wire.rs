//! Requests as such: each on a thread of its own, so that a stop is heard whatever the thread waits for.

use super::{Options, RegistryError, place::OriginPath, secret::Secret};
use camino::Utf8Path;
use disklessset_system::durable;
use std::{
    fs::File,
    io::{self, Read},
    os::unix::fs::FileExt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    time::{Duration, Instant},
};
use ureq::{
    Agent, Body, SendBody,
    http::{Method, Request, Response, header},
    tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem},
};

/// How often a stop is looked for, and progress told.
const TICK: Duration = Duration::from_millis(100);
/// How long a thread may take to end after a stop; one that looks up a name or connects cannot hear it, and is left alone.
const GRACE: Duration = Duration::from_millis(500);
/// The largest file of certificates that is read.
const MOST_CERTIFICATES: u64 = 4 << 20;

/// What goes with a request.
#[derive(Clone)]
pub(super) enum Content {
    Nothing,
    Bytes(Arc<[u8]>),
    /// So many bytes of a file, from its beginning, and how many of them have been read.
    File {
        file: Arc<File>,
        size: u64,
        sent: Arc<AtomicU64>,
    },
}

/// A request without its authorization.
#[derive(Clone)]
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) place: OriginPath,
    pub(super) headers: Vec<(header::HeaderName, String)>,
    pub(super) content: Content,
}

impl Asked {
    pub(super) fn new(method: Method, place: OriginPath) -> Self {
        Self { method, place, headers: Vec::new(), content: Content::Nothing }
    }

    pub(super) fn header(mut self, name: header::HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// The connections to a registry.
pub(super) struct Wire {
    agent: Agent,
    stop: Arc<AtomicBool>,
}

impl Wire {
    pub(super) fn new(options: &Options, local: bool, stop: Arc<AtomicBool>) -> Result<Self, RegistryError> {
        let mut roots: Vec<Certificate<'static>> = rustls_native_certs::load_native_certs()
            .certs
            .iter()
            .map(|certificate| Certificate::from_der(certificate.as_ref()).to_owned())
            .collect();
        for path in &options.certificates {
            roots.extend(certificates(path)?);
        }
        // What is on this machine is not behind the site's proxy, whatever the environment says.
        let builder = Agent::config_builder();
        let builder = if local { builder.proxy(None) } else { builder };
        let config = builder
            .tls_config(TlsConfig::builder().root_certs(RootCerts::new_with_certs(&roots)).build())
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("disklessset/", env!("CARGO_PKG_VERSION")))
            .timeout_resolve(Some(Duration::from_secs(20)))
            .timeout_connect(Some(Duration::from_secs(20)))
            .timeout_per_read(Some(options.silence))
            .timeout_per_write(Some(options.silence))
            .build();
        Ok(Self { agent: config.new_agent(), stop })
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Sends a request and gets the head of the answer. `tick` is called several times a second.
    pub(super) fn send(
        &self,
        asked: &Asked,
        authorization: Option<&Secret>,
        tick: &mut dyn FnMut(),
    ) -> Result<Response<Body>, RegistryError> {
        let host = asked.place.origin.host().to_string();
        let mut request = Request::builder().method(asked.method.clone()).uri(asked.place.uri());
        for (name, value) in &asked.headers {
            request = request.header(name, value);
        }
        if let Some(secret) = authorization {
            request = request.header(header::AUTHORIZATION, secret.reveal());
        }
        // The message could show a header.
        let invalid = || RegistryError::broke_off(&host, &"a header of the request cannot be sent");
        let (agent, content) = (self.agent.clone(), asked.content.clone());
        let answer = match content {
            Content::Nothing => {
                let request = request.body(()).map_err(|_| invalid())?;
                self.on_thread(move || agent.run(request), tick)?
            }
            Content::Bytes(bytes) => {
                let request = request.body(bytes).map_err(|_| invalid())?;
                self.on_thread(move || agent.run(request.map(|bytes| bytes.to_vec())), tick)?
            }
            Content::File { file, size, sent } => {
                sent.store(0, Ordering::Relaxed);
                let request = request.header(header::CONTENT_LENGTH, size).body(()).map_err(|_| invalid())?;
                let reader = Sent { file, size, sent, stop: self.stop.clone() };
                self.on_thread(
                    move || agent.run(request.map(|()| SendBody::from_owned_reader(reader))),
                    tick,
                )?
            }
        };
        answer.map_err(|cause| RegistryError::unreachable(&host, &cause))
    }

    /// Does work that waits for the network on a thread, which a stop ends within a second.
    pub(super) fn on_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
        tick: &mut dyn FnMut(),
    ) -> Result<T, RegistryError> {
        if self.is_stopped() {
            return Err(RegistryError::Stopped);
        }
        let (sender, receiver) = mpsc::channel();
        let thread = std::thread::Builder::new().name("registry".to_owned());
        let started = thread.spawn(move || drop(sender.send(work())));
        started
            .map_err(|cause| RegistryError::broke_off("the registry", &format_args!("no thread: {cause}")))?;
        let broken = || RegistryError::broke_off("the registry", &"its thread ended early");
        loop {
            match receiver.recv_timeout(TICK) {
                Ok(done) => return Ok(done),
                Err(RecvTimeoutError::Disconnected) => return Err(broken()),
                Err(RecvTimeoutError::Timeout) => tick(),
            }
            if self.is_stopped() {
                self.agent.clone().shutdown();
                // What it brings no longer counts, only that it has ended.
                let _ = receiver.recv_timeout(GRACE);
                return Err(RegistryError::Stopped);
            }
        }
    }

    /// Waits, unless it is stopped.
    pub(super) fn pause(&self, time: Duration) -> Result<(), RegistryError> {
        let end = Instant::now() + time;
        while !self.is_stopped() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(TICK));
        }
        Err(RegistryError::Stopped)
    }
}

/// The bytes of a file on their way.
struct Sent {
    file: Arc<File>,
    size: u64,
    sent: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

impl Read for Sent {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(io::Error::other("stopped"));
        }
        let at = self.sent.load(Ordering::Relaxed);
        let most = usize::try_from(self.size - at).unwrap_or(usize::MAX).min(buffer.len());
        let got = self.file.read_at(&mut buffer[..most], at)?;
        self.sent.fetch_add(got as u64, Ordering::Relaxed);
        Ok(got)
    }
}

fn certificates(path: &Utf8Path) -> Result<Vec<Certificate<'static>>, RegistryError> {
    let setting = |why: String| RegistryError::Setting { path: path.to_owned(), why };
    let real = path.canonicalize_utf8().map_err(|cause| setting(cause.to_string()))?;
    let text =
        durable::read_bounded(&real, MOST_CERTIFICATES).map_err(|error| setting(error.source.to_string()))?;
    let mut found = Vec::new();
    for item in parse_pem(&text) {
        match item {
            Ok(PemItem::Certificate(certificate)) => found.push(certificate),
            Ok(_) => {}
            Err(_) => return Err(setting("it is no PEM".to_owned())),
        }
    }
    if found.is_empty() { Err(setting("it has no certificate".to_owned())) } else { Ok(found) }
}
