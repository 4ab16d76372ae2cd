//! TLS for serving: versions, cipher suites, certificates by name, and their replacement while connections run.
//!
//! Client certificates are asked for as soon as there are authorities to name, and are optional. A client proves that it
//! holds the key, and nothing else is checked here: an expired or foreign certificate must not end the connection, since
//! the request may carry other credentials. The authenticator verifies the chain ([`super::CaBundle::verify_client`]).
//!
//! Every connection takes the configuration that is current when it begins. A replacement that cannot be used (a key that
//! does not fit yet, a file half written) is logged and leaves the current one in force.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use futures::future::select_all;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, NoClientAuth, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme, SupportedProtocolVersion};
use rustls_pki_types::{CertificateDer, UnixTime};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::certificates::{CaBundle, CertificateError, ServingCertificate, provider};
use super::tls_names::{self, TlsNameError};
use crate::files::FileWatcher;

/// What may be negotiated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsProtocol {
    /// `VersionTLS12` (the default when empty) or `VersionTLS13`; older names mean TLS 1.2, the oldest there is.
    pub min_version: String,
    /// Names of TLS 1.2 cipher suites; empty for all. Those of TLS 1.3 are not configurable.
    pub cipher_suites: Vec<String>,
    /// Key exchange groups by their registered numbers; empty for all.
    pub curve_preferences: Vec<i32>,
    /// HTTP/1.1 only.
    pub disable_http2: bool,
}

/// Where a certificate comes from.
#[derive(Clone, Debug)]
pub enum CertificateSource {
    /// Files, read anew when they change.
    Files {
        /// The chain.
        cert: PathBuf,
        /// The key.
        key: PathBuf,
    },
    /// A pair in memory.
    Fixed(ServingCertificate),
}

impl CertificateSource {
    fn load(&self) -> Result<ServingCertificate, CertificateError> {
        match self {
            Self::Files { cert, key } => ServingCertificate::from_files(cert, key),
            Self::Fixed(certificate) => Ok(certificate.clone()),
        }
    }
}

/// A certificate for certain names only.
#[derive(Clone, Debug)]
pub struct SniCertificate {
    /// Where it comes from.
    pub source: CertificateSource,
    /// The names; empty for those in the certificate.
    pub names: Vec<String>,
}

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A version, suite or group that does not exist, or too few of them.
    #[error(transparent)]
    Name(#[from] TlsNameError),
    /// A certificate cannot be used.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// There is neither a default nor a named certificate.
    #[error("no serving certificate")]
    NoCertificate,
    /// The library refuses the combination.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
}

/// Authorities for client certificates that can change while they are used.
#[derive(Debug)]
pub struct DynamicCaBundle {
    path: Option<PathBuf>,
    current: watch::Sender<CaBundle>,
}

impl DynamicCaBundle {
    /// Reads the bundle; [`DynamicCaBundle::run`] keeps it current.
    ///
    /// # Errors
    /// The file cannot be used now.
    pub fn from_file(path: impl Into<PathBuf>) -> Result<Self, CertificateError> {
        let path = path.into();
        let current = watch::Sender::new(CaBundle::from_file(&path)?);
        Ok(Self {
            path: Some(path),
            current,
        })
    }

    /// A bundle that only [`DynamicCaBundle::replace`] changes.
    #[must_use]
    pub fn fixed(bundle: CaBundle) -> Self {
        Self {
            path: None,
            current: watch::Sender::new(bundle),
        }
    }

    /// The bundle as it is now.
    #[must_use]
    pub fn current(&self) -> CaBundle {
        self.current.borrow().clone()
    }

    /// Puts another bundle in its place, everywhere at once. Returns whether it differs.
    pub fn replace(&self, bundle: CaBundle) -> bool {
        self.current.send_if_modified(|current| {
            let differs = current.pem() != bundle.pem();
            if differs {
                *current = bundle;
            }
            differs
        })
    }

    /// Tells of replacements.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<CaBundle> {
        self.current.subscribe()
    }

    /// Reads the file anew whenever it changes, until cancelled.
    pub async fn run(self: Arc<Self>, cancelled: CancellationToken) {
        let Some(path) = &self.path else { return };
        reload_on_change(
            vec![path.clone()],
            Vec::new(),
            cancelled,
            || match CaBundle::from_file(path) {
                Ok(bundle) => {
                    if self.replace(bundle) {
                        tracing::info!(path = %path.display(), "Loaded a new CA bundle");
                    }
                }
                Err(error) => tracing::warn!(err = %error, "keeping the previous CA bundle"),
            },
        )
        .await;
    }
}

