//! Certificates for TLS, read again when their files change.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use component_base::any_certificate::AnyCertificate;
use parking_lot::Mutex;
use rustls::client::{ResolvesClientCert, WantsClientCert};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};

use super::dial::DialTls;
use super::error::TransportError;
use super::target::Target;
use crate::config::{Config, TlsConfig};

/// Where distributions keep their authorities, in the order in which they are tried.
const SYSTEM_ROOTS: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// TLS settings that follow their files.
pub(crate) struct TlsSource {
    config: TlsConfig,
    server_name: ServerName<'static>,
    state: Mutex<State>,
}

struct State {
    dial: DialTls,
    stamps: Vec<Stamp>,
    content: Content,
    /// What an exec plugin gave; it goes before no configured certificate, because there is none then.
    plugin: Option<(String, String)>,
    stale: bool,
}

/// When a file was last written, and its size; `None` if it is not there.
type Stamp = Option<(SystemTime, u64)>;

/// The bytes that the settings were made of.
#[derive(Clone, PartialEq, Eq, Default)]
struct Content {
    ca: Vec<u8>,
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl TlsSource {
    pub(crate) fn new(config: &Config, target: &Target) -> Result<Self, TransportError> {
        let tls = config.tls.clone();
        if tls.insecure && (!tls.ca_file.is_empty() || !tls.ca_data.is_empty()) {
            return Err(TransportError::Config(
                "specifying a root certificates file with the insecure flag is not allowed".to_owned(),
            ));
        }
        let name = if tls.server_name.is_empty() {
            target.host.clone()
        } else {
            tls.server_name.clone()
        };
        let server_name = ServerName::try_from(name)
            .map_err(|error| TransportError::Config(format!("invalid server name: {error}")))?;
        let stamps = stamps(&tls);
        let content = read(&tls)?;
        let dial = build(&tls, &content, None, &server_name)?;
        let state = Mutex::new(State {
            dial,
            stamps,
            content,
            plugin: None,
            stale: false,
        });
        Ok(Self {
            config: tls,
            server_name,
            state,
        })
    }

    /// The present settings.
    pub(crate) fn current(&self) -> DialTls {
        self.state.lock().dial.clone()
    }

    /// Takes the certificate that an exec plugin gave.
    pub(crate) fn set_identity(&self, certificate: Option<&(String, String)>) -> Result<(), TransportError> {
        let mut state = self.state.lock();
        if state.plugin.as_ref() != certificate {
            let dial = build(&self.config, &state.content, certificate, &self.server_name)?;
            state.plugin = certificate.cloned();
            state.dial = dial;
            state.stale = true;
        }
        Ok(())
    }

    /// Looks at the files; says whether connections must be made anew. A file that cannot be read or makes no sense (its
    /// writer may be half way) leaves everything as it is; it is looked at again.
    pub(crate) fn reload(&self) -> Result<bool, TransportError> {
        let mut state = self.state.lock();
        let present = stamps(&self.config);
        if present != state.stamps {
            match read(&self.config).and_then(|content| {
                if content == state.content {
                    return Ok(None);
                }
                let dial = build(&self.config, &content, state.plugin.as_ref(), &self.server_name)?;
                Ok(Some((content, dial)))
            }) {
                Ok(changed) => {
                    state.stamps = present;
                    if let Some((content, dial)) = changed {
                        tracing::info!("the certificates have changed, connections are made anew");
                        (state.content, state.dial, state.stale) = (content, dial, true);
                    }
                }
                Err(error) => tracing::warn!(%error, "changed certificates cannot be used, the former ones stay"),
            }
        }
        Ok(std::mem::take(&mut state.stale))
    }
}

fn stamps(config: &TlsConfig) -> Vec<Stamp> {
    let stamp = |path: &String| {
        let metadata = std::fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    };
    files(config).into_iter().map(|(path, _)| stamp(path)).collect()
}

/// A part of the content.
type Member = fn(&mut Content) -> &mut Vec<u8>;

/// The files, where what is given in place does not go before them.
fn files(config: &TlsConfig) -> Vec<(&String, Member)> {
    let all: [(&String, &[u8], Member); 3] = [
        (&config.ca_file, &config.ca_data, |content| &mut content.ca),
        (&config.cert_file, &config.cert_data, |content| &mut content.certificate),
        (&config.key_file, &config.key_data, |content| &mut content.key),
    ];
    all.into_iter()
        .filter(|(file, data, _)| !file.is_empty() && data.is_empty())
        .map(|(file, _, member)| (file, member))
        .collect()
}

fn read(config: &TlsConfig) -> Result<Content, TransportError> {
    let mut content = Content {
        ca: config.ca_data.clone(),
        certificate: config.cert_data.clone(),
        key: config.key_data.clone(),
    };
    for (path, member) in files(config) {
        *member(&mut content) = std::fs::read(Path::new(path)).map_err(|error| TransportError::File {
            path: path.clone(),
            source: Arc::new(error),
        })?;
    }
    Ok(content)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn config_error(error: impl std::fmt::Display) -> TransportError {
    TransportError::Config(error.to_string())
}

/// A client that verifies servers against `roots`.
pub(super) fn verifying(roots: RootCertStore) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, TransportError> {
    Ok(ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(config_error)?
        .with_root_certificates(roots))
}

fn build(
    config: &TlsConfig,
    content: &Content,
    plugin: Option<&(String, String)>,
    server_name: &ServerName<'static>,
) -> Result<DialTls, TransportError> {
    let builder = if config.insecure {
        ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(config_error)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate::new(provider())))
    } else if content.ca.is_empty() {
        verifying(system_roots()?)?
    } else {
        verifying(
            roots(&content.ca)
                .ok_or_else(|| config_error("unable to load root certificates: unable to parse bytes as PEM block"))?,
        )?
    };
    let identity = match plugin {
        Some((certificate, key)) => Some(identity(certificate.as_bytes(), key.as_bytes())?),
        None if !content.certificate.is_empty() => Some(identity(&content.certificate, &content.key)?),
        None => None,
    };
    let mut any = match identity {
        Some(key) => builder.with_client_cert_resolver(Arc::new(Identity(key))),
        None => builder.with_no_client_auth(),
    };
    let mut http1 = any.clone();
    any.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    http1.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(DialTls {
        any: Arc::new(any),
        http1: Arc::new(http1),
        server_name: server_name.clone(),
    })
}

