//! Runs the server from start to end.

use std::net::{AddrParseError, IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use client_go::{Client, Config, config::ConfigError, transport::TransportError};
use cluster_dns::{
    authority::{Authority, BadDomain, ZoneOptions},
    forward::{ForwardOptions, Forwarder},
    health::Status,
    metrics::Metrics,
    resolv_conf::{ResolvConfError, name_servers},
    server::{Handler, Server},
    store::Store,
};
use component_base::{lifecycle::notify_service_manager, program::Start};
use tokio::net::{TcpListener, UdpSocket};

use crate::{Options, feed};

/// Why the server does not run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// How to reach the API server.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The connection's certificates or address.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// `--cluster-domain`
    #[error(transparent)]
    Domain(#[from] BadDomain),
    /// A file of `--forward`.
    #[error(transparent)]
    ResolvConf(#[from] ResolvConfError),
    /// An address in a flag.
    #[error("--{flag}: {text:?} is no address")]
    Address {
        /// The flag.
        flag: &'static str,
        /// What was given.
        text: String,
        /// Why not.
        source: AddrParseError,
    },
    /// A port.
    #[error("cannot listen on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// The host's addresses.
    #[error("cannot read the addresses of this host")]
    Addresses(#[source] std::io::Error),
    /// Metrics.
    #[error(transparent)]
    Metrics(#[from] prometheus::Error),
}

/// Runs until it is told to end.
///
/// # Errors
/// What keeps it from running.
pub async fn run(options: Options, start: Start) -> Result<(), RunError> {
    let stop = start.stop;
    let registry = prometheus::Registry::new();
    let metrics = Arc::new(Metrics::new(&registry)?);
    let forwarder = Arc::new(Forwarder::new(
        ForwardOptions {
            upstreams: upstreams(&options.forward)?,
            ..ForwardOptions::default()
        },
        metrics.clone(),
    ));
    let addresses = addresses(&options.bind_addresses)?;
    let store = Arc::new(Store::new());
    let zone = ZoneOptions {
        domain: options.cluster_domain.clone(),
        name_server_addresses: addresses.iter().copied().filter(|ip| !ip.is_loopback()).collect(),
        ..ZoneOptions::default()
    };
    let handler = Arc::new(Handler::new(
        Authority::new(store.clone(), zone)?,
        forwarder.clone(),
        metrics,
    ));
    let mut server = Server::new(handler, stop.clone());
    for ip in addresses {
        listen(&mut server, SocketAddr::new(ip, options.port)).await?;
    }
    let status = Arc::new(Status::new(registry));
    for address in [options.health.0, options.ready.0, options.metrics.0] {
        let listener = TcpListener::bind(address).await;
        let listener = listener.map_err(|source| RunError::Listen { address, source })?;
        tokio::spawn(status.clone().serve(listener, stop.clone()));
    }
    tokio::spawn(async move { forwarder.probe().await });
    let file = (!options.kubeconfig.as_os_str().is_empty()).then_some(options.kubeconfig.as_path());
    let config = Config::from_flags(file, &options.master)?.with_user_agent("cluster-dns");
    let factory = feed::start(&Client::new(&config)?, &store, &status, &stop);
    if let Err(error) = notify_service_manager("READY=1") {
        tracing::warn!(%error, "the service manager cannot be told");
    }
    server.wait().await;
    factory.shutdown().await;
    Ok(())
}

async fn listen(server: &mut Server, address: SocketAddr) -> Result<(), RunError> {
    let failed = |source| RunError::Listen { address, source };
    server.serve_udp(UdpSocket::bind(address).await.map_err(failed)?, 2);
    server.serve_tcp(TcpListener::bind(address).await.map_err(failed)?);
    Ok(())
}

/// The addresses to bind: those given, or each of the host's, so that answers leave with the address that was asked.
fn addresses(given: &[String]) -> Result<Vec<IpAddr>, RunError> {
    if given.is_empty() {
        return host_addresses().map_err(RunError::Addresses);
    }
    let parse = |text: &String| {
        text.parse().map_err(|source| RunError::Address {
            flag: "bind-address",
            text: text.clone(),
            source,
        })
    };
    given.iter().map(parse).collect()
}

/// Each address of the host; link-local ones, which need a scope, left out.
fn host_addresses() -> std::io::Result<Vec<IpAddr>> {
    let mut found = component_base::host_ip::host_ips()?;
    found.retain(|ip| !matches!(ip, IpAddr::V6(v6) if v6.is_unicast_link_local()));
    Ok(found)
}

fn upstreams(forward: &[String]) -> Result<Vec<SocketAddr>, RunError> {
    let mut found = Vec::new();
    for entry in forward {
        if entry.starts_with('/') {
            found.extend(name_servers(Path::new(entry))?);
            continue;
        }
        let with_port = entry.parse::<SocketAddr>();
        let address = with_port.or_else(|_| entry.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 53)));
        found.push(address.map_err(|source| RunError::Address {
            flag: "forward",
            text: entry.clone(),
            source,
        })?);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolvers_are_addresses_or_files() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("resolv.conf");
        std::fs::write(&file, "nameserver 192.0.2.1\n").expect("written");
        let given = [
            file.display().to_string(),
            "192.0.2.2".into(),
            "192.0.2.3:5353".into(),
            "[2001:db8::1]:53".into(),
        ];
        let found: Vec<String> = upstreams(&given)
            .expect("addresses")
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            found,
            ["192.0.2.1:53", "192.0.2.2:53", "192.0.2.3:5353", "[2001:db8::1]:53"]
        );
        let error = upstreams(&["nowhere".into()]).expect_err("no address");
        assert_eq!(error.to_string(), "--forward: \"nowhere\" is no address");
    }
}