/// Calls `reload` after every change of the files or the bundles, and once at the start for what changed in between.
async fn reload_on_change(
    paths: Vec<PathBuf>,
    mut bundles: Vec<watch::Receiver<CaBundle>>,
    cancelled: CancellationToken,
    mut reload: impl FnMut(),
) {
    let mut watcher = match FileWatcher::new(&paths) {
        Ok(watcher) => Some(watcher),
        Err(error) => {
            tracing::error!(err = %error, "cannot watch files, looking at them periodically");
            None
        }
    };
    loop {
        reload();
        let files = async {
            match &mut watcher {
                Some(watcher) => watcher.changed().await,
                None => {
                    tokio::time::sleep(crate::files::RECHECK_PERIOD).await;
                    Ok(())
                }
            }
        };
        let others = async {
            if bundles.is_empty() {
                std::future::pending::<()>().await;
            }
            let (outcome, index, rest) = select_all(bundles.iter_mut().map(|bundle| Box::pin(bundle.changed()))).await;
            drop(rest);
            if outcome.is_err() {
                // Its owner is gone; it will not change any more.
                bundles.swap_remove(index);
            }
        };
        let outcome = tokio::select! {
            outcome = files => outcome,
            () = others => Ok(()),
            () = cancelled.cancelled() => return,
        };
        if let Err(error) = outcome {
            tracing::error!(err = %error, "lost file notifications, looking at the files periodically");
            watcher = None;
        }
    }
}

/// The certificate and authority side of serving TLS; shared by its listeners.
pub struct ServingTls {
    protocol: TlsProtocol,
    default: Option<CertificateSource>,
    named: Vec<SniCertificate>,
    client_cas: Vec<Arc<DynamicCaBundle>>,
    current: ArcSwap<Current>,
}

/// What new connections use.
struct Current {
    /// What it was made of, to tell whether anything is new.
    loaded: Loaded,
    default: Arc<ServerConfig>,
    /// For clients that name no host, by the address that they reached.
    by_ip: HashMap<IpAddr, Arc<ServerConfig>>,
}

#[derive(PartialEq)]
struct Loaded {
    chains: Vec<Vec<CertificateDer<'static>>>,
    authorities: Vec<Vec<u8>>,
}

impl ServingTls {
    /// Loads the certificates. Without authorities no client certificate is asked for.
    ///
    /// # Errors
    /// A certificate cannot be used, there is none at all, or the protocol options contradict each other.
    pub fn new(
        protocol: TlsProtocol,
        default: Option<CertificateSource>,
        named: Vec<SniCertificate>,
        client_cas: Vec<Arc<DynamicCaBundle>>,
    ) -> Result<Self, TlsError> {
        let current = build(&protocol, default.as_ref(), &named, &client_cas, None)?.ok_or(TlsError::NoCertificate)?;
        Ok(Self {
            protocol,
            default,
            named,
            client_cas,
            current: ArcSwap::from_pointee(current),
        })
    }

    /// The configuration for a connection that reached this address.
    pub(super) fn config(&self, local: Option<IpAddr>) -> Arc<ServerConfig> {
        let current = self.current.load();
        let named = local.and_then(|ip| current.by_ip.get(&ip.to_canonical()));
        Arc::clone(named.unwrap_or(&current.default))
    }

