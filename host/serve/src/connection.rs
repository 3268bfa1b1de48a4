//! One connection: request after request, until either side has enough.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

use crate::answer::{Answer, Piece, answer, page};
use crate::desk::Desk;
use crate::limits::Limits;
use crate::proxies::TrustedProxies;
use crate::report::{Observer, RequestReport, Transfer, Underway};
use crate::request::{self, MOST_BYTES, Method, Refusal, Request, end_of_head};
use crate::send;
use crate::tree::ServedTree;

/// So much of a client's words is read at once.
const READ: usize = 2048;
/// How long a refused client may go on sending, and how much: its connection must not break before it has read why.
const LINGER: (Duration, usize) = (Duration::from_secs(2), 256 * 1024);

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) content: Content,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) limits: Limits,
    pub(crate) proxies: TrustedProxies,
}

/// What is there to be asked for.
pub(crate) enum Content {
    /// Files, and a desk that takes reports.
    Files(ServedTree, Option<Arc<dyn Desk>>),
    /// Pages alone.
    Pages(Arc<dyn Desk>),
}

/// What a client said.
enum Said {
    Request(Box<Request>),
    Refused(Refusal),
    TooSlow,
    Nothing,
}

/// Talks to a client until it is over. `stop` turns true when the server stops: then no further request is answered.
pub(crate) async fn talk(
    stream: TcpStream,
    peer: SocketAddr,
    shared: Arc<Shared>,
    stop: watch::Receiver<bool>,
) {
    // Boot clients send small requests one after the other: waiting for more to send helps nobody.
    let _ = stream.set_nodelay(true);
    let mut client = Client { stream, peer, shared, stop, came: Vec::new() };
    // A client that hangs up midway is reported through its request.
    let _ = client.talk().await;
}

/// Until the server stops.
pub(crate) async fn told_to_stop(stop: &mut watch::Receiver<bool>) {
    // A server that is gone has stopped.
    let _ = stop.wait_for(|stop| *stop).await;
}

struct Client {
    stream: TcpStream,
    peer: SocketAddr,
    shared: Arc<Shared>,
    stop: watch::Receiver<bool>,
    /// What came and is not read yet.
    came: Vec<u8>,
}

impl Client {
    async fn talk(&mut self) -> io::Result<()> {
        loop {
            let refused = match self.listen().await? {
                Said::Request(request) => {
                    let Some(answer) = self.answer(&request).await? else { return Ok(()) };
                    let keep_alive = request.keep_alive && !answer.ends && !*self.stop.borrow();
                    self.say(Some(&request), answer, keep_alive).await?;
                    if keep_alive {
                        continue;
                    }
                    return self.bye().await;
                }
                Said::Refused(refusal) => Answer::refusal(&refusal),
                Said::TooSlow => Answer::too_slow(),
                Said::Nothing => return Ok(()),
            };
            self.say(None, refused, false).await?;
            return self.bye().await;
        }
    }

    /// What to say; nothing to a client that went away in the midst of its request.
    async fn answer(&mut self, request: &Request) -> io::Result<Option<Answer>> {
        let shared = Arc::clone(&self.shared);
        let desk = match &shared.content {
            Content::Pages(desk) => return Ok(Some(page(desk.as_ref(), request))),
            Content::Files(tree, desk) => match desk {
                Some(desk) if request.method == Method::Post => desk,
                _ => return Ok(Some(answer(tree, request))),
            },
        };
        let (path, client) = (request.target.path().as_str(), self.client(Some(request)));
        if !desk.takes(path) {
            return Ok(Some(Answer::no_such_method()));
        }
        Ok(match timeout(shared.limits.head, self.hear_body(request.body)).await {
            Err(_) => Some(Answer::too_slow()),
            Ok(body) => body?.map(|body| Answer::said(desk.take(client, path, &body))),
        })
    }

    /// Who asks: the peer, or whom a proxy asks for.
    fn client(&self, request: Option<&Request>) -> SocketAddr {
        let forwarded = request.and_then(|request| request.forwarded.as_deref());
        self.shared.proxies.client(self.peer, forwarded)
    }

