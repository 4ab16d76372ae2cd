//! TLS, reloading, credentials and the pool, against a server with certificates made for the test.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use k8s_api::core::v1::ConfigMap;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::RootCertStore;
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::proxy::is_excluded;
use super::target::Target;
use crate::api::ListOptions;
use crate::config::{Config, Impersonation, TlsConfig};
use crate::rest::Client;
use crate::testing::{Canned, FakeServer};

pub(super) type Authority = CertifiedIssuer<'static, KeyPair>;

pub(super) fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
        .distinguished_name
        .push(DnType::CommonName, format!("ca-{}", uuid::Uuid::new_v4()));
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn certificate(authority: &Authority, name: &str) -> (String, String) {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::generate().unwrap();
    (params.signed_by(&key, authority).unwrap().pem(), key.serialize_pem())
}

pub(super) fn server_config(authority: &Authority, name: &str, protocols: &[&str]) -> Arc<rustls::ServerConfig> {
    let (certificate, key) = certificate(authority, name);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone()).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .allow_unauthenticated()
        .build()
        .unwrap();
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()],
            PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
        )
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    Arc::new(config)
}

fn config(server: &FakeServer, authority: &Authority) -> Config {
    client_config(&server.address().to_string(), authority)
}

pub(super) fn client_config(address: &str, authority: &Authority) -> Config {
    Config {
        host: format!("https://{address}"),
        tls: TlsConfig {
            ca_data: authority.pem().into_bytes(),
            ..TlsConfig::default()
        },
        qps: -1.0,
        ..Config::default()
    }
}

async fn list(client: &Client) -> Result<(), String> {
    let listed = client.all::<ConfigMap>().list(&ListOptions::default()).await;
    listed.map(drop).map_err(|error| error.to_string())
}

#[tokio::test]
async fn servers_are_verified_over_either_protocol() {
    let authority = authority();
    for protocols in [&["h2", "http/1.1"][..], &["http/1.1"]] {
        let server = FakeServer::start_with(Some(server_config(&authority, "127.0.0.1", protocols))).await;
        let client = Client::new(&config(&server, &authority)).unwrap();
        let all = futures::future::join_all((0..20).map(|_| list(&client))).await;
        assert!(all.iter().all(Result::is_ok), "{all:?}");

        let stranger = Client::new(&config(&server, &super::tests::authority())).unwrap();
        let error = list(&stranger).await.unwrap_err();
        assert!(
            error.ends_with("tls: failed to verify certificate: x509: certificate signed by unknown authority"),
            "{error}"
        );
        let mut named = config(&server, &authority);
        named.tls.server_name = "other.name".to_owned();
        let error = list(&Client::new(&named).unwrap()).await.unwrap_err();
        assert!(error.contains("x509: certificate is valid for "), "{error}");
        assert!(error.ends_with(", not other.name"), "{error}");
        let mut insecure = config(&server, &authority);
        insecure.tls = TlsConfig {
            insecure: true,
            ..TlsConfig::default()
        };
        list(&Client::new(&insecure).unwrap()).await.unwrap();
        insecure.tls.ca_file = "/some/ca".to_owned();
        assert_eq!(
            Client::new(&insecure).unwrap_err().to_string(),
            "specifying a root certificates file with the insecure flag is not allowed"
        );
    }
}

#[tokio::test]
async fn more_watches_than_one_connection_has_streams_for() {
    let authority = authority();
    let server = FakeServer::start_with(Some(server_config(&authority, "127.0.0.1", &["h2"]))).await;
    let client = Client::new(&config(&server, &authority)).unwrap();
    let api = client.all::<ConfigMap>();
    let mut watches = Vec::new();
    for _ in 0..250 {
        watches.push(api.watch(&crate::api::WatchOptions::default()).await.unwrap());
    }
    tokio::time::timeout(Duration::from_secs(20), list(&client))
        .await
        .expect("requests find a stream")
        .unwrap();
}

fn write(path: &Path, text: &str) {
    let temporary = path.with_extension("new");
    fs::write(&temporary, text).unwrap();
    fs::rename(temporary, path).unwrap();
}

#[tokio::test]
async fn changed_certificates_are_used_and_old_connections_closed() {
    let (old, new) = (authority(), authority());
    let folder = tempfile::tempdir().unwrap();
    let [cert_file, key_file, ca_file] = ["crt", "key", "ca"].map(|name| folder.path().join(name));
    // Takes clients of the new authority only; the first client certificate is of the old one.
    let server = FakeServer::start_with(Some(server_config(&new, "127.0.0.1", &["h2"]))).await;
    let (certificate_pem, key_pem) = certificate(&old, "client");
    write(&cert_file, &certificate_pem);
    write(&key_file, &key_pem);
    write(&ca_file, &new.pem());
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let mut config = config(&server, &new);
    config.tls = TlsConfig {
        cert_file: text(&cert_file),
        key_file: text(&key_file),
        ca_file: text(&ca_file),
        ..TlsConfig::default()
    };
    let client = Client::new(&config).unwrap();
    let error = list(&client).await.unwrap_err();
    assert!(
        error.ends_with("remote error: tls: unknown certificate authority"),
        "{error}"
    );
    let (certificate_pem, key_pem) = certificate(&new, "client");
    write(&cert_file, &certificate_pem);
    // Half way the two do not fit together; the client goes on with what it had.
    write(&key_file, &key_pem);
    let reached = crate::wait::poll(Duration::from_millis(100), Duration::from_secs(20), async || {
        Ok::<_, ()>(list(&client).await.is_ok())
    })
    .await;
    assert_eq!(reached, Ok(true));
    let mut watch = client
        .all::<ConfigMap>()
        .watch(&crate::api::WatchOptions::default())
        .await
        .unwrap();
    client.close_connections();
    let error = watch
        .next()
        .await
        .expect("a closed connection is an error")
        .unwrap_err();
    assert!(
        error.to_string().ends_with("use of closed network connection"),
        "{error}"
    );
    list(&client).await.unwrap();
}

