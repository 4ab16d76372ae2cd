//! Services that the server asks, for real and over TLS: an OpenID Connect issuer, webhooks for tokens, for authorization
//! and for the audit log.

#![expect(clippy::unwrap_used, reason = "what a test needs and cannot get ends it")]

use std::{fs, path::Path, sync::Arc, time::Duration};

use apiserver_auth::{
    authentication::{CertificateMetrics, Chain, Request, TokenCacheMetrics},
    authorization::{Attributes, Authorizer},
    jose::{SigningKey, key_set_json, sign},
    serviceaccount::NumericDate,
    user::UserInfo,
};
use component_base::{
    flags::FlagValue as _,
    metrics::MetricsRegistry,
    serving::{
        Body, CertificateSource, ListenOptions, Listener, PemPair, Server, ServingCertificate, ServingTls, TlsProtocol,
        generate_self_signed,
    },
};
use http::{HeaderMap, HeaderValue, Response, header};
use kubeapiserver::{
    StoredObjects,
    authentication::{AuthenticationOptions, Environment, NotedUse},
    authorization::AuthorizationOptions,
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// A server that answers by path; the key set is the issuer's.
struct Remote {
    port: u16,
    pair: PemPair,
    key: Arc<SigningKey>,
    stop: CancellationToken,
}

async fn answer(path: String, body: Value, issuer: String, key: Arc<SigningKey>) -> Value {
    match path.as_str() {
        "/issuer/.well-known/openid-configuration" => json!({"issuer": issuer, "jwks_uri": format!("{issuer}/keys")}),
        "/issuer/keys" => serde_json::from_slice(&key_set_json(std::slice::from_ref(key.public()))).unwrap(),
        "/tokens" => {
            assert_eq!(
                body["apiVersion"], "authentication.k8s.io/v1beta1",
                "the flag's default"
            );
            let known = body["spec"]["token"] == "hooktoken";
            json!({"apiVersion": body["apiVersion"], "kind": "TokenReview",
                "status": {"authenticated": known, "user": {"username": "hook", "groups": ["g"]}}})
        }
        "/access" => {
            let allowed = body["spec"]["group"] == json!(["friends"]);
            json!({"apiVersion": body["apiVersion"], "kind": "SubjectAccessReview",
                "status": {"allowed": allowed, "denied": !allowed, "reason": "says the service"}})
        }
        other => panic!("nobody should ask for {other}"),
    }
}

impl Remote {
    fn start() -> Self {
        let pair = generate_self_signed("localhost", &["127.0.0.1".parse().unwrap()], &[]).unwrap();
        let certificate = ServingCertificate::from_pem("remote", pair.cert.as_bytes(), pair.key.0.as_bytes()).unwrap();
        let tls = ServingTls::new(
            TlsProtocol::default(),
            Some(CertificateSource::Fixed(certificate)),
            vec![],
            vec![],
        );
        let key =
            Arc::new(SigningKey::from_pem(rcgen::KeyPair::generate().unwrap().serialize_pem().as_bytes()).unwrap());
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let listener = Listener::bind(([127, 0, 0, 1], port).into(), ListenOptions::default()).unwrap();
        let issuer = format!("https://127.0.0.1:{port}/issuer");
        let served = key.clone();
        let server = Server::new(move |request: http::Request<Body>| {
            let (issuer, key) = (issuer.clone(), served.clone());
            async move {
                let path = request.uri().path().to_owned();
                let bytes = request.into_body().collect_bytes(1 << 20).await.unwrap();
                let body = serde_json::from_slice(&bytes).unwrap_or_default();
                let mut response = Response::new(Body::from(answer(path, body, issuer, key).await.to_string()));
                let json = HeaderValue::from_static("application/json");
                response.headers_mut().insert(header::CONTENT_TYPE, json);
                response
            }
        });
        let stop = CancellationToken::new();
        tokio::spawn(server.with_tls(Arc::new(tls.unwrap())).serve(listener, stop.clone()));
        Self { port, pair, key, stop }
    }

    fn issuer(&self) -> String {
        format!("https://127.0.0.1:{}/issuer", self.port)
    }

    /// The authorities of the server's certificate.
    fn authorities(&self) -> String {
        self.pair.cert.clone()
    }

    fn kubeconfig(&self, folder: &Path, path: &str) -> String {
        let ca = folder.join("ca.crt");
        fs::write(&ca, self.authorities()).unwrap();
        let file = folder.join(format!("{path}.kubeconfig"));
        let text = json!({"apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "k", "cluster": {
                "server": format!("https://127.0.0.1:{}/{path}", self.port), "certificate-authority": ca}}],
            "users": [{"name": "u", "user": {}}],
            "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}]});
        fs::write(&file, text.to_string()).unwrap();
        file.display().to_string()
    }

    fn token(&self, issuer: &str) -> String {
        let now = NumericDate::from(std::time::SystemTime::now()).0;
        let claims = json!({"iss": issuer, "aud": "cluster", "sub": "jane", "groups": ["dev"], "exp": now + 600});
        sign(&self.key, &claims).unwrap()
    }
}

