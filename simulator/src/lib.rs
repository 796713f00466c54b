//! An HTTP double of the Feishu/Lark open API: a company made from a seed.
//!
//! It has the token, the statistics of departments and of users, the members of departments, and
//! departments as the contact and the directory API show them, all of the same people, so that
//! counts agree.
//!
//! It is an island. It shares no code with the client, the catalogue or the day arithmetic of this
//! crate, else a mistake would agree with itself; what it says comes from the API documents. Where
//! these are silent, [`Options`] chooses. Figures are a pure function of seed, department, day,
//! place and product version. A day appears at 09:30 of the next day in its zone.
//!
//! Scripts in any language control it over HTTP:
//!
//! | request | does |
//! |---|---|
//! | `GET /_simulator/` | the clock, versions and all departments, as JSON |
//! | `POST /_simulator/clock` | `{"now": "2026-11-23T09:31:00+08:00"}` sets the clock, which goes on from there |
//! | `POST /_simulator/departments` | `{"department": "od-…", "name": "New name"}` renames a department, for past days as well |
//! | `GET /_simulator/requests` | the last requests with their outcome; `DELETE` forgets them |
//! | `POST /_simulator/faults` | adds a [`Fault`], such as `{"on": {"times": 2}, "kind": {"throttle": {"reset": "1"}}}` |
//! | `GET /_simulator/faults` | all faults; `DELETE` removes them |
//!
//! The clock moves days and tokens; rate limits run in real time.

mod cache;
mod calendar;
mod census;
mod clock;
mod company;
mod context;
mod control;
mod defaults;
mod dice;
mod distort;
mod endpoints;
mod faults;
mod figures;
mod gateway;
mod handle;
mod http;
mod identity;
mod journal;
mod limits;
mod lock;
mod names;
mod organisation;
mod pages;
mod people;
mod settings;
mod tenant;
mod tokens;

use std::{convert::Infallible, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};

use self::tenant::Tenant;
pub use self::{
    calendar::{Geo, is_holiday},
    census::HeadCount,
    faults::{Fault, Filter, Kind, UnknownDepartment},
    handle::Handle,
    journal::Recorded,
    names::Names,
    organisation::Department,
    people::{Person, Status},
    settings::{
        Empty, Endpoint, LastActive, Limit, Options, ParentFigures, Rates, Unavailable,
        UnknownTimes, UserRows,
    },
};

/// The largest tenant; a larger one would only be slower.
const DEPARTMENTS_MAX: usize = 5000;
/// The largest department.
const PEOPLE_MAX: u32 = 1_000_000;
/// More connections wait until one is closed.
const CONNECTIONS_MAX: usize = 1024;
/// How long answers under way may take after the stop signal.
const GRACE: Duration = Duration::from_secs(2);

/// A simulator that listens. It answers while [`Simulator::run`] is polled.
pub struct Simulator {
    listener: TcpListener,
    local_addr: SocketAddr,
    tenant: Arc<Tenant>,
}

impl Simulator {
    /// Makes the tenant and listens. Port 0 takes a free port.
    ///
    /// # Errors
    ///
    /// The address can't be listened on, the number of departments is not 1..=5000, or the huge
    /// department is not one of them or not of 1..=1,000,000 people.
    pub async fn bind(address: SocketAddr, options: Options) -> io::Result<Self> {
        if let Some(message) = problem(&options) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let listener = TcpListener::bind(address).await?;
        let local_addr = listener.local_addr()?;
        Ok(Self { listener, local_addr, tenant: Arc::new(Tenant::new(options)) })
    }

    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// What clients take as the base URL of the API.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.local_addr)
    }

    /// A handle to control and question the simulator with.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle(Arc::clone(&self.tenant))
    }

    /// Answers requests until the stop signal.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        let graceful = GracefulShutdown::new();
        let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        loop {
            let accept = async {
                let permit = Arc::clone(&connections).acquire_owned().await;
                (permit, self.listener.accept().await)
            };
            let (permit, accepted) = tokio::select! {
                () = &mut stop => break,
                accepted = accept => accepted,
            };
            // A peer that has gone again is no reason to stop; out of descriptors, wait a little.
            let Ok((stream, _)) = accepted else {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let connection = graceful.watch(connection(stream, Arc::clone(&self.tenant)));
            tokio::spawn(async move {
                // A connection ends as its peer or a fault likes; there is nobody to tell.
                let _ = connection.await;
                drop(permit);
            });
        }
        // What a fault makes last longer is cut off.
        let _ = tokio::time::timeout(GRACE, graceful.shutdown()).await;
    }
}

/// What no tenant can be made with.
fn problem(options: &Options) -> Option<String> {
    if !(1..=DEPARTMENTS_MAX).contains(&options.departments) {
        return Some(format!("the number of departments must be 1..={DEPARTMENTS_MAX}"));
    }
    let (department, people) = options.huge_department?;
    if department > options.departments {
        return Some(format!("there is no department {department} to be huge"));
    }
    (!(1..=PEOPLE_MAX).contains(&people))
        .then(|| format!("the huge department must have 1..={PEOPLE_MAX} people"))
}

fn connection(
    stream: TcpStream,
    tenant: Arc<Tenant>,
) -> impl hyper_util::server::graceful::GracefulConnection {
    let service = service_fn(move |request| {
        let tenant = Arc::clone(&tenant);
        async move {
            let call = http::Call::read(request).await;
            let answer = gateway::answer(&tenant, call).await;
            Ok::<_, Infallible>(answer.into_response())
        }
    });
    // Official SDKs look for `X-Tt-Logid` in exactly this spelling.
    http1::Builder::new()
        .timer(TokioTimer::new())
        .title_case_headers(true)
        .serve_connection(TokioIo::new(stream), service)
}
