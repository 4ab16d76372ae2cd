//! Where `port-forward` listens.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use streaming::portforward::ForwardedPort;
use tokio::net::TcpListener;

use cli_runtime::{IoStreams, Result, message};

/// An address, and whether it may fail because `localhost` has another one.
pub(super) struct Address {
    ip: IpAddr,
    localhost: bool,
}

/// Reads `--address`.
///
/// # Errors
/// One is neither an IP address nor `localhost`.
pub(super) fn addresses(wanted: &[String]) -> Result<Vec<Address>> {
    let mut addresses: Vec<Address> = Vec::new();
    let mut add = |ip: IpAddr, localhost: bool| {
        if let Some(there) = addresses.iter_mut().find(|address| address.ip == ip) {
            there.localhost &= localhost;
        } else {
            addresses.push(Address { ip, localhost });
        }
    };
    for text in wanted {
        if text == "localhost" {
            add(Ipv4Addr::LOCALHOST.into(), true);
            add(Ipv6Addr::LOCALHOST.into(), true);
        } else {
            let ip = text.parse().map_err(|_| message!("{text} is not a valid IP"))?;
            add(ip, false);
        }
    }
    if addresses.is_empty() {
        return Err(message!("you must specify at least 1 address"));
    }
    Ok(addresses)
}

/// Listens on every address, and says so.
///
/// # Errors
/// None of them could be listened on, or one that is not `localhost`'s.
pub(super) async fn listen(
    addresses: &[Address],
    port: ForwardedPort,
    streams: &IoStreams,
) -> Result<Vec<(TcpListener, ForwardedPort)>> {
    let mut listeners: Vec<(TcpListener, ForwardedPort)> = Vec::new();
    let mut failures = Vec::new();
    for address in addresses {
        // A free port that one address got is asked for on the others.
        let local = listeners.first().map_or(port.local, |(_, port)| port.local);
        let wanted = SocketAddr::new(address.ip, local);
        let bound = match TcpListener::bind(wanted).await {
            Ok(listener) => listener.local_addr().map(|bound| (listener, bound.port())),
            Err(error) => Err(error),
        };
        match bound {
            Ok((listener, local)) => {
                let port = ForwardedPort { local, ..port };
                streams.out.print(format!(
                    "Forwarding from {} -> {}\n",
                    SocketAddr::new(address.ip, local),
                    port.remote
                ))?;
                listeners.push((listener, port));
            }
            Err(error) => {
                let family = if address.ip.is_ipv4() { "tcp4" } else { "tcp6" };
                let why = match error.kind() {
                    std::io::ErrorKind::AddrInUse => "bind: address already in use".to_owned(),
                    std::io::ErrorKind::PermissionDenied => "bind: permission denied".to_owned(),
                    std::io::ErrorKind::AddrNotAvailable => "bind: cannot assign requested address".to_owned(),
                    _ => error.to_string(),
                };
                let failure = format!("unable to create listener: Error listen {family} {wanted}: {why}");
                if !address.localhost {
                    return Err(message!("{failure}"));
                }
                failures.push(failure);
            }
        }
    }
    if listeners.is_empty() {
        return Err(message!(
            "unable to listen on port {}: Listeners failed to create with the following errors: [{}]",
            port.local,
            failures.join(" ")
        ));
    }
    Ok(listeners)
}
