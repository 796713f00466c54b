//! The accept loop of one listener, and the life of a connection: within limits, and with a stop
//! that lets requests end.

use std::{
    convert::Infallible,
    future::poll_fn,
    io,
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::Duration,
};

use hyper::{
    Request, Response,
    body::Incoming,
    header::CONNECTION,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::graceful::GracefulConnection,
};
use rustls::server::Acceptor;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{self, sleep, timeout},
};
use tokio_rustls::{LazyConfigAcceptor, server::TlsStream};
use tracing::{debug, warn};

use super::{
    Limits,
    body::Frames,
    measure::Ended,
    routes::Site,
    slots::{Slot, Slots},
    write_limit::WriteLimit,
};
use crate::{shutdown::Shutdown, web::Access};

/// Bytes of a request line with its headers; scrapers send a few hundred.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Requests of one HTTP/2 connection at once; Prometheus sends one, a browser a few.
const STREAMS_MAX: u32 = 16;

/// When accepting fails for lack of descriptors, trying again at once would only burn the
/// processor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Bytes that the kernel keeps of one answer that is not read, which it doubles for itself.
/// Answers to fast readers lose nothing; five hundred that do not read take 128 MB at most.
const SEND_BUFFER: usize = 128 * 1024;

/// What Go's servers say to a client that forgot the `s` of `https`.
const PLAIN_TO_TLS: &[u8] = b"HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain\r\n\
    Connection: close\r\n\r\nthis port speaks HTTPS, and was asked in plain HTTP\n";

/// What all listeners of a server share.
#[derive(Debug)]
pub(super) struct Gate {
    pub(super) site: Site,
    pub(super) access: Arc<Access>,
    pub(super) slots: Arc<Slots>,
    pub(super) limits: Limits,
    /// The expensive step of a handshake is taken by one connection at a time, so that another
    /// thread is free for those who are let in already.
    pub(super) handshakes: Semaphore,
}

/// Accepts and serves connections until the stop signal.
pub(super) async fn serve(listener: TcpListener, gate: Arc<Gate>, mut shutdown: Shutdown) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.requested() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => {
                // Without a slot the connection is closed as it is dropped.
                if let Some(slot) = gate.slots.admit(address.ip().into()) {
                    connections.spawn(live(stream, slot, Arc::clone(&gate), shutdown.clone()));
                }
            }
            Err(error) if concerns_one_connection(&error) => {}
            Err(error) => {
                gate.slots.without_descriptor(&error);
                sleep(ACCEPT_PAUSE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    let drain = gate.limits.drain;
    let all = async { while connections.join_next().await.is_some() {} };
    if timeout(drain, all).await.is_err() {
        warn!("Stopping with requests unanswered after {drain:?}");
    }
}

/// Whether the client was gone before it was accepted, which says nothing about the next one.
fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

async fn live(stream: TcpStream, mut slot: Slot, gate: Arc<Gate>, shutdown: Shutdown) {
    // Large writes leave at once anyhow; the last small one must not wait for an acknowledgement.
    // Without either option the answer is only slower, or takes more memory.
    let _ = stream.set_nodelay(true);
    let _ = rustix::net::sockopt::set_socket_send_buffer_size(&stream, SEND_BUFFER);
    let ended = tokio::select! {
        biased;
        () = slot.sent_away() => Ended::Evicted,
        ended = talk(stream, &slot, gate, shutdown) => ended,
    };
    slot.ends(ended);
}

/// What ends a connection after the answer under way.
struct End {
    shutdown: Shutdown,
    /// Other certificates or users are in force.
    renewals: watch::Receiver<u64>,
}

async fn talk(stream: TcpStream, slot: &Slot, gate: Arc<Gate>, shutdown: Shutdown) -> Ended {
    // Before the settings are looked at, so that none is missed.
    let mut end = End { shutdown, renewals: gate.access.renewals() };
    let Some(config) = gate.access.tls() else {
        let stream = WriteLimit::new(stream, gate.limits.write);
        return speak_http1(stream, slot, gate, end).await;
    };
    let limit = gate.limits.handshake;
    let agreed = tokio::select! {
        () = end.shutdown.requested() => return Ended::Done,
        agreed = timeout(limit, shake_hands(stream, config, &gate)) => agreed,
    };
    let stream = match agreed {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            debug!(peer = %slot.peer().address(), %error, "No TLS was agreed on: {error}");
            return Ended::Handshake;
        }
        Err(_) => return Ended::Handshake,
    };
    match stream.get_ref().1.alpn_protocol() {
        Some(b"h2") => speak_http2(stream, slot, gate, end).await,
        _ => speak_http1(stream, slot, gate, end).await,
    }
}

