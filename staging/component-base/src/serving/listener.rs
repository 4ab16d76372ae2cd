//! Sockets that connections come from.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::Path;

use nix::sys::socket::{setsockopt, sockopt};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixStream};

/// How long a silent TCP connection stays unprobed, and between probes: upstream's three minutes.
const KEEP_ALIVE_SECONDS: u32 = 180;

/// How a TCP port is bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListenOptions {
    /// Several processes may serve the same address and port (`--permit-port-sharing`).
    pub share_port: bool,
}

/// A bound socket.
#[derive(Debug)]
pub enum Listener {
    /// TCP.
    Tcp(TcpListener),
    /// A Unix socket, always without TLS.
    Unix(UnixListener),
}

pub(super) enum Connection {
    Tcp(TcpStream, SocketAddr),
    Unix(UnixStream),
}

impl Listener {
    /// Binds a TCP port. An unspecified address means every address of both families. The address may be used again at
    /// once after an earlier process has left it.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub fn bind(address: SocketAddr, options: ListenOptions) -> io::Result<Self> {
        if address.ip().is_unspecified() {
            let both = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), address.port());
            match Self::bind_one(both, options, true) {
                Ok(listener) => return Ok(listener),
                // A kernel without IPv6; serve what was asked for.
                Err(error) if address.is_ipv4() && error.kind() != io::ErrorKind::AddrInUse => {}
                Err(error) => return Err(error),
            }
        }
        Self::bind_one(address, options, false)
    }

    fn bind_one(address: SocketAddr, options: ListenOptions, dual_stack: bool) -> io::Result<Self> {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        if address.is_ipv6() {
            setsockopt(&socket, sockopt::Ipv6V6Only, &!dual_stack)?;
        }
        socket.set_reuseaddr(true)?;
        socket.set_reuseport(options.share_port)?;
        // Accepted sockets inherit these from the listening one.
        setsockopt(&socket, sockopt::KeepAlive, &true)?;
        setsockopt(&socket, sockopt::TcpKeepIdle, &KEEP_ALIVE_SECONDS)?;
        setsockopt(&socket, sockopt::TcpKeepInterval, &KEEP_ALIVE_SECONDS)?;
        setsockopt(&socket, sockopt::TcpNoDelay, &true)?;
        socket.bind(address)?;
        Ok(Self::Tcp(socket.listen(4096)?))
    }

    /// Binds a Unix socket, in the place of one that an earlier process left behind.
    ///
    /// # Errors
    /// The path cannot be bound, or something other than a socket stands there.
    pub fn bind_unix(path: impl AsRef<Path>) -> io::Result<Self> {
        use std::os::unix::fs::FileTypeExt;
        let path = path.as_ref();
        match std::fs::symlink_metadata(path) {
            Ok(metadata) if metadata.file_type().is_socket() => std::fs::remove_file(path)?,
            Ok(_) => {
                return Err(io::Error::new(
                    io::ErrorKind::AlreadyExists,
                    format!("{} is not a socket", path.display()),
                ));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(Self::Unix(UnixListener::bind(path)?))
    }

    /// The bound address; `None` on a Unix socket.
    ///
    /// # Errors
    /// The kernel does not say.
    pub fn local_addr(&self) -> io::Result<Option<SocketAddr>> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(Some),
            Self::Unix(_) => Ok(None),
        }
    }

    /// The next connection. Cancel safe.
    pub(super) async fn accept(&self) -> io::Result<Connection> {
        match self {
            Self::Tcp(listener) => listener
                .accept()
                .await
                .map(|(stream, peer)| Connection::Tcp(stream, peer)),
            Self::Unix(listener) => listener.accept().await.map(|(stream, _)| Connection::Unix(stream)),
        }
    }
}

#[cfg(test)]
mod tests {
    use nix::sys::socket::getsockopt;

    use super::*;

    #[tokio::test]
    async fn accepted_sockets_inherit_the_options() {
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), ListenOptions::default()).unwrap();
        let address = listener.local_addr().unwrap().unwrap();
        let client = TcpStream::connect(address).await.unwrap();
        let Connection::Tcp(stream, peer) = listener.accept().await.unwrap() else {
            panic!("not TCP")
        };
        assert_eq!(peer, client.local_addr().unwrap());
        assert!(stream.nodelay().unwrap());
        assert!(getsockopt(&stream, sockopt::KeepAlive).unwrap());
        assert_eq!(getsockopt(&stream, sockopt::TcpKeepIdle).unwrap(), KEEP_ALIVE_SECONDS);
    }

    #[tokio::test]
    async fn unspecified_means_both_families() {
        let listener = Listener::bind("0.0.0.0:0".parse().unwrap(), ListenOptions::default()).unwrap();
        let port = listener.local_addr().unwrap().unwrap().port();
        TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        if std::net::TcpListener::bind("[::1]:0").is_ok() {
            TcpStream::connect(("::1", port)).await.unwrap();
        }
    }

    #[tokio::test]
    async fn ports_are_shared_on_request_only() {
        let shared = ListenOptions { share_port: true };
        let first = Listener::bind("127.0.0.1:0".parse().unwrap(), shared).unwrap();
        let address = first.local_addr().unwrap().unwrap();
        Listener::bind(address, shared).unwrap();
        let error = Listener::bind(address, ListenOptions::default()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }

    #[tokio::test]
    async fn a_stale_unix_socket_is_replaced_and_a_file_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        drop(Listener::bind_unix(&path).unwrap());
        Listener::bind_unix(&path).unwrap();
        let file = directory.path().join("file");
        std::fs::write(&file, "precious").unwrap();
        assert_eq!(
            Listener::bind_unix(&file).unwrap_err().kind(),
            io::ErrorKind::AlreadyExists
        );
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");
    }
}
