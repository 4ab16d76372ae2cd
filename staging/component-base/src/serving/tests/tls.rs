//! Certificates: of clients, by name, and replaced while serving.

use std::time::SystemTime;

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::ClientConfig;
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::super::certificates::provider;
use super::clients::*;
use super::*;

/// An authority for clients.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            issuer: Issuer::new(params, key),
            pem,
        }
    }

    fn bundle(&self) -> CaBundle {
        CaBundle::from_pem("clients", self.pem.as_bytes()).unwrap()
    }

    /// A certificate for the user, with its key.
    fn sign(&self, user: &str) -> (rustls_pki_types::CertificateDer<'static>, KeyPair) {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, user);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().der().clone(), key)
    }
}

/// Presents a certificate whatever the server hints at, with a key that may not be its own.
#[derive(Debug)]
struct Present(Arc<CertifiedKey>);

impl ResolvesClientCert for Present {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[rustls::SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

fn client_with(server: &Pair, certificate: rustls_pki_types::CertificateDer<'static>, key: &KeyPair) -> Client {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let signing = provider().key_provider.load_private_key(key).unwrap();
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(server.roots())
        .with_client_cert_resolver(Arc::new(Present(Arc::new(CertifiedKey::new(
            vec![certificate],
            signing,
        )))));
    config.alpn_protocols = vec![b"h2".to_vec()];
    Client {
        config: Arc::new(config),
        name: "localhost",
    }
}

#[tokio::test]
async fn any_client_certificate_is_taken_with_its_key_only() {
    let certificate = pair("localhost");
    let (known, foreign) = (Authority::new("known"), Authority::new("foreign"));
    let server = Running::tls(&certificate, vec![Arc::new(DynamicCaBundle::fixed(known.bundle()))]);

    let mut anonymous = Http2::connect(&server, &certificate.client("localhost", &[b"h2"])).await;
    assert_eq!(anonymous.get("/connection").await.1, "Some(127.0.0.1) 0 true");
    for authority in [&known, &foreign] {
        let (user, key) = authority.sign("ann");
        let mut client = Http2::connect(&server, &client_with(&certificate, user.clone(), &key)).await;
        assert_eq!(client.get("/connection").await.1, "Some(127.0.0.1) 1 true");
        let verified = known
            .bundle()
            .verify_client(std::slice::from_ref(&user), SystemTime::now());
        assert_eq!(verified.is_ok(), std::ptr::eq(authority, &known), "{verified:?}");
    }
    let (user, key) = known.sign("old");
    let later = SystemTime::now() + Duration::from_secs(3600 * 24 * 365 * 3000);
    drop(key);
    assert!(matches!(
        known.bundle().verify_client(std::slice::from_ref(&user), later),
        Err(rustls::Error::InvalidCertificate(_))
    ));

    let stolen = client_with(&certificate, user, &KeyPair::generate().unwrap());
    // TLS 1.3 clients learn of the refusal when they read.
    if let Ok(mut stream) = stolen.connect(server.address).await {
        let error = stream.read(&mut [0; 64]).await.unwrap_err();
        assert!(error.to_string().contains("alert"), "{error}");
    }
    // The alert is sent before the error is counted.
    tokio::time::timeout(Duration::from_secs(5), async {
        while server.handshake_errors.get() == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the failed handshake is counted");
    server.stop().await;
}

/// The certificate that a client which asks for `name` is shown.
async fn shown(address: std::net::SocketAddr, trust: &Pair, name: &'static str) -> Option<Vec<u8>> {
    let stream = trust.client(name, &[]).connect(address).await.ok()?;
    let (_, session) = stream.get_ref();
    Some(session.peer_certificates()?[0].to_vec())
}

#[tokio::test]
async fn names_choose_the_certificate() {
    let (default, exact, wildcard, address) = (
        pair("default"),
        pair("a.example.org"),
        pair("*.example.org"),
        pair("default"),
    );
    let sni = |pair: &Pair, names: &[&str]| SniCertificate {
        source: CertificateSource::Fixed(pair.certificate()),
        names: names.iter().map(|name| (*name).to_owned()).collect(),
    };
    // The generated ones carry 127.0.0.1 as well, so all but one are given their names.
    let named = vec![
        sni(&wildcard, &["*.example.org"]),
        sni(&exact, &["A.example.org"]),
        sni(&address, &["127.0.0.1"]),
    ];
    let source = CertificateSource::Fixed(default.certificate());
    let tls = Arc::new(ServingTls::new(TlsProtocol::default(), Some(source), named, Vec::new()).unwrap());
    let server = Running::start(ServerSettings::default(), Some(tls));
    for (trust, name) in [
        (&default, "default"),
        (&exact, "a.example.org"),
        (&wildcard, "b.example.org"),
        (&address, "127.0.0.1"),
    ] {
        assert_eq!(
            shown(server.address, trust, name).await.as_deref(),
            Some(trust.certificate().chain()[0].as_ref()),
            "{name}"
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn replaced_files_are_served_and_bad_ones_are_not() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let (one, two) = (pair("localhost"), pair("localhost"));
    let write = |pair: &Pair| {
        std::fs::write(path("tls.key"), &pair.pem.key.0).unwrap();
        std::fs::write(path("tls.crt"), &pair.pem.cert).unwrap();
    };
    write(&one);
    let source = CertificateSource::Files {
        cert: path("tls.crt"),
        key: path("tls.key"),
    };
    let clients = Arc::new(DynamicCaBundle::fixed(Authority::new("first").bundle()));
    let tls = Arc::new(
        ServingTls::new(
            TlsProtocol::default(),
            Some(source),
            Vec::new(),
            vec![Arc::clone(&clients)],
        )
        .unwrap(),
    );
    let server = Running::start(ServerSettings::default(), Some(Arc::clone(&tls)));
    let stop = CancellationToken::new();
    let following = tokio::spawn(Arc::clone(&tls).run(stop.clone()));
    assert!(shown(server.address, &one, "localhost").await.is_some());

    write(&two);
    tokio::time::timeout(Duration::from_secs(10), async {
        while shown(server.address, &two, "localhost").await.is_none() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the new certificate is served");

    std::fs::write(path("tls.crt"), "garbage").unwrap();
    let error = tls.reload().unwrap_err().to_string();
    assert!(
        error.contains("does not contain any valid RSA or ECDSA certificates"),
        "{error}"
    );
    assert!(shown(server.address, &two, "localhost").await.is_some());

    write(&two);
    assert!(!tls.reload().unwrap(), "the same content must not be loaded again");
    assert!(clients.replace(Authority::new("second").bundle()));
    stop.cancel();
    following.await.unwrap();
    assert!(tls.reload().is_ok());
    server.stop().await;
}

#[tokio::test]
async fn a_bundle_follows_its_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ca.crt");
    let (one, two) = (Authority::new("one"), Authority::new("two"));
    std::fs::write(&path, &one.pem).unwrap();
    let bundle = Arc::new(DynamicCaBundle::from_file(&path).unwrap());
    let mut changes = bundle.subscribe();
    let stop = CancellationToken::new();
    let following = tokio::spawn(Arc::clone(&bundle).run(stop.clone()));
    std::fs::write(&path, &two.pem).unwrap();
    tokio::time::timeout(
        Duration::from_secs(10),
        changes.wait_for(|current| current.pem() == two.pem.as_bytes()),
    )
    .await
    .expect("the file is read again")
    .unwrap();
    assert!(
        bundle
            .current()
            .verify_client(&[two.sign("ann").0], SystemTime::now())
            .is_ok()
    );
    assert!(
        bundle
            .current()
            .verify_client(&[one.sign("ann").0], SystemTime::now())
            .is_err()
    );
    stop.cancel();
    following.await.unwrap();
}
