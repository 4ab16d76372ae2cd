//! Proxies on the way to the server: HTTP CONNECT, the same over TLS, SOCKS5. Taken from the configuration or, as Go's
//! clients do, from `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`.

use std::env;
use std::io;
use std::sync::Arc;

use base64::Engine as _;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use url::Url;

use super::dial::{tcp, tls};
use super::error::TransportError;
use super::target::Target;
use super::tls::{system_roots, verifying};

/// The most bytes of a proxy's answer.
const MAX_ANSWER: usize = 16 * 1024;

/// A proxy.
#[derive(Clone, Debug)]
pub(crate) struct Proxy {
    url: Url,
}

/// A stream through a proxy.
pub(super) trait Tunnel: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Tunnel for T {}

impl Proxy {
    /// The configured proxy, or the environment's.
    pub(crate) fn for_target(configured: &str, target: &Target) -> Result<Option<Self>, TransportError> {
        let text = if configured.is_empty() {
            let variable = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
            let names = if target.tls {
                ["HTTPS_PROXY", "https_proxy"]
            } else {
                ["HTTP_PROXY", "http_proxy"]
            };
            let excluded = variable("NO_PROXY")
                .or_else(|| variable("no_proxy"))
                .unwrap_or_default();
            match names.into_iter().find_map(variable) {
                Some(text) if !is_excluded(&excluded, target) => text,
                _ => return Ok(None),
            }
        } else {
            configured.to_owned()
        };
        let full = if text.contains("://") {
            text
        } else {
            format!("http://{text}")
        };
        crate::config::check_proxy(&full).map_err(TransportError::Config)?;
        let url = Url::parse(&full).map_err(|error| TransportError::Config(error.to_string()))?;
        Ok(Some(Self { url }))
    }

    fn address(&self) -> String {
        let default = match self.url.scheme() {
            "https" => 443,
            "socks5" => 1080,
            _ => 80,
        };
        format!(
            "{}:{}",
            self.url.host_str().unwrap_or_default(),
            self.url.port().unwrap_or(default)
        )
    }
}

/// Go's rules: loopback always; names with their subdomains, addresses, ranges, `*`.
pub(super) fn is_excluded(list: &str, target: &Target) -> bool {
    let address = target.host.parse::<std::net::IpAddr>().ok();
    if target.host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
        return true;
    }
    list.split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
        .any(|entry| {
            if entry == "*" {
                return true;
            }
            if let (Some(address), Some((network, bits))) = (address, entry.split_once('/')) {
                return in_range(address, network, bits);
            }
            let (name, port) = match entry.rsplit_once(':') {
                Some((name, port)) if !name.contains(':') && port.parse::<u16>().is_ok() => (name, port.parse().ok()),
                _ => (entry, None),
            };
            if port.is_some_and(|port: u16| port != target.port) {
                return false;
            }
            let name = name.trim_start_matches("*.");
            let bare = name.trim_start_matches('.');
            let is_subdomain = target.host.strip_suffix(bare).is_some_and(|rest| rest.ends_with('.'));
            (target.host == bare && !name.starts_with('.')) || (is_subdomain && address.is_none())
        })
}

fn in_range(address: std::net::IpAddr, network: &str, bits: &str) -> bool {
    use std::net::IpAddr;
    let (Ok(network), Ok(bits)) = (network.parse::<IpAddr>(), bits.parse::<u32>()) else {
        return false;
    };
    let (address, network, width) = match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(n)) => (u128::from(a.to_bits()), u128::from(n.to_bits()), 32),
        (IpAddr::V6(a), IpAddr::V6(n)) => (a.to_bits(), n.to_bits(), 128),
        _ => return false,
    };
    bits <= width && (address ^ network).checked_shr(width - bits).unwrap_or(0) == 0
}

/// A stream to the target through the proxy.
pub(super) async fn connect(proxy: &Proxy, target: &Target) -> Result<Box<dyn Tunnel>, TransportError> {
    let stream = tcp(&proxy.address()).await?;
    match proxy.url.scheme() {
        "socks5" => {
            let mut stream = stream;
            socks5(&mut stream, proxy, target)
                .await
                .map_err(|error| TransportError::Proxy(error.to_string()))?;
            Ok(Box::new(stream))
        }
        "https" => {
            let host = proxy.url.host_str().unwrap_or_default().to_owned();
            let name = ServerName::try_from(host).map_err(|error| TransportError::Config(error.to_string()))?;
            let config = Arc::new(verifying(system_roots()?)?.with_no_client_auth());
            let mut stream = tls(config, name, stream).await?;
            http_connect(&mut stream, proxy, target).await?;
            Ok(Box::new(stream))
        }
        _ => {
            let mut stream = stream;
            http_connect(&mut stream, proxy, target).await?;
            Ok(Box::new(stream))
        }
    }
}

