//! The server itself: hyper on a listener somebody else bound, until told to stop.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{Either, Full};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tower_http::services::ServeDir;
use tower_http::services::fs::ServeFileSystemResponseBody;

use super::counted::Counted;
use super::tree::{OpenError, ServedTree};

/// How long a client may take to send its request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How much of a file is read at once: large files dominate here.
const CHUNK: usize = 256 * 1024;

/// What a caller may want to know of each request.
pub trait Observer: Send + Sync + 'static {
    /// A request was answered and its body is over.
    fn finished(&self, report: RequestReport);
}

/// One request and what became of it.
#[derive(Debug, Clone)]
pub struct RequestReport {
    /// Who asked.
    pub peer: SocketAddr,
    /// `GET`, `HEAD`, …
    pub method: String,
    /// The path as asked for, without leading slash and query.
    pub path: String,
    /// The client's `User-Agent`, empty when it sent none.
    pub agent: String,
    /// What the client called this server (`Host`), empty when it did not say.
    pub host: String,
    /// HTTP status.
    pub status: u16,
    /// Bytes of body sent.
    pub bytes: u64,
    /// Whether that was all of it.
    pub transfer: Transfer,
    /// Why a path was refused or failed, for people.
    pub problem: Option<String>,
}

/// Whether a body went out whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transfer {
    /// All bytes announced were sent.
    Complete,
    /// The client went away, or the file could not be read to its end.
    CutShort,
}

type Body = Counted<Either<ServeFileSystemResponseBody, Full<Bytes>>>;

/// Serves `tree` on `listener` until `stop` resolves; connections still open then are dropped.
///
/// Must run inside a tokio runtime with I/O and time enabled.
///
/// # Errors
/// When the listener cannot be used or fails for good. A fault of one connection ends that connection only.
pub async fn serve(
    listener: std::net::TcpListener,
    tree: ServedTree,
    observer: Arc<dyn Observer>,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let mut connections = tokio::task::JoinSet::new();
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => return Ok(()),
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn(connection(stream, peer, tree.clone(), observer.clone()));
                }
                Err(error) if is_passing(&error) => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                Err(error) => return Err(error),
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Faults of accept that concern one client, or pass when others close.
fn is_passing(error: &io::Error) -> bool {
    use nix::libc;
    matches!(
        error.raw_os_error(),
        Some(
            libc::ECONNABORTED
                | libc::EMFILE
                | libc::ENFILE
                | libc::ENOBUFS
                | libc::ENOMEM
                | libc::EINTR
                | libc::EPROTO
        )
    )
}

