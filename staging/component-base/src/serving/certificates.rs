//! Certificates and keys as PEM: reading, checking, and making the self-signed pair of a server that was given none.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SanType,
};
use rustls::crypto::CryptoProvider;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::CertifiedKey;
use rustls::{DistinguishedName, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, UnixTime};

/// The cryptography behind TLS.
pub(super) fn provider() -> Arc<CryptoProvider> {
    use std::sync::OnceLock;
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider())))
}

/// Why certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("open {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no certificate in it.
    #[error("{0}: data does not contain any valid RSA or ECDSA certificates")]
    NoCertificates(String),
    /// A PEM block is damaged, or there is no key in it.
    #[error("{name}: {reason}")]
    Malformed {
        /// The file or other source.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// Certificate and key do not belong together, or the key is of a kind that TLS has no use for.
    #[error("{name}: {source}")]
    Unusable {
        /// The file or other source.
        name: String,
        /// What is wrong.
        source: rustls::Error,
    },
    /// A pair is half there.
    #[error("could not read both the certificate {cert} and the key {key}: only one of them exists")]
    HalfPair {
        /// The certificate file.
        cert: PathBuf,
        /// The key file.
        key: PathBuf,
    },
    /// A self-signed pair could not be made.
    #[error("unable to generate self signed cert: {0}")]
    Generate(#[from] rcgen::Error),
}

fn read(path: &Path) -> Result<Vec<u8>, CertificateError> {
    fs::read(path).map_err(|source| CertificateError::Read {
        path: path.to_owned(),
        source,
    })
}

fn parse_certificates(name: &str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let certificates = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| CertificateError::Malformed {
            name: name.to_owned(),
            reason: error.to_string(),
        })?;
    if certificates.is_empty() {
        Err(CertificateError::NoCertificates(name.to_owned()))
    } else {
        Ok(certificates)
    }
}

/// A certificate chain with its key, checked to belong together.
#[derive(Clone, Debug)]
pub struct ServingCertificate {
    pub(super) key: Arc<CertifiedKey>,
}

impl ServingCertificate {
    /// Parses PEM; `name` stands in error messages.
    ///
    /// # Errors
    /// Either part is missing or damaged, or they do not belong together.
    pub fn from_pem(name: &str, cert: &[u8], key: &[u8]) -> Result<Self, CertificateError> {
        let chain = parse_certificates(name, cert)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| CertificateError::Malformed {
            name: name.to_owned(),
            reason: format!("private key: {error}"),
        })?;
        let certified =
            CertifiedKey::from_der(chain, key, &provider()).map_err(|source| CertificateError::Unusable {
                name: name.to_owned(),
                source,
            })?;
        Ok(Self {
            key: Arc::new(certified),
        })
    }

    /// Reads the two files.
    ///
    /// # Errors
    /// As [`ServingCertificate::from_pem`], and a file cannot be read.
    pub fn from_files(cert: &Path, key: &Path) -> Result<Self, CertificateError> {
        Self::from_pem(&cert.display().to_string(), &read(cert)?, &read(key)?)
    }

    /// The chain, leaf first.
    #[must_use]
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.key.cert
    }

    /// The names the leaf is valid for: DNS names, IP addresses as text, and the common name where it has neither.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};
        let Some(leaf) = self.key.cert.first() else {
            return Vec::new();
        };
        let Ok((_, parsed)) = X509Certificate::from_der(leaf) else {
            return Vec::new();
        };
        let mut names = Vec::new();
        if let Ok(Some(alternatives)) = parsed.subject_alternative_name() {
            for name in &alternatives.value.general_names {
                match name {
                    GeneralName::DNSName(name) => names.push((*name).to_owned()),
                    GeneralName::IPAddress(bytes) => names.extend(ip_of(bytes).map(|ip| ip.to_string())),
                    _ => {}
                }
            }
        }
        if names.is_empty() {
            let common = parsed
                .subject()
                .iter_common_name()
                .next()
                .and_then(|name| name.as_str().ok());
            names.extend(common.map(str::to_owned));
        }
        names
    }
}

fn ip_of(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
        _ => None,
    }
}

