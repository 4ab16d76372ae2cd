//! Signs approved requests for the cluster's four signers (upstream: `pkg/controller/certificates/signer`).

mod authority;
mod der;
mod signers;
#[cfg(test)]
mod tests;
mod usages;

use std::time::Duration;

use apis_cluster::certificates::certificate_signing_request::request::{check, parse};
use client_go::Client;
use controller::config::CsrSigningControllerConfiguration;
use controller::{BuildError, Built, Clock, ControllerContext};
use k8s_api::certificates::v1::{CertificateSigningRequest, CertificateSigningRequestCondition};

use crate::requests::{Handle, RequestError, controller, has_condition, has_true_condition};
pub(crate) use authority::SignError;
use authority::{Authority, Template};
use signers::{SIGNERS, Signer};

/// The shortest life that a request can ask for.
const SHORTEST: Duration = Duration::from_secs(600);

/// One signer with its authority.
struct Signing {
    signer: &'static Signer,
    authority: Authority,
    longest: Duration,
}

struct Signings {
    client: Client,
    clock: Clock,
    signings: Vec<Signing>,
}

/// Builds `certificatesigningrequest-signing-controller`; without files of an authority there is none.
///
/// # Errors
/// Files are named for all signers and for one, or are no authority.
pub async fn build(context: ControllerContext) -> Built {
    let config = &context.config.csr_signing_controller;
    let signings = signings(config).map_err(BuildError::Configuration)?;
    if signings.is_empty() {
        tracing::info!("Skipping CSR signer controller because no csr cert/key was specified");
        return Ok(None);
    }
    let client = context.client("certificate-controller").await?;
    let clock = context.clock.clone();
    let signings = Signings {
        client,
        clock,
        signings,
    };
    Ok(Some(controller(context, signings)))
}

fn signings(config: &CsrSigningControllerConfiguration) -> Result<Vec<Signing>, String> {
    let general = (&config.cluster_signing_cert_file, &config.cluster_signing_key_file);
    let specific = SIGNERS.iter().map(|signer| {
        let files = (signer.files)(config);
        (signer, (&files.cert_file, &files.key_file))
    });
    let named: Vec<_> = specific
        .filter(|(_, (cert, key))| !(cert.is_empty() && key.is_empty()))
        .collect();
    let general_is_complete = !general.0.is_empty() && !general.1.is_empty();
    let files: Vec<_> = match (named.is_empty(), general_is_complete) {
        (true, false) => return Ok(Vec::new()),
        (false, true) => return Err("cannot specify default and per controller certs at the same time".to_owned()),
        (true, true) => SIGNERS.iter().map(|signer| (signer, general)).collect(),
        (false, false) => named,
    };
    let longest = config.cluster_signing_duration.to_std();
    let signing = |(signer, (cert, key)): (&'static Signer, (&String, &String))| {
        let authority = Authority::from_files(cert, key)
            .map_err(|error| format!("failed to init {} certificate controller: {error}", signer.name))?;
        Ok(Signing {
            signer,
            authority,
            longest,
        })
    };
    files.into_iter().map(signing).collect()
}

impl Handle for Signings {
    async fn handle(&self, request: &CertificateSigningRequest) -> Result<(), RequestError> {
        let approved = has_condition(request, "Approved") && !has_condition(request, "Denied");
        if !approved || has_true_condition(request, "Failed") {
            return Ok(());
        }
        let name = &request.spec.signer_name;
        let Some(signing) = self.signings.iter().find(|signing| signing.signer.name == *name) else {
            return Ok(());
        };
        let parse_error = |source| RequestError::Parse {
            name: request.metadata.name.clone(),
            source,
        };
        let parsed = parse(&request.spec.request).map_err(parse_error)?;
        let mut answered = request.clone();
        let doing = if let Err(message) = (signing.signer.check)(&parsed, &request.spec.usages) {
            answered.status.conditions.push(CertificateSigningRequestCondition {
                type_: "Failed".to_owned(),
                status: "True".to_owned(),
                reason: "SignerValidationFailure".to_owned(),
                message,
                last_update_time: Some(self.clock.now()),
                ..CertificateSigningRequestCondition::default()
            });
            "error adding failure condition for csr"
        } else {
            check(request).map_err(parse_error)?;
            let template = Template {
                request: &request.spec.request,
                parsed: &parsed,
                usages: &request.spec.usages,
                life: signing.life(request.spec.expiration_seconds),
                now: self.clock.now(),
            };
            let pem = signing.authority.sign(&template).map_err(RequestError::Sign)?;
            answered.status.certificate = pem.into_bytes().into();
            "error updating signature for csr"
        };
        let api = self.client.cluster::<CertificateSigningRequest>();
        let written = api.update_status(&answered).await;
        written.map(drop).map_err(|source| RequestError::Api { doing, source })
    }
}

impl Signing {
    /// How long a certificate lives: what was asked for, within bounds.
    fn life(&self, asked: Option<i32>) -> Duration {
        match asked {
            None => self.longest,
            Some(seconds) => {
                let asked = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
                if asked > self.longest {
                    self.longest
                } else {
                    asked.max(SHORTEST)
                }
            }
        }
    }
}