fn environment() -> Environment {
    Environment {
        objects: Arc::new(StoredObjects::default()),
        legacy_use: Arc::new(NotedUse::default()),
        external_address: "127.0.0.1:6443".to_owned(),
        always_allow: false,
        token_metrics: Arc::new(TokenCacheMetrics::new(&MetricsRegistry::default())),
        certificate_metrics: CertificateMetrics::new(&MetricsRegistry::default()),
        stop: CancellationToken::new(),
    }
}

/// `name [groups]`, or the error.
async fn who(chain: &Chain, token: &str) -> String {
    let mut headers = HeaderMap::new();
    headers.insert(header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
    let request = Request {
        peer_certificates: &[],
        headers: &headers,
        path: "/api",
        audiences: &[],
        now: std::time::SystemTime::now(),
    };
    match chain.authenticate(&request).await {
        Ok(response) => format!("{} {:?}", response.user.name, response.user.groups),
        Err(error) => error.to_string(),
    }
}

fn configuration(remote: &Remote, prefix: &str) -> String {
    json!({"apiVersion": "apiserver.config.k8s.io/v1", "kind": "AuthenticationConfiguration", "jwt": [{
        "issuer": {"url": remote.issuer(), "audiences": ["cluster"], "certificateAuthority": remote.authorities()},
        "claimMappings": {"username": {"claim": "sub", "prefix": prefix}, "groups": {"claim": "groups", "prefix": ""}},
    }]})
    .to_string()
}

#[tokio::test]
async fn an_issuer_is_found_and_its_configuration_followed() {
    let remote = Remote::start();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("authn.json");
    fs::write(&path, configuration(&remote, "one:")).unwrap();
    let options = AuthenticationOptions {
        config_file: path.display().to_string(),
        ..AuthenticationOptions::default()
    };
    let environment = environment();
    let chain = options.build(&environment).unwrap().chain;
    assert_eq!(
        who(&chain, &remote.token(&remote.issuer())).await,
        r#"one:jane ["dev", "system:authenticated"]"#
    );
    assert_eq!(
        who(&chain, &remote.token("https://elsewhere")).await,
        "invalid bearer token"
    );

    // What is refused changes nothing.
    fs::write(&path, "nonsense").unwrap();
    fs::write(folder.path().join("new"), configuration(&remote, "two:")).unwrap();
    fs::rename(folder.path().join("new"), &path).unwrap();
    let followed = async {
        // Answers about known tokens are remembered for a while, so each look is at a new one.
        let mut number = 0;
        loop {
            number += 1;
            let now = NumericDate::from(std::time::SystemTime::now()).0;
            let claims = json!({"iss": remote.issuer(), "aud": ["cluster"], "sub": "jane", "exp": now + 600 + number});
            if who(&chain, &sign(&remote.key, &claims).unwrap())
                .await
                .starts_with("two:jane")
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), followed)
        .await
        .expect("the new file is taken");
    environment.stop.cancel();
    remote.stop.cancel();
}

#[tokio::test]
async fn webhooks_are_asked_in_the_version_of_the_flag() {
    let remote = Remote::start();
    let folder = tempfile::tempdir().unwrap();
    let mut options = AuthenticationOptions::default();
    options.webhook.config_file = remote.kubeconfig(folder.path(), "tokens");
    let chain = options.build(&environment()).unwrap().chain;
    assert_eq!(who(&chain, "hooktoken").await, r#"hook ["g", "system:authenticated"]"#);
    assert_eq!(who(&chain, "othertoken").await, "invalid bearer token");

    let mut options = AuthorizationOptions::default();
    options.modes.set("Webhook", true).unwrap();
    options
        .webhook_config_file
        .give(remote.kubeconfig(folder.path(), "access"));
    let authorization = options.build(&CancellationToken::new()).unwrap();
    for (group, expected) in [("friends", true), ("strangers", false)] {
        let user = UserInfo::named("u").with_groups([group]);
        let answer = authorization
            .authorizer
            .authorize(&Attributes::resource(&user, "get", "", "v1", "pods"))
            .await;
        assert_eq!(
            (answer.is_allowed(), answer.reason.as_str()),
            (expected, "says the service")
        );
    }
    remote.stop.cancel();
}
