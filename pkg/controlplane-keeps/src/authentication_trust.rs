//! What an extension API server needs to trust whom this server trusts, as the config map
//! `extension-apiserver-authentication`.
//!
//! Several servers share it: certificates and names are added to what is there, expired certificates go.

use apimachinery::status::StatusError;
use apiserver::registry::Local;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use k8s_api::{Map, core::v1::ConfigMap, meta::v1::ObjectMeta};

pub(crate) const NAMESPACE: &str = "kube-system";
/// The config map's name.
pub(crate) const NAME: &str = "extension-apiserver-authentication";

const CLIENT_CA: &str = "client-ca-file";
const REQUEST_HEADER_CA: &str = "requestheader-client-ca-file";

/// Whom this server trusts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthenticationTrust {
    /// PEM of the authorities of client certificates (`--client-ca-file`).
    pub client_ca: Option<String>,
    /// The front proxies (`--requestheader-*`).
    pub request_header: Option<RequestHeaderTrust>,
}

/// Front proxies that name the user of a request in headers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestHeaderTrust {
    /// PEM of the authorities of proxies' certificates.
    pub ca: String,
    /// Names that a proxy's certificate may have; empty for any.
    pub allowed_names: Vec<String>,
    /// Headers with the user's name.
    pub username_headers: Vec<String>,
    /// Headers with the user's identifier.
    pub uid_headers: Vec<String>,
    /// Headers with the user's groups.
    pub group_headers: Vec<String>,
    /// What headers with further facts begin with.
    pub extra_header_prefixes: Vec<String>,
}

impl AuthenticationTrust {
    /// Adds what this server trusts to the config map, which is made if there is anything to say.
    pub(crate) async fn sync(&self, config_maps: &Local<ConfigMap>) -> Result<(), StatusError> {
        let current = config_maps.get(NAMESPACE, NAME).await?;
        let exists = current.is_some();
        let mut wanted = current.clone().unwrap_or_else(|| ConfigMap {
            metadata: ObjectMeta {
                name: NAME.to_owned(),
                namespace: NAMESPACE.to_owned(),
                ..ObjectMeta::default()
            },
            ..ConfigMap::default()
        });
        wanted.data = self.combined(&wanted.data)?;
        if !exists {
            if wanted.data.is_empty() {
                return Ok(());
            }
            return config_maps.ensure(&wanted).await.map(drop);
        }
        if current.as_ref() == Some(&wanted) {
            return Ok(());
        }
        config_maps.update(&wanted).await.map(drop)
    }

    /// The data with what this server adds.
    fn combined(&self, data: &Map<String>) -> Result<Map<String>, StatusError> {
        let mut combined = Map::new();
        let text = |key: &str| data.get(key).map(String::as_str).unwrap_or_default();
        let client_ca = joined_certificates(&[text(CLIENT_CA), self.client_ca.as_deref().unwrap_or_default()]);
        if !client_ca.is_empty() {
            combined.insert(CLIENT_CA, client_ca);
        }
        let own = self.request_header.clone().unwrap_or_default();
        let ca = joined_certificates(&[text(REQUEST_HEADER_CA), &own.ca]);
        if ca.is_empty() {
            return Ok(combined);
        }
        let lists = [
            ("requestheader-username-headers", &own.username_headers),
            ("requestheader-uid-headers", &own.uid_headers),
            ("requestheader-group-headers", &own.group_headers),
            ("requestheader-extra-headers-prefix", &own.extra_header_prefixes),
            ("requestheader-allowed-names", &own.allowed_names),
        ];
        for (key, own) in lists {
            let list = joined_list(text(key), own)
                .map_err(|error| StatusError::internal_error(format!("config map {NAME}: {key}: {error}")))?;
            if list.is_empty() && key == "requestheader-uid-headers" {
                continue;
            }
            combined.insert(key, serde_json::Value::from(list).to_string());
        }
        combined.insert(REQUEST_HEADER_CA, ca);
        Ok(combined)
    }
}

/// A JSON list with further items, each once.
fn joined_list(json: &str, more: &[String]) -> Result<Vec<String>, serde_json::Error> {
    let mut list: Vec<String> = if json.is_empty() {
        Vec::new()
    } else {
        serde_json::from_str(json)?
    };
    list.extend(more.iter().cloned());
    let mut seen = std::collections::HashSet::new();
    list.retain(|item| seen.insert(item.clone()));
    Ok(list)
}

/// The certificates of several bundles, each once, without those that have run out.
fn joined_certificates(bundles: &[&str]) -> String {
    let mut found: Vec<Vec<u8>> = Vec::new();
    for bundle in bundles {
        for certificate in rustls_pemfile::certs(&mut bundle.as_bytes()).flatten() {
            let der = certificate.to_vec();
            if !found.contains(&der) && is_current(&der) {
                found.push(der);
            }
        }
    }
    found.iter().map(|der| pem(der)).collect()
}

fn is_current(der: &[u8]) -> bool {
    x509_parser::parse_x509_certificate(der)
        .is_ok_and(|(_, certificate)| certificate.validity().not_after >= x509_parser::time::ASN1Time::now())
}

fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut pem = "-----BEGIN CERTIFICATE-----\n".to_owned();
    for start in (0..text.len()).step_by(64) {
        pem.push_str(&text[start..text.len().min(start + 64)]);
        pem.push('\n');
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}

#[cfg(test)]
mod tests {
    use k8s_api::Map;

    use super::{AuthenticationTrust, RequestHeaderTrust, joined_list};

    #[test]
    fn lists_join() {
        let more = ["b".to_owned(), "c".to_owned()];
        assert_eq!(joined_list("[\"a\",\"b\"]", &more).expect("lists"), ["a", "b", "c"]);
        assert_eq!(joined_list("", &more).expect("lists"), ["b", "c"]);
        assert!(joined_list("x", &more).is_err());
    }

    #[test]
    fn without_certificates_there_is_nothing_to_say() {
        let trust = AuthenticationTrust {
            client_ca: Some("no certificate".to_owned()),
            request_header: Some(RequestHeaderTrust {
                username_headers: vec!["X-Remote-User".to_owned()],
                ..RequestHeaderTrust::default()
            }),
        };
        assert_eq!(trust.combined(&Map::new()).expect("data"), Map::new());
    }
}