    /// Loads everything anew. Returns whether anything differs.
    ///
    /// # Errors
    /// Something cannot be used; the current configuration stays.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let current = self.current.load();
        match build(
            &self.protocol,
            self.default.as_ref(),
            &self.named,
            &self.client_cas,
            Some(&current.loaded),
        )? {
            Some(next) => {
                self.current.store(Arc::new(next));
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// Follows the certificate files and the authorities until cancelled.
    pub async fn run(self: Arc<Self>, cancelled: CancellationToken) {
        let sources = self.default.iter().chain(self.named.iter().map(|named| &named.source));
        let paths: Vec<_> = sources
            .flat_map(|source| match source {
                CertificateSource::Files { cert, key } => vec![cert.clone(), key.clone()],
                CertificateSource::Fixed(_) => Vec::new(),
            })
            .collect();
        let bundles: Vec<_> = self.client_cas.iter().map(|bundle| bundle.subscribe()).collect();
        if paths.is_empty() && bundles.is_empty() {
            return;
        }
        reload_on_change(paths, bundles, cancelled, || match self.reload() {
            Ok(true) => tracing::info!("Reloaded the serving certificates"),
            Ok(false) => {}
            Err(error) => tracing::warn!(err = %error, "keeping the previous serving certificates"),
        })
        .await;
    }
}

/// Loads the sources; `None` when they hold what is in force already.
fn build(
    protocol: &TlsProtocol,
    default: Option<&CertificateSource>,
    named: &[SniCertificate],
    client_cas: &[Arc<DynamicCaBundle>],
    in_force: Option<&Loaded>,
) -> Result<Option<Current>, TlsError> {
    let default = default.map(CertificateSource::load).transpose()?;
    let named = named
        .iter()
        .map(|entry| {
            entry
                .source
                .load()
                .map(|certificate| (certificate, entry.names.as_slice()))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let bundles: Vec<_> = client_cas.iter().map(|bundle| bundle.current()).collect();
    let loaded = Loaded {
        chains: default
            .iter()
            .chain(named.iter().map(|(certificate, _)| certificate))
            .map(|it| it.chain().to_vec())
            .collect(),
        authorities: bundles.iter().map(|bundle| bundle.pem().to_vec()).collect(),
    };
    if in_force == Some(&loaded) {
        return Ok(None);
    }

    let (versions, provider) = tls_names::restrict(protocol, provider())?;
    let default = default
        .or_else(|| named.first().map(|(certificate, _)| certificate.clone()))
        .ok_or(TlsError::NoCertificate)?;
    let by_name = names(&named);
    let verifier: Arc<dyn ClientCertVerifier> = if bundles.is_empty() {
        Arc::new(NoClientAuth)
    } else {
        let subjects = bundles
            .iter()
            .flat_map(|bundle| bundle.subjects().iter().cloned())
            .collect();
        Arc::new(RequestClientCert {
            subjects,
            algorithms: provider.signature_verification_algorithms,
        })
    };
    let config = |without_name: &ServingCertificate| -> Result<Arc<ServerConfig>, TlsError> {
        let resolver = Resolver {
            by_name: by_name.clone(),
            default: Arc::clone(&default.key),
            without_name: Arc::clone(&without_name.key),
        };
        server_config(protocol, &versions, &provider, &verifier, resolver)
    };
    let mut by_ip = HashMap::new();
    for (name, key) in &by_name {
        if let Ok(ip) = name.parse::<IpAddr>() {
            by_ip.insert(ip.to_canonical(), config(&ServingCertificate { key: Arc::clone(key) })?);
        }
    }
    Ok(Some(Current {
        loaded,
        default: config(&default)?,
        by_ip,
    }))
}

type ByName = HashMap<String, Arc<CertifiedKey>>;

/// Name to certificate: given names go before those in certificates, and earlier certificates before later ones.
fn names(named: &[(ServingCertificate, &[String])]) -> ByName {
    let mut by_name = ByName::new();
    for explicit in [false, true] {
        for (certificate, given) in named.iter().rev().filter(|(_, given)| given.is_empty() != explicit) {
            let names = if explicit { given.to_vec() } else { certificate.names() };
            by_name.extend(
                names
                    .into_iter()
                    .map(|name| (name.to_ascii_lowercase(), Arc::clone(&certificate.key))),
            );
        }
    }
    by_name
}

fn server_config(
    protocol: &TlsProtocol,
    versions: &[&'static SupportedProtocolVersion],
    provider: &Arc<CryptoProvider>,
    verifier: &Arc<dyn ClientCertVerifier>,
    resolver: Resolver,
) -> Result<Arc<ServerConfig>, TlsError> {
    let mut config = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(versions)?
        .with_client_cert_verifier(Arc::clone(verifier))
        .with_cert_resolver(Arc::new(resolver));
    config.alpn_protocols = if protocol.disable_http2 {
        vec![b"http/1.1".to_vec()]
    } else {
        vec![b"h2".to_vec(), b"http/1.1".to_vec()]
    };
    Ok(Arc::new(config))
}

#[derive(Debug)]
struct Resolver {
    by_name: ByName,
    /// For clients that ask for a name which no certificate is for.
    default: Arc<CertifiedKey>,
    /// For clients that ask for none.
    without_name: Arc<CertifiedKey>,
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let Some(name) = hello.server_name() else {
            return Some(Arc::clone(&self.without_name));
        };
        if self.by_name.is_empty() {
            return Some(Arc::clone(&self.default));
        }
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let wildcard = || {
            name.split_once('.')
                .and_then(|(_, parent)| self.by_name.get(&format!("*.{parent}")))
        };
        Some(Arc::clone(
            self.by_name.get(&name).or_else(wildcard).unwrap_or(&self.default),
        ))
    }
}

/// Asks for a certificate, takes any, and insists on possession of its key.
#[derive(Debug)]
struct RequestClientCert {
    subjects: Vec<DistinguishedName>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertVerifier for RequestClientCert {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.subjects
    }

    fn verify_client_cert(
        &self,
        _leaf: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
