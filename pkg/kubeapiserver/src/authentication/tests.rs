//! Flags and files in upstream's words.

use std::{fs, sync::Arc};

use apiserver_auth::authentication::{CertificateMetrics, TokenCacheMetrics};
use component_base::{flags::FlagValue as _, metrics::MetricsRegistry};
use tokio_util::sync::CancellationToken;

use super::{AuthenticationOptions, Environment, NotedUse};
use crate::StoredObjects;

fn environment(always_allow: bool) -> Environment {
    Environment {
        objects: Arc::new(StoredObjects::default()),
        legacy_use: Arc::new(NotedUse::default()),
        external_address: "127.0.0.1:6443".to_owned(),
        always_allow,
        token_metrics: Arc::new(TokenCacheMetrics::new(&MetricsRegistry::default())),
        certificate_metrics: CertificateMetrics::new(&MetricsRegistry::default()),
        stop: CancellationToken::new(),
    }
}

fn refused(set: impl FnOnce(&mut AuthenticationOptions)) -> String {
    let mut options = AuthenticationOptions::default();
    set(&mut options);
    options.build(&environment(false)).unwrap_err().to_string()
}

#[tokio::test]
async fn wrong_flags() {
    let folder = tempfile::tempdir().unwrap();
    let ca = rcgen::generate_simple_self_signed(["ca".to_owned()]).unwrap();
    let path = folder.path().join("ca.crt").display().to_string();
    fs::write(&path, ca.cert.pem()).unwrap();
    let config = folder.path().join("authn.yaml").display().to_string();
    fs::write(
        &config,
        "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\nanonymous: {enabled: true}\n",
    )
    .unwrap();
    assert_eq!(
        refused(|options| options.oidc.issuer_url.set("https://x", true).unwrap()),
        "oidc-issuer-url and oidc-client-id must be specified together when any oidc-* flags are set"
    );
    assert_eq!(
        refused(|options| options.service_accounts.signing_key_file = "k".to_owned()),
        "service-account-issuer is a required flag"
    );
    assert_eq!(
        refused(|options| {
            options.service_accounts.issuers.set("https://a", true).unwrap();
            options.service_accounts.issuers.set("https://a", false).unwrap();
            options.service_accounts.signing_key_file = "k".to_owned();
            options.service_accounts.key_files.set("k", true).unwrap();
        }),
        r#"service-account-issuer "https://a" is already specified"#
    );
    assert!(
        refused(|options| {
            options.client_ca_file.clone_from(&path);
            options.request_header.client_ca_file.clone_from(&path);
            options.request_header.username_headers = vec!["X-Remote-User".to_owned()];
        })
        .starts_with("--requestheader-client-ca-file and --client-ca-file contain overlapping certificates;")
    );
    assert_eq!(
        refused(|options| {
            options.anonymous.set("true", true).unwrap();
            options.config_file.clone_from(&config);
        }),
        "anonymous: Forbidden: --anonymous-auth flag cannot be set when anonymous field is configured in \
         authentication configuration file"
    );
}

#[tokio::test]
async fn nobody_is_anonymous_where_everything_is_allowed() {
    let headers = http::HeaderMap::new();
    let request = apiserver_auth::authentication::Request {
        peer_certificates: &[],
        headers: &headers,
        path: "/",
        audiences: &[],
        now: std::time::SystemTime::now(),
    };
    for (always_allow, passes) in [(false, true), (true, false)] {
        let options = AuthenticationOptions::default();
        let chain = options.build(&environment(always_allow)).unwrap().chain;
        assert_eq!(chain.authenticate(&request).await.is_ok(), passes);
    }
}
