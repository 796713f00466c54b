//! A plain server of the `prometheus` crate, which renders every series at each scrape: what the
//! exporter is compared with by `benches/compare.py`.
//!
//! `plain_prometheus BODY` takes the series of a file in the text format, prints its port, and
//! serves until it is killed.

use std::{
    collections::{BTreeMap, HashMap},
    error::Error,
    fs,
    io::{self, BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
};

use prometheus::{Encoder, GaugeVec, Opts, Registry, TextEncoder};

fn main() -> Result<(), Box<dyn Error>> {
    let body = std::env::args().nth(1).ok_or("say which file")?;
    let registry = Arc::new(Registry::new());
    fill(&registry, &fs::read_to_string(body)?)?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    writeln!(io::stdout(), "{}", listener.local_addr()?.port())?;
    for stream in listener.incoming() {
        let (stream, registry) = (stream?, Arc::clone(&registry));
        // A reader that goes away is no failure of the server.
        thread::spawn(move || answer(stream, &registry).ok());
    }
    Ok(())
}

fn fill(registry: &Registry, text: &str) -> Result<(), Box<dyn Error>> {
    let mut families: HashMap<(String, Vec<String>), GaugeVec> = HashMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let Some((series, value)) = line.rsplit_once(' ') else { continue };
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let labels = pairs(labels.trim_end_matches('}'));
        let names: Vec<String> = labels.keys().cloned().collect();
        let key = (name.to_owned(), names);
        if !families.contains_key(&key) {
            let names: Vec<&str> = key.1.iter().map(String::as_str).collect();
            let family = GaugeVec::new(Opts::new(name, "-"), &names)?;
            // A registry takes one family of a name; samples with other labels are left out.
            if registry.register(Box::new(family.clone())).is_ok() {
                families.insert(key.clone(), family);
            }
        }
        if let Some(family) = families.get(&key) {
            let values: Vec<&str> = labels.values().map(String::as_str).collect();
            family.with_label_values(&values).set(value.parse()?);
        }
    }
    Ok(())
}

/// Labels by name. Escapes stay as they are: only their length matters here.
fn pairs(mut text: &str) -> BTreeMap<String, String> {
    let mut pairs = BTreeMap::new();
    while let Some((name, rest)) = text.split_once("=\"") {
        let mut escaped = false;
        let end = rest.find(|c| {
            let is_end = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            is_end
        });
        let Some(end) = end else { break };
        pairs.insert(name.trim_start_matches(',').to_owned(), rest[..end].to_owned());
        text = &rest[end + 1..];
    }
    pairs
}

fn answer(stream: TcpStream, registry: &Registry) -> Result<(), Box<dyn Error>> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut request = String::new();
        if reader.read_line(&mut request)? == 0 {
            return Ok(());
        }
        let (mut line, mut closes) = (String::new(), false);
        while line != "\r\n" {
            line.clear();
            reader.read_line(&mut line)?;
            closes |= line.eq_ignore_ascii_case("connection: close\r\n");
        }
        let mut body = Vec::new();
        TextEncoder::new().encode(&registry.gather(), &mut body)?;
        let length = body.len();
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
        let stream = reader.get_mut();
        stream.write_all(head.as_bytes())?;
        if !request.starts_with("HEAD") {
            stream.write_all(&body)?;
        }
        if closes {
            return Ok(());
        }
    }
}
