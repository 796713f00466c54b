//! Addresses to listen on, as Prometheus exporters write them: `:10917`, `127.0.0.1:10917`,
//! `[::1]:10917`, `localhost:10917`; and the sockets that they mean.

use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs},
    str::FromStr,
};

use socket2::{Domain, Protocol, Socket, Type};

use super::Failure;

/// Connections that the kernel holds ready while the server is busy.
const BACKLOG: i32 = 1024;

/// An address to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenAddress {
    /// A name or an IP address without brackets; none: all interfaces.
    host: Option<String>,
    port: u16,
}

/// Listens on every address; port 0 takes any free port. `flag` is how they were given.
pub(super) fn open(flag: &str, addresses: &[ListenAddress]) -> Result<Vec<TcpListener>, Failure> {
    let mut sockets = Vec::with_capacity(addresses.len());
    for address in addresses {
        sockets.extend(address.listen().map_err(|why| Failure::failed(format!("{flag}: {why}")))?);
    }
    Ok(sockets)
}

impl ListenAddress {
    /// The socket addresses to listen on.
    ///
    /// Without a host that is `[::]`, which serves IPv4 as well; `localhost` is both families,
    /// whatever the resolver says of it (RFC 6761, 6.3).
    ///
    /// # Errors
    /// If the host is a name that cannot be resolved.
    pub fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        let port = self.port;
        match self.host.as_deref() {
            None => Ok(vec![(Ipv6Addr::UNSPECIFIED, port).into()]),
            Some("localhost") => {
                Ok(vec![(Ipv4Addr::LOCALHOST, port).into(), (Ipv6Addr::LOCALHOST, port).into()])
            }
            Some(host) => match (host, port).to_socket_addrs() {
                Ok(addresses) => Ok(addresses.collect()),
                Err(error) => {
                    let text = format!("cannot listen on {}: {error}", authority(host, port));
                    Err(io::Error::new(error.kind(), text))
                }
            },
        }
    }

    /// Listens on all of [`Self::addresses`] that this machine has, at least one.
    fn listen(&self) -> io::Result<Vec<TcpListener>> {
        let mut sockets: Vec<TcpListener> = Vec::new();
        let mut first_error = None;
        for mut address in self.addresses()? {
            if address.port() == 0
                && let Some(taken) = sockets.first()
            {
                address.set_port(taken.local_addr()?.port());
            }
            let socket = match listen(address) {
                // A machine without IPv6 has IPv4.
                Err(error) if self.host.is_none() && is_not_here(&error) => {
                    listen((Ipv4Addr::UNSPECIFIED, self.port).into())
                }
                result => result,
            };
            match socket {
                Ok(socket) => sockets.push(socket),
                Err(error) if is_not_here(&error) => {
                    first_error.get_or_insert(told(address, &error));
                }
                Err(error) => return Err(told(address, &error)),
            }
        }
        match first_error {
            Some(error) if sockets.is_empty() => Err(error),
            _ => Ok(sockets),
        }
    }

    /// Host and port at which a process of this machine reaches the listener.
    #[must_use]
    pub fn local_authority(&self) -> String {
        let host = match self.host.as_deref() {
            None | Some("0.0.0.0") => "127.0.0.1",
            Some("::") => "::1",
            Some(host) => host,
        };
        authority(host, self.port)
    }
}

/// Where a browser of this machine reaches a listener that may be on all interfaces.
pub(super) fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        // A listener on [::] answers to IPv4 as well.
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    address
}

/// A socket that listens.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restart must not wait for the connections of the process before it to be forgotten.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        // Whatever the system's default is (net.ipv6.bindv6only).
        socket.set_only_v6(false)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Whether the machine lacks the address or its whole family, so that another may do.
fn is_not_here(error: &io::Error) -> bool {
    /// EAFNOSUPPORT of Linux, for which Rust has no kind.
    const NO_SUCH_FAMILY: i32 = 97;
    error.kind() == io::ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(NO_SUCH_FAMILY)
}

