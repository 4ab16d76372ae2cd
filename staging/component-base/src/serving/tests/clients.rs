//! A running server, and clients for it.

use std::net::SocketAddr;
use std::sync::Arc;

use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

use super::super::certificates::provider;
use super::*;

pub(super) type Payload = Full<Bytes>;

pub(super) fn get(path: &str) -> Request<Payload> {
    Request::get(format!("http://localhost{path}"))
        .header(header::HOST, "localhost")
        .body(Payload::default())
        .unwrap()
}

/// A generated pair with what both sides need of it.
pub(super) struct Pair {
    pub(super) pem: PemPair,
}

pub(super) fn pair(name: &str) -> Pair {
    Pair {
        pem: generate_self_signed(name, &["127.0.0.1".parse().unwrap()], &[]).unwrap(),
    }
}

impl Pair {
    pub(super) fn certificate(&self) -> ServingCertificate {
        ServingCertificate::from_pem("test", self.pem.cert.as_bytes(), self.pem.key.0.as_bytes()).unwrap()
    }

    pub(super) fn tls(&self, client_cas: Vec<Arc<DynamicCaBundle>>) -> Arc<ServingTls> {
        let source = CertificateSource::Fixed(self.certificate());
        Arc::new(ServingTls::new(TlsProtocol::default(), Some(source), Vec::new(), client_cas).unwrap())
    }

    /// The authority, which signed the leaf, is the last certificate of the chain.
    pub(super) fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        let authority = CertificateDer::pem_slice_iter(self.pem.cert.as_bytes())
            .last()
            .unwrap()
            .unwrap();
        roots.add(authority).unwrap();
        roots
    }

    pub(super) fn client(&self, name: &'static str, protocols: &[&[u8]]) -> Client {
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(self.roots())
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        Client {
            config: Arc::new(config),
            name,
        }
    }
}

pub(super) struct Client {
    pub(super) config: Arc<ClientConfig>,
    pub(super) name: &'static str,
}

impl Client {
    pub(super) async fn connect(&self, address: SocketAddr) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(address).await?;
        let name = ServerName::try_from(self.name).unwrap();
        TlsConnector::from(Arc::clone(&self.config)).connect(name, stream).await
    }
}

/// A server on a free port.
pub(super) struct Running {
    pub(super) address: SocketAddr,
    pub(super) shutdown: CancellationToken,
    pub(super) serving: JoinHandle<()>,
    pub(super) handshake_errors: IntCounter,
}

impl Running {
    pub(super) fn tls(certificate: &Pair, client_cas: Vec<Arc<DynamicCaBundle>>) -> Self {
        Self::start(ServerSettings::default(), Some(certificate.tls(client_cas)))
    }

    pub(super) fn plain(settings: ServerSettings) -> Self {
        Self::start(settings, None)
    }

    pub(super) fn start(settings: ServerSettings, tls: Option<Arc<ServingTls>>) -> Self {
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), ListenOptions::default()).unwrap();
        let address = listener.local_addr().unwrap().unwrap();
        let shutdown = CancellationToken::new();
        let handshake_errors = IntCounter::new("errors", "errors").unwrap();
        let mut server = Server::new(answer)
            .with_settings(settings)
            .with_handshake_errors(handshake_errors.clone())
            .with_panic_response(|report| {
                assert!(report.message == "secret detail", "{report:?}");
                let mut response =
                    Response::new(Body::from(format!("panicked: {} {}", report.method, report.uri.path())));
                *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                response
            });
        if let Some(tls) = tls {
            server = server.with_tls(tls);
        }
        let serving = tokio::spawn(server.serve(listener, shutdown.clone()));
        Self {
            address,
            shutdown,
            serving,
            handshake_errors,
        }
    }

    /// One request on a plain connection of its own.
    pub(super) async fn get(&self, path: &str) -> (u16, String) {
        Http1::over(TcpStream::connect(self.address).await.unwrap())
            .await
            .get(path)
            .await
    }

    /// Ends the server and waits for its end.
    pub(super) async fn stop(self) {
        self.shutdown.cancel();
        tokio::time::timeout(Duration::from_secs(20), self.serving)
            .await
            .expect("the server ends")
            .unwrap();
    }
}

async fn read(response: Response<Incoming>) -> (u16, String) {
    let status = response.status().as_u16();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(bytes.to_vec()).unwrap())
}

macro_rules! client {
    ($name:ident, $sender:ty) => {
        pub(super) struct $name {
            pub(super) sender: $sender,
            pub(super) closed: JoinHandle<()>,
        }

        impl $name {
            pub(super) async fn connect(server: &Running, client: &Client) -> Self {
                Self::over(client.connect(server.address).await.unwrap()).await
            }

            pub(super) async fn get(&mut self, path: &str) -> (u16, String) {
                self.sender.ready().await.unwrap();
                read(self.sender.send_request(get(path)).await.unwrap()).await
            }

            pub(super) async fn post(&mut self, path: &str, body: String) -> (u16, String) {
                let request = get(path).map(|_| Payload::from(body));
                self.sender.ready().await.unwrap();
                read(self.sender.send_request(request).await.unwrap()).await
            }

            pub(super) async fn send(&mut self, request: Request<Payload>) -> Incoming {
                self.sender.ready().await.unwrap();
                self.sender.send_request(request).await.unwrap().into_body()
            }
        }
    };
}

client!(Http1, http1::SendRequest<Payload>);
client!(Http2, http2::SendRequest<Payload>);

impl Http1 {
    pub(super) async fn over<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S) -> Self {
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        // How a connection ends is up to the server under test; that it ends is what tests look at.
        let closed = tokio::spawn(async move { drop(connection.with_upgrades().await) });
        Self { sender, closed }
    }
}

impl Http2 {
    pub(super) async fn over<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S) -> Self {
        let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
        let closed = tokio::spawn(async move { drop(connection.await) });
        Self { sender, closed }
    }
}
