//! Serves a made-up tenant of many series through the real exposition and server, without a
//! collector: what `benches/attacks.py` attacks.
//!
//! `serve_series [SERIES] [ADDRESS]` prints the address of its metrics and serves until it is
//! killed.

#[path = "../benches/fixture/mod.rs"]
mod fixture;

use std::{
    error::Error,
    io::{self, Write},
    net::TcpListener,
};

use feishu_exporter::{
    clock::Clock,
    exposition::render,
    server::{Options, Server},
    shutdown,
    snapshot::{Body, Published, Snapshot},
};
use prometheus::Registry;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let series = arguments.next().map_or(Ok(100_000), |text| text.parse())?;
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:0".to_owned());

    let published = Published::nothing();
    let body = render(&[fixture::tenant(series)], u64::MAX, &Body::default()).body;
    published.publish(Snapshot { body, ..Snapshot::default() });
    let options = Options::on(vec![TcpListener::bind(address)?]);
    let server = Server::bind(options, published, Registry::new(), Clock::system())?;
    writeln!(io::stdout(), "http://{}/metrics", server.local_addrs()[0])?;
    let (_trigger, shutdown) = shutdown::channel();
    server.run(shutdown).await;
    Ok(())
}