/// The authorities that vouch for client certificates.
#[derive(Clone, Debug)]
pub struct CaBundle {
    pem: Arc<[u8]>,
    verifier: Arc<dyn ClientCertVerifier>,
}

impl CaBundle {
    /// Parses a PEM bundle; `name` stands in error messages.
    ///
    /// # Errors
    /// There is no certificate in it, or one is damaged.
    pub fn from_pem(name: &str, pem: &[u8]) -> Result<Self, CertificateError> {
        let malformed = |reason: String| CertificateError::Malformed {
            name: name.to_owned(),
            reason,
        };
        let mut roots = RootCertStore::empty();
        for certificate in parse_certificates(name, pem)? {
            roots.add(certificate).map_err(|error| malformed(error.to_string()))?;
        }
        let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
            .build()
            .map_err(|error| malformed(error.to_string()))?;
        Ok(Self {
            pem: pem.into(),
            verifier,
        })
    }

    /// Reads a bundle from a file.
    ///
    /// # Errors
    /// As [`CaBundle::from_pem`], and the file cannot be read.
    pub fn from_file(path: &Path) -> Result<Self, CertificateError> {
        Self::from_pem(&path.display().to_string(), &read(path)?)
    }

    /// The bundle as it was read, for publishing.
    #[must_use]
    pub fn pem(&self) -> &[u8] {
        &self.pem
    }

    /// The authorities' names, which the server tells clients so that they can choose a certificate.
    #[must_use]
    pub fn subjects(&self) -> &[DistinguishedName] {
        self.verifier.root_hint_subjects()
    }

    /// Verifies a chain that a client presented (leaf first): signatures, validity at `now`, use for client
    /// authentication. Possession of the key was proven in the handshake.
    ///
    /// # Errors
    /// What is wrong with the chain.
    pub fn verify_client(&self, chain: &[CertificateDer<'_>], now: SystemTime) -> Result<(), rustls::Error> {
        let (leaf, intermediates) = chain.split_first().ok_or(rustls::Error::NoCertificatesPresented)?;
        let since_epoch = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        self.verifier
            .verify_client_cert(leaf, intermediates, UnixTime::since_unix_epoch(since_epoch))
            .map(drop)
    }
}

/// A certificate chain and key in PEM.
#[derive(Clone, Debug)]
pub struct PemPair {
    /// Leaf, then the authority that signed it.
    pub cert: String,
    /// The leaf's key, PKCS #8. Secret; there is deliberately no `Display`.
    pub key: crate::logs::Redacted<String>,
}

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Makes a pair for `host` (a name or an address) and the alternatives, valid for a year from an hour ago, signed by an
/// authority whose key is forgotten. Keys are ECDSA P-256, which take a fraction of a millisecond to make.
///
/// # Errors
/// A name is not one.
pub fn generate_self_signed(host: &str, ips: &[IpAddr], dns_names: &[String]) -> Result<PemPair, CertificateError> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let from = rcgen::date_time_ymd(1970, 1, 1) + now.saturating_sub(Duration::from_secs(3600));
    let params = |common_name: String| {
        let mut params = CertificateParams::default();
        params.distinguished_name.remove(DnType::CommonName);
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.not_before = from;
        params.not_after = from + 365 * DAY;
        params
    };
    let mut authority = params(format!("{host}-ca@{}", now.as_secs()));
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign];
    let authority_key = KeyPair::generate()?;
    let authority_cert = authority.self_signed(&authority_key)?;

    let mut leaf = params(format!("{host}@{}", now.as_secs()));
    leaf.is_ca = IsCa::ExplicitNoCa;
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    leaf.use_authority_key_identifier_extension = true;
    leaf.subject_alt_names = match host.parse::<IpAddr>() {
        Ok(ip) => vec![SanType::IpAddress(ip)],
        Err(_) => vec![SanType::DnsName(host.try_into()?)],
    };
    leaf.subject_alt_names
        .extend(ips.iter().copied().map(SanType::IpAddress));
    for name in dns_names {
        leaf.subject_alt_names.push(SanType::DnsName(name.as_str().try_into()?));
    }
    let leaf_key = KeyPair::generate()?;
    let leaf_cert = leaf.signed_by(&leaf_key, &Issuer::new(authority, authority_key))?;
    Ok(PemPair {
        cert: format!("{}{}", leaf_cert.pem(), authority_cert.pem()),
        key: crate::logs::Redacted(leaf_key.serialize_pem()),
    })
}

