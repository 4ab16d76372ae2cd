//! One certificate signing request.

use std::net::IpAddr;
use std::time::Duration;

use client_go::Client;
use k8s_api::certificates::v1::CertificateSigningRequest;
use rcgen::{CertificateParams, DnType, KeyPair, SanType};
use tokio::time::Instant;

/// How long a request may wait for its certificate.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// How often it is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// What a certificate is to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Who signs it.
    pub signer: String,
    /// The node's user name.
    pub common_name: String,
    /// Its group.
    pub organization: String,
    /// What it is for.
    pub usages: Vec<String>,
    /// Names of a server.
    pub dns_names: Vec<String>,
    /// Addresses of a server.
    pub ips: Vec<IpAddr>,
}

impl Wanted {
    /// The client certificate of a node.
    #[must_use]
    pub fn client(node: &str) -> Self {
        Self {
            signer: "kubernetes.io/kube-apiserver-client-kubelet".to_owned(),
            usages: vec!["digital signature".to_owned(), "client auth".to_owned()],
            ..Self::of_node(node)
        }
    }

    /// The serving certificate of a node.
    #[must_use]
    pub fn serving(node: &str, dns_names: Vec<String>, ips: Vec<IpAddr>) -> Self {
        Self {
            signer: "kubernetes.io/kubelet-serving".to_owned(),
            usages: vec!["digital signature".to_owned(), "server auth".to_owned()],
            dns_names,
            ips,
            ..Self::of_node(node)
        }
    }

    fn of_node(node: &str) -> Self {
        Self {
            common_name: format!("system:node:{node}"),
            organization: "system:nodes".to_owned(),
            ..Default::default()
        }
    }

    /// The request with a new key, both PEM.
    fn sign(&self) -> Result<(String, String), rcgen::Error> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::OrganizationName, self.organization.as_str());
        params
            .distinguished_name
            .push(DnType::CommonName, self.common_name.as_str());
        for name in &self.dns_names {
            params
                .subject_alt_names
                .push(SanType::DnsName(name.as_str().try_into()?));
        }
        params
            .subject_alt_names
            .extend(self.ips.iter().map(|ip| SanType::IpAddress(*ip)));
        let request = params.serialize_request(&key)?.pem()?;
        Ok((request, key.serialize_pem()))
    }
}

/// No certificate came.
#[derive(Debug, thiserror::Error)]
pub enum ObtainError {
    /// The request cannot be made.
    #[error("unable to generate a certificate request: {0}")]
    Request(#[from] rcgen::Error),
    /// The API server.
    #[error("cannot create certificate signing request: {0}")]
    Api(#[from] client_go::Error),
    /// Somebody said no.
    #[error("certificate signing request {name} is {verdict}, reason: {reason}, message: {message}")]
    Refused {
        /// The request.
        name: String,
        /// `denied` or `failed`.
        verdict: &'static str,
        /// Why.
        reason: String,
        /// In words.
        message: String,
    },
    /// Nobody said anything.
    #[error("certificate signing request {0} was not signed in time")]
    Late(String),
}

/// Asks for a certificate, and waits for it; returns chain and key, both PEM.
///
/// # Errors
/// It is refused, or does not come in time.
pub async fn obtain(client: &Client, wanted: &Wanted) -> Result<(Vec<u8>, Vec<u8>), ObtainError> {
    let (request, key) = wanted.sign()?;
    let mut csr = CertificateSigningRequest::default();
    csr.metadata.generate_name = "csr-".to_owned();
    csr.spec.request = request.into_bytes().into();
    csr.spec.signer_name.clone_from(&wanted.signer);
    csr.spec.usages.clone_from(&wanted.usages);
    let requests = client.cluster::<CertificateSigningRequest>();
    let made = requests.create(&csr).await?;
    let name = made.metadata.name;
    tracing::info!(
        name,
        signer = wanted.signer,
        "certificate signing request created, waiting for it to be signed"
    );
    let end = Instant::now() + PATIENCE;
    loop {
        let csr = match requests.get(&name).await {
            Ok(csr) => csr,
            Err(error) if error.is_not_found() => return Err(error.into()),
            Err(error) => {
                tracing::warn!(%error, name, "the certificate signing request cannot be looked at");
                tokio::time::sleep(LOOK).await;
                continue;
            }
        };
        for condition in &csr.status.conditions {
            let verdict = match condition.type_.as_str() {
                "Denied" => "denied",
                "Failed" => "failed",
                _ => continue,
            };
            return Err(ObtainError::Refused {
                name,
                verdict,
                reason: condition.reason.clone(),
                message: condition.message.clone(),
            });
        }
        if !csr.status.certificate.is_empty() {
            return Ok((csr.status.certificate.to_vec(), key.into_bytes()));
        }
        if Instant::now() >= end {
            return Err(ObtainError::Late(name));
        }
        tokio::time::sleep(LOOK).await;
    }
}
