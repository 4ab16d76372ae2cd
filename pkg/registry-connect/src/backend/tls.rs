//! What this server shows to back ends and what it takes from them, from files that may change while it runs.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use component_base::any_certificate::AnyCertificate;
use parking_lot::Mutex;
use rustls::{ClientConfig, RootCertStore, client::danger::ServerCertVerifier, crypto::aws_lc_rs};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// Why the files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsFilesError {
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file has no certificate or key.
    #[error("{0} holds no {1}")]
    Empty(PathBuf, &'static str),
    /// Certificate, key or authority cannot be used.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
}

/// Certificate and key of this server and the authorities of back ends, read again when a file changes.
#[derive(Debug, Default)]
pub struct TlsFiles {
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    authority: Option<PathBuf>,
    loaded: Mutex<Option<Loaded>>,
}

#[derive(Debug)]
struct Loaded {
    changed: [Option<SystemTime>; 3],
    verified: Arc<ClientConfig>,
    unverified: Arc<ClientConfig>,
}

impl TlsFiles {
    /// The files; empty paths for none. Without authorities every certificate is taken.
    ///
    /// # Errors
    /// A file cannot be used.
    pub fn new(certificate: &str, key: &str, authority: &str) -> Result<Self, TlsFilesError> {
        let path = |text: &str| (!text.is_empty()).then(|| PathBuf::from(text));
        let files = Self {
            certificate: path(certificate),
            key: path(key),
            authority: path(authority),
            loaded: Mutex::new(None),
        };
        files.client_config(false)?;
        Ok(files)
    }

    fn changed(&self) -> [Option<SystemTime>; 3] {
        let changed = |path: &Option<PathBuf>| {
            let metadata = path.as_ref().and_then(|path| std::fs::metadata(path).ok());
            metadata.and_then(|metadata| metadata.modified().ok())
        };
        [&self.certificate, &self.key, &self.authority].map(changed)
    }

    /// How to speak to a back end. If a changed file cannot be used, what was there before goes on.
    pub(crate) fn client_config(&self, skip_verification: bool) -> Result<Arc<ClientConfig>, TlsFilesError> {
        let mut loaded = self.loaded.lock();
        let changed = self.changed();
        if loaded.as_ref().is_none_or(|loaded| loaded.changed != changed) {
            match self.load(changed) {
                Ok(new) => *loaded = Some(new),
                Err(error) if loaded.is_some() => tracing::error!(%error, "cannot read a certificate again"),
                Err(error) => return Err(error),
            }
        }
        let loaded = loaded.as_ref().expect("it was loaded just now or before");
        let config = if skip_verification {
            &loaded.unverified
        } else {
            &loaded.verified
        };
        Ok(config.clone())
    }

    fn load(&self, changed: [Option<SystemTime>; 3]) -> Result<Loaded, TlsFilesError> {
        let unverified = self.build(Arc::new(AnyCertificate::new(Arc::new(aws_lc_rs::default_provider()))))?;
        let verified = match &self.authority {
            None => unverified.clone(),
            Some(path) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates(path)? {
                    roots.add(certificate)?;
                }
                let verifier = rustls::client::WebPkiServerVerifier::builder_with_provider(
                    Arc::new(roots),
                    Arc::new(aws_lc_rs::default_provider()),
                )
                .build()
                .map_err(|error| rustls::Error::General(error.to_string()))?;
                self.build(verifier)?
            }
        };
        Ok(Loaded {
            changed,
            verified,
            unverified,
        })
    }

    fn build(&self, verifier: Arc<dyn ServerCertVerifier>) -> Result<Arc<ClientConfig>, TlsFilesError> {
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let config = match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => {
                builder.with_client_auth_cert(certificates(certificate)?, private_key(key)?)?
            }
            _ => builder.with_no_client_auth(),
        };
        Ok(Arc::new(config))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsFilesError> {
    std::fs::read(path).map_err(|source| TlsFilesError::Read {
        path: path.to_owned(),
        source,
    })
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFilesError> {
    let text = read(path)?;
    let found: Vec<_> = rustls_pemfile::certs(&mut text.as_slice()).flatten().collect();
    if found.is_empty() {
        return Err(TlsFilesError::Empty(path.to_owned(), "certificate"));
    }
    Ok(found)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsFilesError> {
    let text = read(path)?;
    let key = rustls_pemfile::private_key(&mut text.as_slice()).ok().flatten();
    key.ok_or_else(|| TlsFilesError::Empty(path.to_owned(), "private key"))
}