async fn connection(
    stream: tokio::net::TcpStream,
    peer: SocketAddr,
    tree: ServedTree,
    observer: Arc<dyn Observer>,
) {
    // Boot clients send small requests one after the other: waiting for more to send helps nobody.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let tree = tree.clone();
        let observer = observer.clone();
        async move { Ok::<_, Infallible>(answer(request, peer, tree, observer).await) }
    });
    // A client that hangs up midway is reported through its request, not here.
    let _ = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer<B: Send + 'static>(
    request: Request<B>,
    peer: SocketAddr,
    tree: ServedTree,
    observer: Arc<dyn Observer>,
) -> Response<Body> {
    let method = request.method().clone();
    let path = request.uri().path().trim_start_matches('/').to_owned();
    let header = |name| {
        let value = request.headers().get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let (agent, host) = (header(header::USER_AGENT), header(header::HOST));
    let (response, problem) = match tree.in_memory(&path) {
        Some(content) if method == Method::GET || method == Method::HEAD => {
            (plain(StatusCode::OK, content), None)
        }
        _ => from_disk(request, tree).await,
    };
    let announced = match method == Method::HEAD {
        true => 0,
        false => announced_length(&response),
    };
    let report = RequestReport {
        peer,
        method: method.to_string(),
        path,
        agent,
        host,
        status: response.status().as_u16(),
        bytes: 0,
        transfer: Transfer::Complete,
        problem,
    };
    response.map(|body| {
        Counted::new(body, announced, move |bytes, transfer| {
            observer.finished(RequestReport { bytes, transfer, ..report });
        })
    })
}

type RawResponse = Response<Either<ServeFileSystemResponseBody, Full<Bytes>>>;

async fn from_disk<B: Send + 'static>(
    request: Request<B>,
    tree: ServedTree,
) -> (RawResponse, Option<String>) {
    let mut files =
        ServeDir::with_backend("", tree).append_index_html_on_directories(false).with_buf_chunk_size(CHUNK);
    match files.try_call(request).await {
        Ok(response) => (response.map(Either::Left), None),
        Err(error) => {
            let status = match error.kind() {
                io::ErrorKind::PermissionDenied => StatusCode::FORBIDDEN,
                io::ErrorKind::NotFound => StatusCode::NOT_FOUND,
                _ => StatusCode::INTERNAL_SERVER_ERROR,
            };
            let problem = match error.get_ref().and_then(|e| e.downcast_ref::<OpenError>()) {
                Some(refused) => refused.to_string(),
                None => error.to_string(),
            };
            // The reason names modes and directories: for the operator, not for clients.
            (plain(status, Bytes::new()), Some(problem))
        }
    }
}

