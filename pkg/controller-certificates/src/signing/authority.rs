//! [`Authority`]: a certificate and its key, which sign others.
//!
//! Certificates are put together here and not by a library, because the subject goes through as it was asked for, with as
//! many organizations as it has: groups of users depend on them.

use std::time::Duration;

use apis_cluster::certificates::certificate_signing_request::request::Parsed;
use apis_cluster::certificates::pem;
use k8s_api::primitives::Time;
use parking_lot::Mutex;
use rcgen::{KeyPair, SigningKey as _};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::der::{self, SEQUENCE, bit_string, extension, sequence, unsigned, value};
use super::usages;

/// Certificates hold from so long ago: clocks differ.
const BACKDATE: Duration = Duration::from_secs(300);
/// Lives below this are not shortened by it.
const SHORT: Duration = Duration::from_secs(8 * 3600);

const KEY_USAGE: u8 = 15;
const ALTERNATIVE_NAMES: u8 = 17;
const BASIC_CONSTRAINTS: u8 = 19;
const AUTHORITY_KEY: u8 = 35;
const EXTENDED_KEY_USAGE: u8 = 37;

/// Why nothing is signed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SignError {
    /// A file of the authority is no such thing.
    #[error("error reading CA {what} file {file:?}: {why}")]
    File {
        /// `cert` or `key`.
        what: &'static str,
        /// Its path.
        file: String,
        /// Why.
        why: String,
    },
    /// The request is not well-formed.
    #[error("unable to parse certificate request: {0}")]
    Request(String),
    /// Usages that nobody knows.
    #[error("unrecognized usage values: {0:?}")]
    Usages(Vec<String>),
    /// The authority's own time is over.
    #[error("the signer has expired: NotAfter={0}")]
    Expired(Time),
    /// The key fails.
    #[error("failed to sign certificate: {0}")]
    Key(#[from] rcgen::Error),
}

/// What is to be signed.
pub(super) struct Template<'t> {
    /// The request, PEM.
    pub(super) request: &'t [u8],
    /// What it asks for.
    pub(super) parsed: &'t Parsed,
    /// What the certificate is for.
    pub(super) usages: &'t [String],
    /// How long it is to live.
    pub(super) life: Duration,
    /// The present moment.
    pub(super) now: Time,
}

/// The authority as its files were.
struct Loaded {
    files: (Vec<u8>, Vec<u8>),
    subject: Vec<u8>,
    key_id: Option<Vec<u8>>,
    not_after: Time,
    key: KeyPair,
}

/// A certificate and its key. Files that have changed are read anew.
pub(super) struct Authority {
    cert_file: String,
    key_file: String,
    loaded: Mutex<Loaded>,
}

impl Authority {
    /// Reads an authority.
    pub(super) fn from_files(cert_file: &str, key_file: &str) -> Result<Self, SignError> {
        let loaded = Loaded::read(cert_file, key_file)?;
        Ok(Self {
            cert_file: cert_file.to_owned(),
            key_file: key_file.to_owned(),
            loaded: Mutex::new(loaded),
        })
    }

    /// Signs; gives the certificate, PEM. While changed files are no authority the former one goes on.
    pub(super) fn sign(&self, template: &Template<'_>) -> Result<String, SignError> {
        let mut loaded = self.loaded.lock();
        match loaded.refresh(&self.cert_file, &self.key_file) {
            Ok(None) => {}
            Ok(Some(fresh)) => *loaded = fresh,
            Err(error) => tracing::error!(%error, "the signing authority's files have changed and cannot be used"),
        }
        let certificate = loaded.sign(template)?;
        Ok(to_pem("CERTIFICATE", &certificate))
    }
}

fn to_pem(label: &str, der: &[u8]) -> String {
    use std::fmt::Write as _;
    let text = k8s_api::primitives::ByteString::from(der.to_vec()).to_base64();
    let mut pem = format!("-----BEGIN {label}-----\n");
    for line in text.as_bytes().chunks(64) {
        let line = std::str::from_utf8(line).expect("base64 is ASCII");
        writeln!(pem, "{line}").expect("strings take everything");
    }
    writeln!(pem, "-----END {label}-----").expect("strings take everything");
    pem
}

impl Loaded {
    fn read_files(cert_file: &str, key_file: &str) -> Result<(Vec<u8>, Vec<u8>), SignError> {
        let read = |what, file: &str| {
            std::fs::read(file).map_err(|error| SignError::File {
                what,
                file: file.to_owned(),
                why: error.to_string(),
            })
        };
        Ok((read("cert", cert_file)?, read("key", key_file)?))
    }

    fn refresh(&self, cert_file: &str, key_file: &str) -> Result<Option<Self>, SignError> {
        let files = Self::read_files(cert_file, key_file)?;
        if files == self.files {
            return Ok(None);
        }
        Self::parse(files, cert_file, key_file).map(Some)
    }

    fn read(cert_file: &str, key_file: &str) -> Result<Self, SignError> {
        Self::parse(Self::read_files(cert_file, key_file)?, cert_file, key_file)
    }

