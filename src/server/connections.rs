//! The accept loop of one listener: connections within limits, and a stop that lets requests end.

use std::{convert::Infallible, io, sync::Arc, time::Duration};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time,
};
use tracing::{debug, warn};

use super::{Limits, routes::Site, write_limit::WriteLimit};
use crate::shutdown::Shutdown;

/// Bytes of a request line with its headers; scrapers send a few hundred.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// When accepting fails (most often for want of file descriptors), trying again at once would
/// only burn the processor.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// Accepts and serves connections until the stop signal.
pub(super) async fn serve(
    listener: TcpListener,
    site: Arc<Site>,
    limits: Limits,
    mut shutdown: Shutdown,
) {
    let slots = Arc::new(Semaphore::new(limits.connections));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    loop {
        let next = async {
            let slot = Arc::clone(&slots).acquire_owned().await;
            (slot.expect("the semaphore is never closed"), accept(&listener).await)
        };
        let (slot, stream) = tokio::select! {
            biased;
            () = shutdown.requested() => break,
            next = next => next,
        };
        let site = Arc::clone(&site);
        let service = service_fn(move |request| {
            let site = Arc::clone(&site);
            async move { Ok::<_, Infallible>(site.answer(&request).await) }
        });
        let connection = http1::Builder::new()
            // Without a timer hyper's time limits are silently off.
            .timer(TokioTimer::new())
            .header_read_timeout(limits.header_read)
            .max_header_size(HEAD_BYTES_MAX)
            .serve_connection(TokioIo::new(WriteLimit::new(stream, limits.write)), service);
        let connection = graceful.watch(connection);
        connections.spawn(async move {
            if let Err(error) = connection.await {
                debug!(%error, "A connection ended early: {error}");
            }
            drop(slot);
        });
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    if time::timeout(limits.drain, graceful.shutdown()).await.is_err() {
        let left = connections.len();
        warn!(left, "Stopping with requests unanswered after {:?}", limits.drain);
    }
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // The large writes leave at once anyhow; the last small one must not wait for an
                // acknowledgement. Without it the answer is only slower.
                let _ = stream.set_nodelay(true);
                return stream;
            }
            Err(error) if concerns_one_connection(&error) => {}
            Err(error) => {
                warn!(%error, "Cannot accept connections, trying again in {ACCEPT_PAUSE:?}: {error}");
                time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Whether the client was gone before it was accepted, which says nothing about the next one.
fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