fn plain(status: StatusCode, content: Bytes) -> RawResponse {
    let length = content.len();
    let mut response = Response::new(Either::Right(Full::new(content)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    response
}

fn announced_length<B: http_body::Body>(response: &Response<B>) -> u64 {
    response
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .unwrap_or_else(|| response.body().size_hint().exact().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use camino::{Utf8Path, Utf8PathBuf};
    use std::fs::{Permissions, set_permissions};
    use std::io::{Read, Write};
    use std::os::unix::fs::PermissionsExt;
    use std::sync::mpsc;

    struct Channel(std::sync::Mutex<mpsc::Sender<RequestReport>>);

    impl Observer for Channel {
        fn finished(&self, report: RequestReport) {
            let _ = self.0.lock().unwrap().send(report);
        }
    }

    struct Site {
        address: SocketAddr,
        reports: mpsc::Receiver<RequestReport>,
        stop: Option<tokio::sync::oneshot::Sender<()>>,
        thread: Option<std::thread::JoinHandle<()>>,
        root: Utf8PathBuf,
        _outer: tempfile::TempDir,
    }

    impl Drop for Site {
        fn drop(&mut self) {
            drop(self.stop.take());
            self.thread.take().unwrap().join().unwrap();
        }
    }

    #[allow(clippy::disallowed_methods, reason = "a test makes its own files")]
    fn site() -> Site {
        let outer = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(outer.path()).unwrap().join("html");
        std::fs::create_dir_all(root.join("images/web")).unwrap();
        for d in ["", "images", "images/web"] {
            set_permissions(root.join(d), Permissions::from_mode(0o755)).unwrap();
        }
        for (name, mode) in [("squashfs.img", 0o644), ("initramfs", 0o600)] {
            let file = root.join("images/web").join(name);
            std::fs::write(&file, b"0123456789".repeat(100_000)).unwrap();
            set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        }
        let tree = ServedTree::new(&root).unwrap().with_file(".prove/entry.ipxe", "#!ipxe\n");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, reports) = mpsc::channel();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let observer = Arc::new(Channel(std::sync::Mutex::new(sender)));
            runtime
                .block_on(serve(listener, tree, observer, async {
                    let _ = stopped.await;
                }))
                .unwrap();
        });
        Site { address, reports, stop: Some(stop), thread: Some(thread), root, _outer: outer }
    }

    impl Site {
        fn ask(&self, head: &str) -> (String, Vec<u8>, RequestReport) {
            let mut stream = std::net::TcpStream::connect(self.address).unwrap();
            let text = format!("{head}\r\nHost: x\r\nUser-Agent: iPXE/1\r\nConnection: close\r\n\r\n");
            stream.write_all(text.as_bytes()).unwrap();
            let mut all = Vec::new();
            stream.read_to_end(&mut all).unwrap();
            let end = all.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
            let report = self.reports.recv_timeout(Duration::from_secs(5)).unwrap();
            let head = String::from_utf8(all[..end].to_vec()).unwrap();
            (head, all[end + 4..].to_vec(), report)
        }
    }

    #[test]
    fn a_whole_file_and_a_part_of_it() {
        let site = site();
        let (head, body, report) = site.ask("GET /images/web/squashfs.img HTTP/1.1");
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert_eq!(body.len(), 1_000_000);
        assert_eq!((report.status, report.bytes), (200, 1_000_000));
        assert_eq!(report.transfer, Transfer::Complete);
        assert_eq!(report.path, "images/web/squashfs.img");
        assert_eq!(report.agent, "iPXE/1");

        let (head, body, report) = site.ask("GET /images/web/squashfs.img HTTP/1.1\r\nRange: bytes=5-9");
        assert!(head.starts_with("HTTP/1.1 206"), "{head}");
        assert_eq!(body, b"56789");
        assert_eq!((report.bytes, report.transfer), (5, Transfer::Complete));

        let (head, body, report) = site.ask("HEAD /images/web/squashfs.img HTTP/1.1");
        assert!(head.to_lowercase().contains("content-length: 1000000"), "{head}");
        assert!(body.is_empty());
        assert_eq!((report.bytes, report.transfer), (0, Transfer::Complete));
    }

    #[test]
    fn what_others_may_not_read_is_403_and_the_operator_learns_the_mode() {
        let site = site();
        let (head, body, report) = site.ask("GET /images/web/initramfs HTTP/1.1");
        assert!(head.starts_with("HTTP/1.1 403"), "{head}");
        assert!(body.is_empty());
        let problem = report.problem.unwrap();
        assert!(problem.contains("mode 0600 of images/web/initramfs"), "{problem}");
    }

    #[test]
    fn missing_files_directories_and_ways_out_are_not_served() {
        let site = site();
        for path in ["/none", "/images/", "/images", "/", "/../etc/passwd", "/%2e%2e/etc/passwd"] {
            let (head, _, _) = site.ask(&format!("GET {path} HTTP/1.1"));
            assert!(!head.starts_with("HTTP/1.1 2"), "{path}: {head}");
            assert!(!head.starts_with("HTTP/1.1 5"), "{path}: {head}");
        }
        let (head, _, _) = site.ask("POST /images/web/squashfs.img HTTP/1.1");
        assert!(head.starts_with("HTTP/1.1 405"), "{head}");
    }

    #[test]
    fn files_in_memory_win_and_need_no_disk() {
        let site = site();
        let (_, body, report) = site.ask("GET /.prove/entry.ipxe HTTP/1.1");
        assert_eq!(body, b"#!ipxe\n");
        assert_eq!(report.status, 200);
        assert!(!site.root.join(".prove").exists());
    }

    #[test]
    fn a_client_that_goes_away_is_reported_as_cut_short() {
        let site = site();
        let file = site.root.join("images/web/squashfs.img");
        let large = std::fs::OpenOptions::new().write(true).open(file).unwrap();
        large.set_len(64 * 1024 * 1024).unwrap();
        let mut stream = std::net::TcpStream::connect(site.address).unwrap();
        stream.write_all(b"GET /images/web/squashfs.img HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        stream.read_exact(&mut [0; 1000]).unwrap();
        drop(stream);
        let report = site.reports.recv_timeout(Duration::from_secs(5)).unwrap();
        assert_eq!(report.transfer, Transfer::CutShort);
        assert!(report.bytes < 64 * 1024 * 1024);
    }
}