    /// The body of a request; nothing where the client went away before its end.
    async fn hear_body(&mut self, length: usize) -> io::Result<Option<Vec<u8>>> {
        while self.came.len() < length {
            self.came.reserve(READ);
            if self.stream.read_buf(&mut self.came).await? == 0 {
                return Ok(None);
            }
        }
        Ok(Some(self.came.drain(..length).collect()))
    }

    /// The next head.
    async fn listen(&mut self) -> io::Result<Said> {
        let mut looked = 0;
        let limits = self.shared.limits;
        let mut deadline = Instant::now() + if self.came.is_empty() { limits.idle } else { limits.head };
        loop {
            if let Some(end) = end_of_head(&self.came, looked).filter(|end| *end <= MOST_BYTES) {
                let head: Vec<u8> = self.came.drain(..end).collect();
                return Ok(match request::parse(&head) {
                    Ok(request) => Said::Request(Box::new(request)),
                    Err(refusal) => Said::Refused(refusal),
                });
            }
            looked = self.came.len();
            if looked > MOST_BYTES {
                return Ok(Said::Refused(Refusal::too_long(&self.came)));
            }
            let silent = self.came.is_empty();
            if silent {
                self.came.shrink_to(READ);
            }
            self.came.reserve(READ);
            let mut stop = self.stop.clone();
            let read = tokio::select! {
                () = told_to_stop(&mut stop), if silent => return Ok(Said::Nothing),
                read = timeout_at(deadline, self.stream.read_buf(&mut self.came)) => read,
            };
            match read {
                Err(_) if silent => return Ok(Said::Nothing),
                Err(_) => return Ok(Said::TooSlow),
                Ok(Ok(0)) => return Ok(Said::Nothing),
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(error),
            }
            if silent {
                deadline = Instant::now() + limits.head;
            }
        }
    }

    /// Sends an answer, and reports what became of it.
    async fn say(&mut self, request: Option<&Request>, answer: Answer, keep_alive: bool) -> io::Result<()> {
        let with_body = request.is_none_or(|request| request.method != Method::Head);
        let announced = if with_body { answer.length() } else { 0 };
        let report = report(self.client(request), self.peer, request, &answer);
        let mut underway = Underway::new(Arc::clone(&self.shared.observer), report, announced);
        let stall = self.shared.limits.stall;
        send::memory(&self.stream, &answer.head(keep_alive), announced > 0, stall, |_| {}).await?;
        if !with_body {
            return Ok(());
        }
        for (at, piece) in answer.body.iter().enumerate() {
            let more = at + 1 < answer.body.len();
            let sent = |bytes| underway.sent(bytes);
            match (piece, &answer.file) {
                (Piece::Memory(bytes), _) => send::memory(&self.stream, bytes, more, stall, sent).await?,
                (Piece::File(range), Some(file)) => {
                    send::file(&self.stream, file, range.clone(), stall, sent).await?;
                }
                (Piece::File(_), None) => {}
            }
        }
        Ok(())
    }

    /// Says that nothing more comes, and hears the client out: an answer is lost where its connection is reset.
    async fn bye(&mut self) -> io::Result<()> {
        rustix::net::shutdown(&self.stream, rustix::net::Shutdown::Write)?;
        let (time, mut most) = LINGER;
        let drained = async {
            let mut rest = [0; READ];
            while most > 0 {
                match self.stream.read(&mut rest).await? {
                    0 => break,
                    count => most = most.saturating_sub(count),
                }
            }
            Ok(())
        };
        timeout(time, drained).await.unwrap_or(Ok(()))
    }
}

fn report(client: SocketAddr, peer: SocketAddr, request: Option<&Request>, answer: &Answer) -> RequestReport {
    let target = request.map(|request| &request.target);
    RequestReport {
        peer: client,
        via: (client.ip() != peer.ip()).then_some(peer.ip()),
        method: request.map(|request| request.method.as_str().to_owned()).unwrap_or_default(),
        path: target.map(|target| target.asked().to_owned()).unwrap_or_default(),
        file: target.map(|target| target.path().to_string()).unwrap_or_default(),
        agent: request.map(|request| request.agent.clone()).unwrap_or_default(),
        host: request.map(|request| request.host.clone()).unwrap_or_default(),
        status: answer.status,
        bytes: 0,
        transfer: Transfer::Complete,
        took: Duration::ZERO,
        problem: answer.problem.clone(),
    }
}
