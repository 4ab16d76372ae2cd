//! Client certificates: the common name is the user, organizations are groups
//! (upstream: `pkg/authentication/request/x509`).
//!
//! Verifying a chain takes longer than the rest of a cheap request, and a connection brings the same chain
//! with every request: a verified one is remembered for a minute, under the bundle that vouched for it.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use component_base::metrics::{MetricOpts, MetricsRegistry};
use component_base::serving::{CaBundle, DynamicCaBundle};
use parking_lot::Mutex;
use prometheus::Histogram;
use rustls_pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, ParsedExtension, X509Certificate};

use super::{AuthenticationError, Outcome, Request, RequestAuthenticator, Response};
use crate::user::{UserInfo, names};

/// How long a verified chain needs no further look.
const REVERIFY_AFTER: Duration = Duration::from_secs(60);
/// Most chains that are remembered.
const REMEMBERED: usize = 4096;
/// The attribute that holds a user's identifier.
const UID_OID: &str = "1.3.6.1.4.1.57683.2";

/// What a certificate says about its holder.
pub(super) struct Subject {
    pub(super) common_name: String,
    organizations: Vec<String>,
    uids: Vec<String>,
    not_after: SystemTime,
    identifier: String,
}

fn colon_hex(bytes: &[u8]) -> String {
    let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    pairs.join(":")
}

impl Subject {
    pub(super) fn parse(leaf: &CertificateDer<'_>) -> Result<Self, String> {
        let (_, certificate) = X509Certificate::from_der(leaf).map_err(|error| format!("x509: {error}"))?;
        let subject = certificate.subject();
        let text = |attribute: &x509_parser::x509::AttributeTypeAndValue<'_>| {
            attribute
                .as_str()
                .map(str::to_owned)
                .map_err(|error| format!("x509: {error}"))
        };
        let all = |attributes: Vec<&x509_parser::x509::AttributeTypeAndValue<'_>>| {
            attributes.into_iter().map(text).collect::<Result<Vec<_>, _>>()
        };
        let mut key_ids = (String::new(), String::new());
        for extension in certificate.extensions() {
            match extension.parsed_extension() {
                ParsedExtension::SubjectKeyIdentifier(id) => key_ids.0 = colon_hex(id.0),
                ParsedExtension::AuthorityKeyIdentifier(id) => {
                    key_ids.1 = id.key_identifier.as_ref().map(|id| colon_hex(id.0)).unwrap_or_default();
                }
                _ => {}
            }
        }
        let uids = subject
            .iter_attributes()
            .filter(|attribute| attribute.attr_type().to_id_string() == UID_OID)
            .collect();
        let seconds = u64::try_from(certificate.validity().not_after.timestamp()).unwrap_or_default();
        Ok(Self {
            // Of several common names the last one counts, as in Go.
            common_name: all(subject.iter_common_name().collect())?.pop().unwrap_or_default(),
            organizations: all(subject.iter_organization().collect())?,
            uids: all(uids)?,
            not_after: UNIX_EPOCH + Duration::from_secs(seconds),
            identifier: format!(
                "SN={}, SKID={}, AKID={}",
                certificate.tbs_certificate.serial, key_ids.0, key_ids.1
            ),
        })
    }

    /// The user; `None` without a common name.
    fn user(self, leaf: &[u8]) -> Result<Option<UserInfo>, String> {
        if self.common_name.is_empty() {
            return Ok(None);
        }
        let uid = match self.uids.as_slice() {
            [] => String::new(),
            [uid] if uid.is_empty() => return Err("UID cannot be an empty string".to_owned()),
            [uid] => uid.clone(),
            several => return Err(format!("expected 1 UID, but found multiple: [{}]", several.join(" "))),
        };
        let fingerprint = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, leaf);
        let id = format!("X509SHA256={}", hex::encode(fingerprint));
        Ok(Some(UserInfo {
            name: self.common_name,
            uid,
            groups: self.organizations,
            extra: [(names::CREDENTIAL_ID.to_owned(), vec![id])].into(),
        }))
    }
}

/// How long the certificates that clients come with still last, a figure a request.
#[derive(Clone, Debug)]
pub struct CertificateMetrics(Histogram);