async fn shake_hands(
    mut stream: TcpStream,
    config: Arc<rustls::ServerConfig>,
    gate: &Gate,
) -> io::Result<TlsStream<WriteLimit<TcpStream>>> {
    const HANDSHAKE_RECORD: u8 = 22;
    let mut first = [0];
    if stream.peek(&mut first).await? == 1 && first[0].is_ascii_alphabetic() {
        stream.write_all(PLAIN_TO_TLS).await?;
        stream.shutdown().await?;
        // What is not read when a connection is closed would take the answer along. The time is
        // that of the handshake, and a head that is longer than any sent here loses it.
        let mut head = Vec::new();
        stream.take(HEAD_BYTES_MAX as u64).read_to_end(&mut head).await?;
        return Err(io::Error::other("the client spoke plain HTTP"));
    }
    if first[0] != HANDSHAKE_RECORD {
        return Err(io::Error::other("the client does not begin as TLS does"));
    }
    let stream = WriteLimit::new(stream, gate.limits.write);
    let begun = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
    let mut accepting = pin!(begun.into_stream(config));
    let turn = gate.handshakes.acquire().await;
    let once = poll_fn(|cx| Poll::Ready(accepting.as_mut().poll(cx))).await;
    drop(turn);
    match once {
        Poll::Ready(stream) => stream,
        Poll::Pending => accepting.await,
    }
}

async fn speak_http1<S>(stream: S, slot: &Slot, gate: Arc<Gate>, end: End) -> Ended
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let limits = gate.limits;
    let connection = http1::Builder::new()
        // Without a timer hyper's time limits are silently off.
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_read)
        .max_header_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service_fn(answers(slot, gate)));
    drive(connection, slot, limits, end).await
}

async fn speak_http2<S>(stream: S, slot: &Slot, gate: Arc<Gate>, end: End) -> Ended
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let limits = gate.limits;
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(limits.header_read)
        .keep_alive_timeout(limits.handshake)
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(u32::try_from(HEAD_BYTES_MAX).unwrap_or(u32::MAX))
        .serve_connection(TokioIo::new(stream), service_fn(answers(slot, gate)));
    drive(connection, slot, limits, end).await
}

/// How requests of a connection are answered.
fn answers(
    slot: &Slot,
    gate: Arc<Gate>,
) -> impl Fn(Request<Incoming>) -> Pin<Box<dyn Future<Output = Answered> + Send>> + use<> {
    let (begins, peer, in_reserve) = (slot.answers(), slot.peer(), slot.in_reserve());
    move |request| {
        let (gate, answering) = (Arc::clone(&gate), begins());
        Box::pin(async move {
            if gate.site.is_full_of_unsent() {
                gate.slots.send_slowest_away();
            }
            let answer = if in_reserve {
                let mut answer = gate.site.answer_probe(&request);
                answer.headers_mut().insert(CONNECTION, "close".parse().expect("it is ASCII"));
                answer
            } else {
                gate.site.answer(&request, &gate.access, peer.address()).await
            };
            Ok(answer.map(|frames| frames.of(answering)))
        })
    }
}

type Answered = Result<Response<Frames>, Infallible>;

/// Lets a connection go on until it ends, or has to.
async fn drive<C>(connection: C, slot: &Slot, limits: Limits, mut end: End) -> Ended
where
    C: GracefulConnection<Error = hyper::Error>,
{
    let mut connection = pin!(connection);
    let mut life = pin!(sleep(if slot.in_reserve() { limits.handshake } else { limits.life }));
    let mut looks = time::interval(limits.header_read);
    looks.reset();
    let mut closing = None;
    loop {
        tokio::select! {
            result = connection.as_mut() => return match (result, closing) {
                (Ok(()), why) => why.unwrap_or(Ended::Done),
                (Err(error), _) => why_ended(&error),
            },
            () = end.shutdown.requested(), if closing.is_none() => {
                closing = Some(Ended::Done);
                connection.as_mut().graceful_shutdown();
            }
            Ok(()) = end.renewals.changed(), if closing.is_none() => {
                closing = Some(Ended::Lifetime);
                connection.as_mut().graceful_shutdown();
            }
            () = &mut life, if closing.is_none() => {
                closing = Some(Ended::Lifetime);
                connection.as_mut().graceful_shutdown();
            }
            // Of HTTP/1 hyper itself watches the idle, and the stream the slow.
            _ = looks.tick() => match (slot.idle_for(), slot.answering_for()) {
                (_, Some(long)) if long > limits.write => return Ended::Slow,
                (Some(long), _) if long > limits.header_read * 2 => return Ended::Idle,
                (Some(long), _) if long >= limits.header_read && closing.is_none() => {
                    closing = Some(Ended::Idle);
                    connection.as_mut().graceful_shutdown();
                }
                _ => {}
            },
        }
    }
}

fn why_ended(error: &hyper::Error) -> Ended {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if cause.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::TimedOut) {
            return Ended::Slow;
        }
        source = cause.source();
    }
    debug!(%error, "A connection ended early: {error}");
    if error.is_timeout() { Ended::Idle } else { Ended::Error }
}