    fn parse(files: (Vec<u8>, Vec<u8>), cert_file: &str, key_file: &str) -> Result<Self, SignError> {
        let refused = |what, file: &str, why: String| SignError::File {
            what,
            file: file.to_owned(),
            why,
        };
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&files.0).collect();
        let certificates = certificates.map_err(|error| refused("cert", cert_file, error.to_string()))?;
        let [certificate] = certificates.as_slice() else {
            let why = format!("expected 1 certificate, found {}", certificates.len());
            return Err(refused("cert", cert_file, why));
        };
        let (_, certificate) =
            X509Certificate::from_der(certificate).map_err(|error| refused("cert", cert_file, error.to_string()))?;
        let key_id = certificate
            .iter_extensions()
            .find_map(|extension| match extension.parsed_extension() {
                ParsedExtension::SubjectKeyIdentifier(id) => Some(id.0.to_vec()),
                _ => None,
            });
        let text = std::str::from_utf8(&files.1).map_err(|error| refused("key", key_file, error.to_string()))?;
        let key = KeyPair::from_pem(text).map_err(|error| refused("key", key_file, error.to_string()))?;
        Ok(Self {
            subject: certificate.subject().as_raw().to_vec(),
            key_id,
            not_after: Time::from_unix(certificate.validity().not_after.timestamp(), 0),
            key,
            files,
        })
    }

    fn sign(&self, template: &Template<'_>) -> Result<Vec<u8>, SignError> {
        let (not_before, not_after) = self.validity(template)?;
        let unreadable = |why: String| SignError::Request(why);
        let (block, _) = pem::decode(template.request).ok_or_else(|| unreadable("no PEM block".to_owned()))?;
        let (_, request) =
            X509CertificationRequest::from_der(&block.data).map_err(|error| unreadable(error.to_string()))?;
        let request = &request.certification_request_info;
        let algorithm = self.algorithm();
        let serial: [u8; 16] = rand::random();
        let body = sequence([
            // Version 3.
            &value(0xa0, &value(der::INTEGER, &[2]))[..],
            &unsigned(&serial),
            &algorithm,
            &self.subject,
            &sequence([&der::time(not_before)[..], &der::time(not_after)]),
            request.subject.as_raw(),
            request.subject_pki.raw,
            &value(
                0xa3,
                &value(
                    SEQUENCE,
                    &self.extensions(template, request.subject.iter().next().is_none())?,
                ),
            ),
        ]);
        let signature = self.key.sign(&body)?;
        Ok(sequence([&body[..], &algorithm, &bit_string(&signature)]))
    }

    /// From when to when a certificate holds: never longer than its authority.
    fn validity(&self, template: &Template<'_>) -> Result<(Time, Time), SignError> {
        let minus = |time: Time, by: Duration| {
            Time::from_unix(time.unix_seconds() - i64::try_from(by.as_secs()).unwrap_or(0), 0)
        };
        let now = template.now;
        if now >= self.not_after {
            return Err(SignError::Expired(self.not_after));
        }
        let end = now.plus(template.life);
        let end = if template.life < SHORT {
            end
        } else {
            minus(end, BACKDATE)
        };
        Ok((minus(now, BACKDATE), end.min(self.not_after)))
    }

    fn extensions(&self, template: &Template<'_>, without_subject: bool) -> Result<Vec<u8>, SignError> {
        let usages = usages::read(template.usages).map_err(SignError::Usages)?;
        let mut extensions = Vec::new();
        if !usages.key.is_empty() {
            extensions.extend(extension(KEY_USAGE, true, &usages.key));
        }
        if !usages.extended.is_empty() {
            let purposes = usages.extended.iter().map(|oid| value(der::OBJECT_IDENTIFIER, oid));
            let purposes: Vec<u8> = purposes.flatten().collect();
            extensions.extend(extension(EXTENDED_KEY_USAGE, false, &value(SEQUENCE, &purposes)));
        }
        // No authority itself.
        extensions.extend(extension(BASIC_CONSTRAINTS, true, &value(SEQUENCE, &[])));
        if let Some(id) = &self.key_id {
            extensions.extend(extension(AUTHORITY_KEY, false, &sequence([&value(0x80, id)[..]])));
        }
        let names = alternative_names(template.parsed);
        if !names.is_empty() {
            extensions.extend(extension(ALTERNATIVE_NAMES, without_subject, &value(SEQUENCE, &names)));
        }
        Ok(extensions)
    }

    /// The algorithm of the signature, DER.
    fn algorithm(&self) -> Vec<u8> {
        let ecdsa = |last: u8| vec![0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, last];
        let algorithm = self.key.algorithm();
        let (oid, null) = if *algorithm == rcgen::PKCS_ECDSA_P256_SHA256 {
            (ecdsa(2), false)
        } else if *algorithm == rcgen::PKCS_ECDSA_P384_SHA384 {
            (ecdsa(3), false)
        } else if *algorithm == rcgen::PKCS_ECDSA_P521_SHA512 {
            (ecdsa(4), false)
        } else if *algorithm == rcgen::PKCS_ED25519 {
            (vec![0x2b, 0x65, 0x70], false)
        } else {
            (vec![0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11], true)
        };
        let parameters: &[u8] = if null { &[5, 0] } else { &[] };
        sequence([&value(der::OBJECT_IDENTIFIER, &oid)[..], parameters])
    }
}

/// The names of a request, in the order in which certificates have them.
fn alternative_names(parsed: &Parsed) -> Vec<u8> {
    let mut names = Vec::new();
    let mut add = |tag: u8, contents: &[u8]| names.extend(value(tag, contents));
    parsed.dns_names.iter().for_each(|name| add(0x82, name.as_bytes()));
    parsed
        .email_addresses
        .iter()
        .for_each(|address| add(0x81, address.as_bytes()));
    parsed.ip_addresses.iter().for_each(|address| add(0x87, address));
    parsed.uris.iter().for_each(|uri| add(0x86, uri.as_bytes()));
    names
}