fn told(address: SocketAddr, error: &io::Error) -> io::Error {
    let remedy = match error.kind() {
        io::ErrorKind::AddrInUse => "; another program has this port: end it, or choose another",
        io::ErrorKind::PermissionDenied => "; choose a port from 1024 on",
        io::ErrorKind::AddrNotAvailable => "; this machine has no such address",
        _ => "",
    };
    io::Error::new(error.kind(), format!("cannot listen on {address}: {error}{remedy}"))
}

fn authority(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "write :10917 for all interfaces, or 127.0.0.1:10917".to_owned();
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        if !port.bytes().all(|b| b.is_ascii_digit()) {
            return Err(wrong());
        }
        let port = port.parse().map_err(|_| "the port is none of 0..65535".to_owned())?;
        let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(inner) => {
                inner.parse::<Ipv6Addr>().map_err(|_| wrong())?;
                inner
            }
            // A bare IPv6 address is ambiguous with its port.
            None if host.contains([':', '[', ']', '/', ' ']) => return Err(wrong()),
            None => host,
        };
        let host = (!host.is_empty()).then(|| host.to_owned());
        Ok(Self { host, port })
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&authority(self.host.as_deref().unwrap_or_default(), self.port))
    }
}

impl From<SocketAddr> for ListenAddress {
    fn from(address: SocketAddr) -> Self {
        let ip: IpAddr = address.ip();
        Self { host: Some(ip.to_string()), port: address.port() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_host_and_port_and_knows_its_way_from_this_machine() {
        for (text, local) in [
            (":10917", "127.0.0.1:10917"),
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:80", "[::1]:80"),
            ("[fe80::1]:80", "[fe80::1]:80"),
            ("10.0.0.7:10917", "10.0.0.7:10917"),
            ("exporter.example.org:0", "exporter.example.org:0"),
        ] {
            let address: ListenAddress = text.parse().unwrap();
            assert_eq!(address.local_authority(), local, "{text}");
            assert_eq!(address.to_string(), text);
        }
        for text in ["", "10917", ":", ":65536", ":-1", "::1:80", "[::1", "[x]:80", "http://a:80"] {
            assert!(text.parse::<ListenAddress>().is_err(), "{text:?}");
        }
    }

    fn open(text: &str) -> Result<Vec<SocketAddr>, String> {
        let address: ListenAddress = text.parse().unwrap();
        let sockets = super::open("--flag", &[address]).map_err(|failure| match failure {
            Failure::Failed(error) => error.to_string(),
            other => format!("{other:?}"),
        })?;
        // Kept until all are there, as a server does.
        Ok(sockets.iter().map(|socket| socket.local_addr().unwrap()).collect())
    }

    #[test]
    fn without_a_host_both_families_reach_the_socket_whatever_the_system_prefers() {
        let address: ListenAddress = ":0".parse().unwrap();
        let sockets = address.listen().unwrap();
        let port = sockets[0].local_addr().unwrap().port();
        assert_eq!(sockets.len(), 1);
        for ip in ["127.0.0.1", "::1"] {
            let ip: IpAddr = ip.parse().unwrap();
            std::net::TcpStream::connect((ip, port)).unwrap_or_else(|e| panic!("{ip}: {e}"));
        }
    }

    #[test]
    fn localhost_is_both_families_at_one_port() {
        let addresses = open("localhost:0").unwrap();
        let port = addresses[0].port();
        assert_eq!(
            addresses,
            [(Ipv4Addr::LOCALHOST, port).into(), (Ipv6Addr::LOCALHOST, port).into()]
        );
    }

    #[test]
    fn what_cannot_be_listened_on_is_told_with_the_flag_and_a_remedy() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let why = open(&address.to_string()).unwrap_err();
        assert!(why.starts_with(&format!("--flag: cannot listen on {address}: ")), "{why}");
        assert!(why.ends_with("another program has this port: end it, or choose another"), "{why}");
        let why = open("192.0.2.1:0").unwrap_err();
        assert!(why.ends_with("this machine has no such address"), "{why}");
        let why = open("no.such.host.invalid:0").unwrap_err();
        assert!(why.starts_with("--flag: cannot listen on no.such.host.invalid:0: "), "{why}");
    }
}