fn credentials(url: &Url) -> Option<(String, String)> {
    let decode = |text: &str| {
        percent_encoding::percent_decode_str(text)
            .decode_utf8_lossy()
            .into_owned()
    };
    (!url.username().is_empty()).then(|| (decode(url.username()), decode(url.password().unwrap_or_default())))
}

async fn http_connect<S>(stream: &mut S, proxy: &Proxy, target: &Target) -> Result<(), TransportError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let failed = |error: io::Error| TransportError::Proxy(error.to_string());
    let address = target.address();
    let mut request = format!("CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n");
    if let Some((user, password)) = credentials(&proxy.url) {
        let text = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        request.push_str("Proxy-Authorization: Basic ");
        request.push_str(&text);
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).await.map_err(failed)?;
    stream.flush().await.map_err(failed)?;
    // Byte by byte, because what follows the empty line belongs to the target.
    let mut answer = Vec::with_capacity(256);
    while !answer.ends_with(b"\r\n\r\n") {
        if answer.len() >= MAX_ANSWER {
            return Err(TransportError::Proxy("the answer to CONNECT is too long".to_owned()));
        }
        answer.push(stream.read_u8().await.map_err(failed)?);
    }
    let line = String::from_utf8_lossy(answer.split(|byte| *byte == b'\r').next().unwrap_or_default()).into_owned();
    let mut parts = line.splitn(3, ' ').skip(1);
    match parts.next() {
        Some("200") => Ok(()),
        Some(code) => Err(TransportError::Proxy(parts.next().unwrap_or(code).to_owned())),
        None => Err(TransportError::Proxy(format!(
            "malformed HTTP response {}",
            k8s_api::primitives::quote(&line)
        ))),
    }
}

/// RFC 1928, with RFC 1929's user and password.
async fn socks5<S>(stream: &mut S, proxy: &Proxy, target: &Target) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let short = |text: &str| u8::try_from(text.len()).map_err(|_| io::Error::other("a name for SOCKS5 is too long"));
    let login = credentials(&proxy.url);
    stream
        .write_all(if login.is_some() { &[5, 2, 0, 2] } else { &[5, 1, 0] })
        .await?;
    let mut choice = [0; 2];
    stream.read_exact(&mut choice).await?;
    match (choice, login) {
        ([5, 0], _) => {}
        ([5, 2], Some((user, password))) => {
            let mut message = vec![1, short(&user)?];
            message.extend(user.as_bytes());
            message.push(short(&password)?);
            message.extend(password.as_bytes());
            stream.write_all(&message).await?;
            let mut answer = [0; 2];
            stream.read_exact(&mut answer).await?;
            if answer[1] != 0 {
                return Err(io::Error::other(
                    "socks connect: username/password authentication failed",
                ));
            }
        }
        _ => return Err(io::Error::other("socks connect: no acceptable authentication methods")),
    }
    let mut message = vec![5, 1, 0];
    match target.host.parse() {
        Ok(std::net::IpAddr::V4(address)) => {
            message.push(1);
            message.extend(address.octets());
        }
        Ok(std::net::IpAddr::V6(address)) => {
            message.push(4);
            message.extend(address.octets());
        }
        Err(_) => {
            message.extend([3, short(&target.host)?]);
            message.extend(target.host.as_bytes());
        }
    }
    message.extend(target.port.to_be_bytes());
    stream.write_all(&message).await?;
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).await?;
    if answer[1] != 0 {
        return Err(io::Error::other(format!(
            "socks connect: the proxy answered with code {}",
            answer[1]
        )));
    }
    let rest = match answer[3] {
        1 => 4,
        4 => 16,
        _ => usize::from(stream.read_u8().await?),
    };
    stream.read_exact(&mut vec![0; rest + 2]).await?;
    Ok(())
}