#[tokio::test]
async fn tokens_are_read_again_after_a_refusal_and_impersonation_goes_along() {
    let server = FakeServer::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    fs::write(&file, "first\n").unwrap();
    server.on_request(|seen| {
        (seen.headers["authorization"] != "Bearer second").then(|| Canned::json(401, &serde_json::json!({})))
    });
    let impersonate = Impersonation {
        user_name: "jane".to_owned(),
        groups: vec!["a".to_owned(), "b".to_owned()],
        extra: [("example.com/Scope".to_owned(), vec!["x".to_owned()])].into(),
        ..Impersonation::default()
    };
    let config = Config {
        bearer_token_file: file.to_string_lossy().into_owned(),
        impersonate,
        ..server.config()
    };
    let client = Client::new(&config).unwrap();
    let error = list(&client).await.unwrap_err();
    assert_eq!(
        error,
        "the server has asked for the client to provide credentials (get configmaps)"
    );
    fs::write(&file, "second").unwrap();
    list(&client).await.unwrap();
    let headers = &server.seen()[1].headers;
    assert_eq!(headers["impersonate-user"], "jane");
    assert_eq!(
        headers.get_all("impersonate-group").iter().collect::<Vec<_>>(),
        ["a", "b"]
    );
    assert_eq!(headers["impersonate-extra-example.com%2fscope"], "x");
    let identity = client.identity_headers().await.unwrap();
    assert_eq!(identity["authorization"], "Bearer second");
    let both = Config {
        bearer_token: "t".into(),
        username: "u".into(),
        ..Config::default()
    };
    assert_eq!(
        Client::new(&both).unwrap_err().to_string(),
        "username/password or bearer token may be set, but not both"
    );
}

#[tokio::test]
async fn through_a_proxy() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
    let authority = authority();
    let server = FakeServer::start_with(Some(server_config(&authority, "127.0.0.1", &["h2"]))).await;
    let target = server.address();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut first = [0; 1];
                stream.read_exact(&mut first).await.unwrap();
                let mut inner = tokio::net::TcpStream::connect(target).await.unwrap();
                if first[0] == 5 {
                    let mut greeting = [0; 2];
                    stream.read_exact(&mut greeting).await.unwrap();
                    stream.write_all(&[5, 0]).await.unwrap();
                    let mut request = [0; 10];
                    stream.read_exact(&mut request).await.unwrap();
                    assert_eq!(&request[..8], &[5, 1, 0, 1, 127, 0, 0, 1]);
                    stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
                } else {
                    let mut request = vec![first[0]];
                    while !request.ends_with(b"\r\n\r\n") {
                        request.push(stream.read_u8().await.unwrap());
                    }
                    let text = String::from_utf8(request).unwrap();
                    assert!(text.starts_with(&format!("CONNECT {target} HTTP/1.1\r\n")), "{text}");
                    assert!(text.contains("Proxy-Authorization: Basic dTpw\r\n"), "{text}");
                    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                }
                // The test's end ends it.
                let _ = copy_bidirectional(&mut stream, &mut inner).await;
            });
        }
    });
    for scheme in ["http://u:p@", "socks5://"] {
        let config = Config {
            proxy_url: format!("{scheme}{address}"),
            ..config(&server, &authority)
        };
        list(&Client::new(&config).unwrap()).await.unwrap();
    }
    let unknown = Config {
        proxy_url: "ftp://x".to_owned(),
        ..config(&server, &authority)
    };
    assert_eq!(
        Client::new(&unknown).unwrap_err().to_string(),
        "unsupported scheme \"ftp\", must be http, https, or socks5"
    );
}

#[test]
fn no_proxy_follows_gos_rules() {
    let target = |host: &str| {
        Target::new(&Config {
            host: host.to_owned(),
            ..Config::default()
        })
        .unwrap()
    };
    for (list, host, excluded) in [
        ("", "https://127.0.0.1:6443", true),
        ("", "https://localhost", true),
        ("", "https://example.com", false),
        ("*", "https://example.com", true),
        ("example.com", "https://example.com", true),
        ("example.com", "https://api.example.com", true),
        (".example.com", "https://api.example.com", true),
        (".example.com", "https://example.com", false),
        ("example.com", "https://notexample.com", false),
        ("10.0.0.0/8", "https://10.1.2.3:6443", true),
        ("10.0.0.0/8", "https://11.1.2.3:6443", false),
        ("fd00::/8", "https://[fd12::1]:6443", true),
        ("example.com:443", "https://example.com", true),
        ("example.com:444", "https://example.com", false),
    ] {
        assert_eq!(is_excluded(list, &target(host)), excluded, "{list} {host}");
    }
}