impl CertificateMetrics {
    /// Publishes it.
    #[must_use]
    pub fn new(registry: &MetricsRegistry) -> Self {
        let hours = |hours: u32| f64::from(hours * 3600);
        let days = |days: u32| hours(days * 24);
        let bounds = [
            0.0,
            1800.0,
            hours(1),
            hours(2),
            hours(6),
            hours(12),
            days(1),
            days(2),
            days(4),
            days(7),
            days(30),
            days(90),
            days(180),
            days(360),
        ];
        let name = "apiserver_client_certificate_expiration_seconds";
        let help = "Seconds that the certificate of a request will still be valid.";
        Self(registry.histogram(MetricOpts::new(name, help), &bounds))
    }

    fn seen(&self, not_after: SystemTime, now: SystemTime) {
        let left = not_after.duration_since(now).unwrap_or_default();
        self.0.observe(left.as_secs_f64());
    }
}

struct Verified {
    /// Held, so that its address stays its own.
    bundle: CaBundle,
    until: SystemTime,
    not_after: SystemTime,
    response: Option<Arc<Response>>,
}

/// Makes holders of certificates users.
pub struct ClientCertificates {
    authorities: Arc<DynamicCaBundle>,
    verified: Mutex<HashMap<[u8; 32], Verified>>,
    metrics: Option<CertificateMetrics>,
}

fn chain_digest(chain: &[CertificateDer<'_>]) -> [u8; 32] {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    for certificate in chain {
        context.update(&(certificate.len() as u64).to_le_bytes());
        context.update(certificate);
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}

impl ClientCertificates {
    /// Certificates are signed by one of `authorities`.
    #[must_use]
    pub fn new(authorities: Arc<DynamicCaBundle>) -> Self {
        Self {
            authorities,
            verified: Mutex::default(),
            metrics: None,
        }
    }

    /// Counts for how long certificates still last.
    #[must_use]
    pub fn measured(mut self, metrics: CertificateMetrics) -> Self {
        self.metrics = Some(metrics);
        self
    }

    fn seen(&self, not_after: SystemTime, now: SystemTime) {
        if let Some(metrics) = &self.metrics {
            metrics.seen(not_after, now);
        }
    }

    fn remembered(&self, digest: &[u8; 32], bundle: &CaBundle, now: SystemTime) -> Option<Option<Arc<Response>>> {
        let verified = self.verified.lock();
        let entry = verified.get(digest)?;
        let current = std::ptr::eq(entry.bundle.pem(), bundle.pem());
        (current && now < entry.until).then(|| {
            self.seen(entry.not_after, now);
            entry.response.clone()
        })
    }

    fn remember(&self, digest: [u8; 32], entry: Verified, now: SystemTime) {
        let mut verified = self.verified.lock();
        if verified.len() >= REMEMBERED {
            verified.retain(|_, entry| now < entry.until);
        }
        if verified.len() < REMEMBERED {
            verified.insert(digest, entry);
        }
    }
}

#[async_trait]
impl RequestAuthenticator for ClientCertificates {
    async fn authenticate(&self, request: &Request<'_>) -> Outcome {
        let Some(leaf) = request.peer_certificates.first() else {
            return Ok(None);
        };
        let bundle = self.authorities.current();
        let digest = chain_digest(request.peer_certificates);
        if let Some(response) = self.remembered(&digest, &bundle, request.now) {
            return Ok(response);
        }
        let subject = Subject::parse(leaf).map_err(AuthenticationError::new)?;
        bundle
            .verify_client(request.peer_certificates, request.now)
            .map_err(|error| {
                AuthenticationError::new(format!("verifying certificate {} failed: {error}", subject.identifier))
            })?;
        let not_after = subject.not_after;
        self.seen(not_after, request.now);
        let until = not_after.min(request.now + REVERIFY_AFTER);
        let user = subject.user(leaf).map_err(AuthenticationError::new)?;
        let response = user.map(Response::of);
        let entry = Verified {
            bundle,
            until,
            not_after,
            response: response.clone(),
        };
        self.remember(digest, entry, request.now);
        Ok(response)
    }
}