/// Where a generated pair stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate chain.
    pub cert: PathBuf,
    /// The key.
    pub key: PathBuf,
}

/// Finds `<name>.crt` and `<name>.key` in the directory, or makes them. Certificates are readable by all, keys by us.
///
/// # Errors
/// Only one of the two is there, or the files cannot be written.
pub fn find_or_generate(
    directory: &Path,
    name: &str,
    host: &str,
    ips: &[IpAddr],
    dns_names: &[String],
) -> Result<CertificateFiles, CertificateError> {
    let files = CertificateFiles {
        cert: directory.join(format!("{name}.crt")),
        key: directory.join(format!("{name}.key")),
    };
    match (files.cert.exists(), files.key.exists()) {
        (true, true) => return Ok(files),
        (false, false) => {}
        _ => {
            return Err(CertificateError::HalfPair {
                cert: files.cert,
                key: files.key,
            });
        }
    }
    let pair = generate_self_signed(host, ips, dns_names)?;
    write_file(&files.key, pair.key.0.as_bytes(), 0o600)?;
    write_file(&files.cert, pair.cert.as_bytes(), 0o644)?;
    tracing::info!(
        "Generated self-signed cert ({}, {})",
        files.cert.display(),
        files.key.display()
    );
    Ok(files)
}

/// Writes a file completely or not at all, never readable by more than `mode` says.
fn write_file(path: &Path, content: &[u8], mode: u32) -> Result<(), CertificateError> {
    let write = || -> io::Result<()> {
        if let Some(directory) = path.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o755).create(directory)?;
        }
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(format!(".{}.tmp", std::process::id()));
        let temporary = PathBuf::from(temporary);
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(mode)
            .open(&temporary)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().map_err(|source| CertificateError::Write {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_generated_pair_serves_its_names() {
        let ips = ["10.0.0.1".parse().unwrap(), "::1".parse().unwrap()];
        let pair = generate_self_signed(
            "192.168.0.7",
            &ips,
            &["localhost".to_owned(), "kubernetes.default".to_owned()],
        )
        .unwrap();
        let certificate = ServingCertificate::from_pem("pair", pair.cert.as_bytes(), pair.key.0.as_bytes()).unwrap();
        assert_eq!(
            certificate.names(),
            ["192.168.0.7", "10.0.0.1", "::1", "localhost", "kubernetes.default"]
        );
        assert_eq!(certificate.chain().len(), 2);
        assert!(!format!("{pair:?}").contains("PRIVATE KEY"));
    }

    #[test]
    fn files_are_made_once_and_the_key_is_ours_alone() {
        let directory = tempfile::tempdir().unwrap();
        let nested = directory.path().join("pki/certs");
        let make = || find_or_generate(&nested, "apiserver", "localhost", &[], &[]);
        let files = make().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&files.cert), mode(&files.key)), (0o644, 0o600));
        let before = fs::read(&files.cert).unwrap();
        assert_eq!(make().unwrap(), files);
        assert_eq!(fs::read(&files.cert).unwrap(), before);
        ServingCertificate::from_files(&files.cert, &files.key).unwrap();
        fs::remove_file(&files.key).unwrap();
        assert!(matches!(make().unwrap_err(), CertificateError::HalfPair { .. }));
    }

    #[test]
    fn what_does_not_belong_together_is_refused() {
        let one = generate_self_signed("one", &[], &[]).unwrap();
        let two = generate_self_signed("two", &[], &[]).unwrap();
        let error = ServingCertificate::from_pem("mixed", one.cert.as_bytes(), two.key.0.as_bytes()).unwrap_err();
        assert!(matches!(error, CertificateError::Unusable { .. }), "{error}");
        let error = ServingCertificate::from_pem("empty", b"", two.key.0.as_bytes()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "empty: data does not contain any valid RSA or ECDSA certificates"
        );
        let error =
            ServingCertificate::from_files(Path::new("/nonexistent.crt"), Path::new("/nonexistent.key")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "open /nonexistent.crt: No such file or directory (os error 2)"
        );
    }
}