/// Every certificate in a text; `None` if there is none. One that TLS cannot use is passed over, as Go does.
fn roots(pem: &[u8]) -> Option<RootCertStore> {
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem).flatten() {
        if let Err(error) = store.add(certificate) {
            tracing::warn!(%error, "an authority's certificate cannot be used");
        }
    }
    (!store.is_empty()).then_some(store)
}

/// The authorities that the machine trusts.
pub(super) fn system_roots() -> Result<RootCertStore, TransportError> {
    let named = std::env::var("SSL_CERT_FILE").ok().filter(|path| !path.is_empty());
    let files = named.as_deref().map_or(&SYSTEM_ROOTS[..], |_| &[]);
    for path in named.as_deref().into_iter().chain(files.iter().copied()) {
        if let Ok(pem) = std::fs::read(path) {
            return Ok(roots(&pem).unwrap_or_else(RootCertStore::empty));
        }
    }
    // Without any, every server is signed by an unknown authority; that is what the user is told.
    Ok(RootCertStore::empty())
}

fn identity(certificate: &[u8], key: &[u8]) -> Result<Arc<CertifiedKey>, TransportError> {
    let invalid = |why: &dyn std::fmt::Display| config_error(format!("tls: {why}"));
    let chain: Vec<_> = CertificateDer::pem_slice_iter(certificate)
        .collect::<Result<_, _>>()
        .map_err(|error| invalid(&error))?;
    if chain.is_empty() {
        return Err(invalid(&"failed to find any PEM data in certificate input"));
    }
    if key.is_empty() {
        return Err(invalid(&"failed to find any PEM data in key input"));
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| invalid(&error))?;
    CertifiedKey::from_der(chain, key, &provider())
        .map(Arc::new)
        .map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => invalid(&"private key does not match public key"),
            other => invalid(&other),
        })
}

/// Presents one certificate, whichever authorities the server names: Go's clients do so too when a server names none
/// that fits, and the server's refusal says more than no certificate at all.
#[derive(Debug)]
struct Identity(Arc<CertifiedKey>);

impl ResolvesClientCert for Identity {
    fn resolve(&self, _authorities: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}
