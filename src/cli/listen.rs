//! Addresses to listen on, as Prometheus exporters write them: `:10917`, `127.0.0.1:10917`,
//! `[::1]:10917`, `localhost:10917`.

use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs},
    str::FromStr,
};

/// An address to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenAddress {
    /// A name or an IP address without brackets; none: all interfaces.
    host: Option<String>,
    port: u16,
}

impl ListenAddress {
    /// The socket addresses to try, the first that can be bound wins.
    ///
    /// Without a host that is `[::]`, which serves IPv4 as well, and then `0.0.0.0` for machines
    /// without IPv6.
    ///
    /// # Errors
    /// If the host is a name that cannot be resolved.
    pub fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        match &self.host {
            None => Ok(vec![
                (Ipv6Addr::UNSPECIFIED, self.port).into(),
                (Ipv4Addr::UNSPECIFIED, self.port).into(),
            ]),
            Some(host) => match (host.as_str(), self.port).to_socket_addrs() {
                Ok(addresses) => Ok(addresses.collect()),
                Err(error) => {
                    let text = format!("cannot listen on {}: {error}", authority(host, self.port));
                    Err(io::Error::new(error.kind(), text))
                }
            },
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

    #[test]
    fn without_a_host_all_interfaces_are_meant() {
        let addresses = ":10917".parse::<ListenAddress>().unwrap().addresses().unwrap();
        let texts: Vec<_> = addresses.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["[::]:10917", "0.0.0.0:10917"]);
        let one = "127.0.0.1:80".parse::<ListenAddress>().unwrap().addresses().unwrap();
        assert_eq!(one, ["127.0.0.1:80".parse().unwrap()]);
    }
}
