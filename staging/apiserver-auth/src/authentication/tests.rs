//! Every kind of credential: those that hold, those that do not, and those that pretend.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use component_base::serving::{CaBundle, DynamicCaBundle};
use http::{HeaderMap, HeaderName, HeaderValue};
use k8s_api::{core::v1::Secret, object::Kind};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
};
use rustls_pki_types::CertificateDer;
use serde_json::json;

use super::{
    Anonymous, AudienceAgnostic, AuthenticationError, BearerToken, BootstrapSecrets, BootstrapTokens, CacheSettings,
    Chain, ClientCertificates, Credentials, Impersonation, IssuerKeys, JwtIssuer, JwtIssuers, Outcome, Request,
    RequestAuthenticator, RequestHeader, RequestHeaderConfig, Response, TokenAuthenticator, TokenCache, TokenFile,
    TokenUnion, WebSocketToken, config, wanted_user,
};
use crate::{
    authorization::{Attributes, Authorization, Authorizer},
    jose::{Algorithm, PublicKey, SigningKey, sign},
    serviceaccount::NumericDate,
    user::UserInfo,
};

const AUDIENCE: &str = "https://kubernetes.default.svc";

fn headers(list: &[(&str, &str)]) -> HeaderMap {
    list.iter()
        .map(|(name, value)| {
            let name: HeaderName = name.parse().unwrap();
            (name, HeaderValue::from_str(value).unwrap())
        })
        .collect()
}

fn audiences() -> Vec<String> {
    vec![AUDIENCE.to_owned()]
}

fn tokens() -> Arc<dyn TokenAuthenticator> {
    let text = "admintoken,admin,admin,system:masters\nalicetoken,alice,u1,\"a,b\"\n\n,empty,e\n\"quo\"\"ted\",q,q\r\n";
    let file = TokenFile::parse("tokens", text).unwrap();
    Arc::new(AudienceAgnostic::new(audiences(), Arc::new(file)))
}

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    bundle: Arc<DynamicCaBundle>,
}

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    let bundle = CaBundle::from_pem(name, pem.as_bytes()).unwrap();
    Authority {
        issuer: Issuer::new(params, key),
        bundle: Arc::new(DynamicCaBundle::fixed(bundle)),
    }
}

impl Authority {
    fn client(&self, entries: &[(DnType, &str)], usage: ExtendedKeyUsagePurpose) -> Vec<CertificateDer<'static>> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        for (kind, value) in entries {
            params.distinguished_name.push(kind.clone(), *value);
        }
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().unwrap();
        vec![params.signed_by(&key, &self.issuer).unwrap().der().clone()]
    }

    fn named(&self, name: &str) -> Vec<CertificateDer<'static>> {
        self.client(&[(DnType::CommonName, name)], ExtendedKeyUsagePurpose::ClientAuth)
    }
}

fn request<'a>(
    headers: &'a HeaderMap,
    certificates: &'a [CertificateDer<'static>],
    audiences: &'a [String],
) -> Request<'a> {
    Request {
        peer_certificates: certificates,
        headers,
        path: "/api",
        audiences,
        now: SystemTime::now(),
    }
}

fn chain(authorities: &Authority, proxies: &Authority) -> Chain {
    let config = RequestHeaderConfig {
        allowed_names: vec!["front-proxy".to_owned()],
        ..RequestHeaderConfig::standard()
    };
    let credentials = Credentials {
        request_header: Some(config.clone()),
    };
    Chain::new(
        vec![
            Arc::new(RequestHeader::new(config, proxies.bundle.clone())),
            Arc::new(ClientCertificates::new(authorities.bundle.clone())),
            Arc::new(BearerToken::new(tokens())),
            Arc::new(WebSocketToken::new(tokens())),
        ],
        Some(Anonymous::default()),
        credentials,
    )
}

#[tokio::test]
async fn tokens_in_headers() {
    let (clients, proxies) = (authority("clients"), authority("proxies"));
    let chain = chain(&clients, &proxies);
    let protocol = format!(
        "base64url.bearer.authorization.k8s.io.{}",
        URL_SAFE_NO_PAD.encode("alicetoken")
    );
    let websocket = |protocols: &str| {
        let both = protocols.replace("TOKEN", &protocol);
        headers(&[
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-protocol", &both),
        ])
    };
    let authorization = |value: &str| headers(&[("authorization", value)]);
    let cases = [
        (authorization("Bearer admintoken"), Ok("admin")),
        (authorization("bearer alicetoken"), Ok("alice")),
        (authorization("Bearer quo\"ted"), Ok("q")),
        (authorization("Bearer nonsense"), Err("invalid bearer token")),
        (authorization("Bearer "), Ok("system:anonymous")),
        (authorization("Bearer  admintoken"), Ok("system:anonymous")),
        (authorization("Basic YWRtaW46YWRtaW4="), Ok("system:anonymous")),
        (HeaderMap::new(), Ok("system:anonymous")),
        (websocket("v5.channel.k8s.io,TOKEN"), Ok("alice")),
        (websocket("TOKEN"), Err("missing additional subprotocol")),
        (
            websocket("a,TOKEN,TOKEN"),
            Err("multiple base64.bearer.authorization tokens specified"),
        ),
        (
            websocket("a,base64url.bearer.authorization.k8s.io.!"),
            Err("invalid base64.bearer.authorization token encoding"),
        ),
        (
            headers(&[("sec-websocket-protocol", &protocol)]),
            Ok("system:anonymous"),
        ),
    ];
    let audiences = audiences();
    for (mut headers, expected) in cases {
        let seen = chain.authenticate(&request(&headers, &[], &audiences)).await;
        let name = seen.as_ref().map(|response| response.user.name.as_str());
        assert_eq!(
            name.map_err(ToString::to_string),
            expected.map_err(str::to_owned),
            "{headers:?}"
        );
        chain.clear_credentials(&mut headers);
        assert!(!format!("{headers:?}").contains("token"), "{headers:?}");
        assert!(!format!("{headers:?}").contains("bearer.authorization"), "{headers:?}");
    }
    let spaced = authorization("Bearer  admintoken");
    let response = chain.authenticate(&request(&spaced, &[], &audiences)).await.unwrap();
    assert_eq!(
        response.warnings,
        ["the provided Authorization header contains extra space before the bearer token, and is ignored"]
    );
}

#[tokio::test]
async fn users_of_a_token_file() {
    let alice = tokens()
        .authenticate_token("alicetoken", &audiences(), SystemTime::now())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (alice.user.uid.as_str(), alice.user.groups.join("|")),
        ("u1", "a|b".to_owned())
    );
    assert_eq!(alice.audiences, audiences());
    let elsewhere = ["elsewhere".to_owned()];
    assert_eq!(
        tokens()
            .authenticate_token("alicetoken", &elsewhere, SystemTime::now())
            .await,
        Ok(None)
    );
    assert_eq!(
        tokens().authenticate_token("", &audiences(), SystemTime::now()).await,
        Ok(None)
    );
    for (text, message) in [
        (
            "a,b",
            "token file 'f' must have at least 3 columns (token, user name, user uid), found 2",
        ),
        ("a\"b,c,d", "record on line 1: bare \" in non-quoted-field"),
        (
            "a,b,c\n\"a,b,c",
            "record on line 2: extraneous or missing \" in quoted-field",
        ),
    ] {
        let error = TokenFile::parse("f", text).err().unwrap();
        assert_eq!(error.to_string(), message);
    }
}

#[tokio::test]
async fn client_certificates() {
    let (clients, strangers) = (authority("clients"), authority("clients"));
    let authenticator = ClientCertificates::new(clients.bundle.clone());
    let uid = DnType::CustomDnType(vec![1, 3, 6, 1, 4, 1, 57683, 2]);
    let entries = [
        (DnType::CommonName, "alice"),
        (DnType::OrganizationName, "dev"),
        (uid, "u-1"),
    ];
    let certificates = clients.client(&entries, ExtendedKeyUsagePurpose::ClientAuth);
    let none = HeaderMap::new();
    let audiences = audiences();
    let look = |certificates: &[CertificateDer<'static>], now| {
        let certificates = certificates.to_vec();
        let (authenticator, none, audiences) = (&authenticator, &none, &audiences);
        async move {
            let request = Request {
                now,
                ..request(none, &certificates, audiences)
            };
            authenticator.authenticate(&request).await
        }
    };
    let now = SystemTime::now();
    for _ in 0..2 {
        let user = look(&certificates, now).await.unwrap().unwrap().user.clone();
        assert_eq!(
            (user.name.as_str(), user.uid.as_str(), user.groups.join("|")),
            ("alice", "u-1", "dev".to_owned())
        );
        let id = user.single_extra("authentication.kubernetes.io/credential-id").unwrap();
        assert!(id.starts_with("X509SHA256=") && id.len() == 75, "{id}");
    }
    // What is remembered does not outlive the certificate.
    let late = now + Duration::from_secs(3600 * 24 * 365 * 3000);
    assert!(
        look(&certificates, late)
            .await
            .unwrap_err()
            .to_string()
            .contains("failed: ")
    );

    let anonymous = clients.client(
        &[(DnType::OrganizationName, "system:masters")],
        ExtendedKeyUsagePurpose::ClientAuth,
    );
    assert_eq!(look(&anonymous, now).await, Ok(None));
    let server = clients.client(&[(DnType::CommonName, "admin")], ExtendedKeyUsagePurpose::ServerAuth);
    for wrong in [server, strangers.named("admin")] {
        let error = look(&wrong, now).await.unwrap_err().to_string();
        assert!(error.starts_with("verifying certificate SN="), "{error}");
    }
    assert_eq!(look(&[], now).await, Ok(None));
    // Another authority takes the place of the one that vouched.
    assert!(clients.bundle.replace(strangers.bundle.current()));
    assert!(look(&certificates, now).await.is_err());
}

#[tokio::test]
async fn front_proxies() {
    let (clients, proxies) = (authority("clients"), authority("proxies"));
    let chain = chain(&clients, &proxies);
    let claims = headers(&[
        ("x-remote-user", "bob"),
        ("x-remote-uid", "7"),
        ("x-remote-group", "ops"),
        ("x-remote-group", "dev"),
        ("x-remote-extra-acme.com%2fscope", "a"),
        ("X-Remote-Extra-Bad%zz", "b"),
    ]);
    let audiences = audiences();
    let proxy = proxies.named("front-proxy");
    let user = chain
        .authenticate(&request(&claims, &proxy, &audiences))
        .await
        .unwrap()
        .user
        .clone();
    assert_eq!((user.name.as_str(), user.uid.as_str()), ("bob", "7"));
    assert_eq!(user.groups, ["ops", "dev", "system:authenticated"]);
    assert_eq!(user.single_extra("acme.com/scope"), Some("a"));
    assert_eq!(user.single_extra("bad%zz"), Some("b"));

    // Nobody else's headers count: not a client's, not a proxy's of another name, not those without a certificate.
    let client = clients.named("carol");
    let user = chain
        .authenticate(&request(&claims, &client, &audiences))
        .await
        .unwrap()
        .user
        .clone();
    assert_eq!(
        (user.name.as_str(), user.groups.join("|")),
        ("carol", "system:authenticated".to_owned())
    );
    let user = chain
        .authenticate(&request(&claims, &[], &audiences))
        .await
        .unwrap()
        .user
        .clone();
    assert_eq!(user.name, "system:anonymous");
    let other = proxies.named("other");
    let error = chain
        .authenticate(&request(&claims, &other, &audiences))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("x509: subject with cn=other is not in the allowed list"),
        "{error}"
    );

    let mut cleared = claims.clone();
    chain.clear_credentials(&mut cleared);
    assert!(cleared.is_empty(), "{cleared:?}");
}

#[tokio::test]
async fn reviews_and_anonymous_paths() {
    let (clients, proxies) = (authority("clients"), authority("proxies"));
    let all = chain(&clients, &proxies);
    let (none, audiences) = (HeaderMap::new(), audiences());
    let ask = request(&none, &[], &audiences);
    let user = all.review("alicetoken", &ask).await.unwrap().unwrap().user.clone();
    assert_eq!(user.groups, ["a", "b", "system:authenticated"]);
    assert_eq!(
        all.review("nonsense", &ask).await,
        Err(AuthenticationError::new("invalid bearer token"))
    );

    let some = Chain::new(
        vec![],
        Some(Anonymous::new(["/healthz".to_owned()])),
        Credentials::default(),
    );
    let health = Request {
        path: "/healthz",
        ..ask
    };
    assert!(some.authenticate(&health).await.is_ok());
    for path in ["/api", "/healthz/", "/healthz/etcd"] {
        let error = some.authenticate(&Request { path, ..ask }).await.unwrap_err();
        assert_eq!(error.to_string(), "no credentials", "{path}");
    }
}

struct Counting(AtomicUsize, Outcome);

#[async_trait]
impl TokenAuthenticator for Counting {
    async fn authenticate_token(&self, _token: &str, _audiences: &[String], _now: SystemTime) -> Outcome {
        self.0.fetch_add(1, Ordering::Relaxed);
        self.1.clone()
    }
}

#[tokio::test]
async fn the_cache_remembers_what_it_may() {
    let error = AuthenticationError::new("x");
    // outcome, settings → look-ups for: t, t, other token, other audience
    let forever = CacheSettings::webhook();
    let cases = [
        (Ok(Some(Response::of(UserInfo::named("u")))), forever, 3),
        (Ok(None), forever, 3),
        (Ok(None), CacheSettings::default(), 4),
        (Err(error), forever, 4),
        (Ok(None), CacheSettings { entries: 0, ..forever }, 4),
    ];
    for (outcome, settings, expected) in cases {
        let tokens = Arc::new(Counting(AtomicUsize::new(0), outcome.clone()));
        let cache = TokenCache::new(tokens.clone(), settings);
        let (one, other) = (audiences(), vec!["x".to_owned()]);
        for (token, audiences) in [("t", &one), ("t", &one), ("tt", &one), ("t", &other)] {
            assert_eq!(
                cache.authenticate_token(token, audiences, SystemTime::now()).await,
                outcome
            );
        }
        assert_eq!(tokens.0.load(Ordering::Relaxed), expected, "{outcome:?} {settings:?}");
    }
}

#[tokio::test]
async fn a_union_goes_on_after_errors() {
    let failing = |text: &str| Arc::new(Counting(AtomicUsize::new(0), Err(AuthenticationError::new(text)))) as _;
    let union = TokenUnion::new(vec![failing("a"), failing("b"), tokens()]);
    let found = union
        .authenticate_token("admintoken", &audiences(), SystemTime::now())
        .await;
    assert_eq!(found.unwrap().unwrap().user.name, "admin");
    let error = union
        .authenticate_token("x", &audiences(), SystemTime::now())
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "[a, b]");
}

struct Secrets(HashMap<String, Arc<Secret>>);

#[async_trait]
impl BootstrapSecrets for Secrets {
    async fn get(&self, name: &str) -> Result<Option<Arc<Secret>>, String> {
        Ok(self.0.get(name).cloned())
    }
}

#[tokio::test]
async fn bootstrap_tokens() {
    const GOOD: &str = "abcdef.0123456789abcdef";
    let base = json!({
        "metadata": {"name": "bootstrap-token-abcdef", "namespace": "kube-system"},
        "type": "bootstrap.kubernetes.io/token",
        "stringData": {
            "token-id": "abcdef", "token-secret": "0123456789abcdef", "usage-bootstrap-authentication": "true",
            "expiration": "2999-01-01T00:00:00Z", "auth-extra-groups": "system:bootstrappers:x",
        },
    });
    // what is changed in the secret, the token → the groups of the user
    let cases = [
        (json!({}), GOOD, Some("system:bootstrappers|system:bootstrappers:x")),
        (
            json!({"expiration": ""}),
            GOOD,
            Some("system:bootstrappers|system:bootstrappers:x"),
        ),
        (json!({"auth-extra-groups": ""}), GOOD, Some("system:bootstrappers")),
        (json!({"auth-extra-groups": "system:masters"}), GOOD, None),
        (json!({"auth-extra-groups": "system:bootstrappers:"}), GOOD, None),
        (json!({"expiration": "2001-01-01T00:00:00Z"}), GOOD, None),
        (json!({"expiration": "soon"}), GOOD, None),
        (json!({"usage-bootstrap-authentication": "false"}), GOOD, None),
        (json!({"token-id": "fedcba"}), GOOD, None),
        (json!({"token-secret": ""}), GOOD, None),
        (json!({}), "abcdef.0123456789abcdeX", None),
        (json!({}), "abcdef.fedcba9876543210", None),
        (json!({}), "abcdef.", None),
        (json!({}), "zzzzzz.0123456789abcdef", None),
    ];
    for (change, token, expected) in cases {
        let mut object = base.clone();
        let mut texts = object["stringData"].take();
        texts
            .as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        let mut secret = Secret::from_value(object).unwrap();
        for (key, value) in texts.as_object().unwrap() {
            secret
                .data
                .insert(key.clone(), value.as_str().unwrap().as_bytes().to_vec().into());
        }
        let secrets = Secrets([(secret.metadata.name.clone(), Arc::new(secret))].into());
        let authenticator = BootstrapTokens::new(Arc::new(secrets));
        let found = authenticator
            .authenticate_token(token, &[], SystemTime::now())
            .await
            .unwrap();
        let groups = found.as_ref().map(|response| response.user.groups.join("|"));
        assert_eq!(groups.as_deref(), expected, "{change} {token}");
        assert!(found.is_none_or(|response| response.user.name == "system:bootstrap:abcdef"));
    }
}

/// Allows what is listed: `verb resource[/subresource] namespace/name`.
struct Listed(&'static [&'static str]);

#[async_trait]
impl Authorizer for Listed {
    async fn authorize(&self, a: &Attributes<'_>) -> Authorization {
        let resource = if a.subresource.is_empty() {
            a.resource.to_owned()
        } else {
            format!("{}/{}", a.resource, a.subresource)
        };
        let asked = format!("{} {resource} {}/{}", a.verb, a.namespace, a.name);
        if self.0.contains(&asked.as_str()) {
            Authorization::allow("")
        } else {
            Authorization::no_opinion("")
        }
    }
}

#[tokio::test]
async fn impersonation() {
    const ON: &str = "impersonate-on:user-info:list configmaps ns/";
    let refused = |verb: &str| {
        format!(
            "configmaps is forbidden: User \"alice\" cannot {verb} resource \"configmaps\" in API group \"\" in the \
             namespace \"ns\""
        )
    };
    let alice = UserInfo::named("alice");
    let agent = UserInfo {
        extra: [(
            "authentication.kubernetes.io/node-name".to_owned(),
            vec!["n1".to_owned()],
        )]
        .into(),
        ..UserInfo::named("system:serviceaccount:ns:agent")
    };
    type Case = (
        &'static [(&'static str, &'static str)],
        &'static [&'static str],
        Result<(&'static str, &'static str), String>,
    );
    let cases: Vec<Case> = vec![
        (
            &[("Impersonate-User", "bob")],
            &[],
            Err(refused("impersonate-on:user-info:list")),
        ),
        (
            &[("Impersonate-User", "bob")],
            &["impersonate users /bob"],
            Ok(("bob: system:authenticated", "")),
        ),
        (
            &[("Impersonate-User", "bob")],
            &[ON, "impersonate:user-info users /bob"],
            Ok(("bob: system:authenticated", "impersonate:user-info")),
        ),
        // The old verb needs each part; the new one both questions.
        (
            &[("Impersonate-User", "bob"), ("Impersonate-Group", "ops")],
            &["impersonate users /bob"],
            Err(refused("impersonate-on:user-info:list")),
        ),
        (
            &[("Impersonate-User", "bob"), ("Impersonate-Group", "ops")],
            &["impersonate users /bob", "impersonate groups /ops"],
            Ok(("bob: ops system:authenticated", "")),
        ),
        (
            &[("Impersonate-User", "bob"), ("Impersonate-Group", "system:masters")],
            &[
                ON,
                "impersonate:user-info users /bob",
                "impersonate:user-info groups /system:masters",
            ],
            Err(
                "groups.authentication.k8s.io \"system:masters\" is forbidden: User \"alice\" cannot \
                 impersonate:user-info resource \"groups\" in API group \"authentication.k8s.io\" at the cluster \
                 scope: impersonating the system:masters group is not allowed"
                    .to_owned(),
            ),
        ),
        (
            &[
                ("Impersonate-User", "bob"),
                ("Impersonate-Uid", "7"),
                ("Impersonate-Extra-Acme.com%2fk", "v"),
            ],
            &[
                "impersonate users /bob",
                "impersonate uids /7",
                "impersonate userextras/acme.com/k /v",
            ],
            Ok(("bob: system:authenticated", "")),
        ),
        (
            &[("Impersonate-User", "system:anonymous")],
            &["impersonate users /system:anonymous"],
            Ok(("system:anonymous: system:unauthenticated", "")),
        ),
        (
            &[("Impersonate-User", "system:serviceaccount:x:bot")],
            &["impersonate serviceaccounts x/bot"],
            Ok((
                "system:serviceaccount:x:bot: system:serviceaccounts system:serviceaccounts:x system:authenticated",
                "",
            )),
        ),
        (
            &[("Impersonate-User", "system:node:n1")],
            &[
                "impersonate-on:arbitrary-node:list configmaps ns/",
                "impersonate:arbitrary-node nodes /n1",
            ],
            Ok((
                "system:node:n1: system:nodes system:authenticated",
                "impersonate:arbitrary-node",
            )),
        ),
    ];
    for (list, allowed, expected) in cases {
        let seen = impersonate(&alice, list, allowed).await;
        let expected = expected.map(|(user, constraint)| (user.to_owned(), constraint));
        assert_eq!(seen, expected, "{list:?} {allowed:?}");
    }
    let associated = &[
        "impersonate-on:associated-node:list configmaps ns/",
        "impersonate:associated-node nodes /*",
    ];
    let own = impersonate(&agent, &[("Impersonate-User", "system:node:n1")], associated).await;
    assert_eq!(own.unwrap().1, "impersonate:associated-node");
    assert!(
        impersonate(&agent, &[("Impersonate-User", "system:node:n2")], associated)
            .await
            .is_err()
    );
}

async fn impersonate(
    requestor: &UserInfo,
    list: &[(&str, &str)],
    allowed: &'static [&'static str],
) -> Result<(String, &'static str), String> {
    let mut headers = headers(list);
    let wanted = wanted_user(&mut headers).unwrap().unwrap();
    assert!(headers.is_empty());
    let attributes = Attributes {
        namespace: "ns",
        ..Attributes::resource(requestor, "list", "", "v1", "configmaps")
    };
    let filter = Impersonation::new(Arc::new(Listed(allowed)), true);
    match filter.check(&wanted, &attributes).await {
        Ok(seen) => Ok((
            format!("{}: {}", seen.user.name, seen.user.groups.join(" ")),
            seen.constraint,
        )),
        Err(error) => Err(error.into_status().message),
    }
}

#[test]
fn impersonation_needs_a_user() {
    let mut group = headers(&[("Impersonate-Group", "team")]);
    let status = wanted_user(&mut group).unwrap_err().into_status();
    assert_eq!(
        (status.code, status.message.as_str()),
        (
            400,
            "requested &user.DefaultInfo{Name:\"\", UID:\"\", Groups:[]string{\"team\"}, \
             Extra:map[string][]string(nil)} without impersonating a user name"
        )
    );
    assert_eq!(wanted_user(&mut headers(&[("accept", "x")])), Ok(None));
}

struct Keys(Vec<PublicKey>);

#[async_trait]
impl IssuerKeys for Keys {
    async fn keys(&self, _refresh: bool) -> Result<Arc<Vec<PublicKey>>, String> {
        Ok(Arc::new(self.0.clone()))
    }
}

#[tokio::test]
async fn tokens_of_foreign_issuers() {
    let pair = KeyPair::generate().unwrap();
    let key = SigningKey::from_pem(pair.serialize_pem().as_bytes()).unwrap();
    let configuration: config::AuthenticationConfiguration = serde_json::from_value(json!({"jwt": [{
        "issuer": {"url": "https://issuer", "audiences": ["app"]},
        "claimValidationRules": [{"claim": "hd", "requiredValue": "acme.com"}],
        "claimMappings": {
            "username": {"claim": "email", "prefix": "oidc:"},
            "groups": {"claim": "roles", "prefix": ""},
            "uid": {"claim": "sub"},
        },
    }]}))
    .unwrap();
    assert_eq!(config::validate(&configuration, &[]).into_iter().count(), 0);
    let issuers = JwtIssuers::default();
    let issuer = |algorithm| {
        let keys = Arc::new(Keys(vec![key.public().clone()]));
        JwtIssuer::new(configuration.jwt[0].clone(), vec![algorithm], keys)
    };
    issuers.replace(vec![issuer(Algorithm::Es256)]);
    let now = NumericDate::from(SystemTime::now()).0;
    let base = json!({
        "iss": "https://issuer", "aud": "app", "exp": now + 60, "sub": "1", "email": "a@acme.com",
        "email_verified": true, "roles": ["r"], "hd": "acme.com",
    });
    let token = |change: serde_json::Value| {
        let mut claims = base.clone();
        claims
            .as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        sign(&key, &claims).unwrap()
    };
    let cases = [
        (json!({}), Ok(Some("oidc:a@acme.com"))),
        (
            json!({"aud": ["x", "app"], "email_verified": null}),
            Ok(Some("oidc:a@acme.com")),
        ),
        (json!({"iss": "https://other"}), Ok(None)),
        (
            json!({"aud": "x"}),
            Err(r#"oidc: verify token: oidc: expected audience in ["app"] got ["x"]"#),
        ),
        (
            json!({"exp": now - 1}),
            Err("oidc: verify token: oidc: token is expired"),
        ),
        (json!({"exp": null}), Err("oidc: verify token: oidc: token is expired")),
        (json!({"email_verified": false}), Err("oidc: email not verified")),
        (
            json!({"email": null}),
            Err(r#"oidc: parse username claims "email": claim not present"#),
        ),
        (
            json!({"hd": null}),
            Err("oidc: required claim hd not present in ID token"),
        ),
        (
            json!({"hd": "evil.com"}),
            Err("oidc: required claim hd value does not match. Got = evil.com, want = acme.com"),
        ),
    ];
    for (change, expected) in cases {
        let seen = issuers
            .authenticate_token(&token(change.clone()), &[], SystemTime::now())
            .await;
        let name = seen
            .map(|found| found.map(|response| response.user.name.clone()))
            .map_err(|error| error.to_string());
        let expected = expected.map(|name| name.map(str::to_owned)).map_err(str::to_owned);
        assert_eq!(name, expected, "{change}");
    }
    issuers.replace(vec![issuer(Algorithm::Rs256)]);
    let error = issuers
        .authenticate_token(&token(json!({})), &[], SystemTime::now())
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "oidc: verify token: oidc: id token signed with unsupported algorithm"
    );
}

#[test]
fn authentication_configuration_is_checked() {
    let configuration: config::AuthenticationConfiguration = serde_json::from_value(json!({
        "jwt": [
            {"issuer": {"url": "http://u:p@issuer?q#f", "audiences": []}, "claimMappings": {"username": {"claim": "sub"}}},
            {"issuer": {"url": "https://own", "audiences": ["a", "a"]},
             "claimValidationRules": [{}, {"expression": "true"}],
             "claimMappings": {"username": {"expression": "x"}, "extra": [{"key": "k", "valueExpression": "v"}]}},
        ],
        "anonymous": {"enabled": false, "conditions": [{"path": "/healthz"}]},
    }))
    .unwrap();
    let errors: Vec<_> = config::validate(&configuration, &["https://own".to_owned()])
        .into_iter()
        .map(|error| error.to_string())
        .collect();
    assert_eq!(
        errors,
        [
            r#"jwt[0].issuer.url: Invalid value: "http://u:p@issuer?q#f": URL scheme must be https"#,
            r#"jwt[0].issuer.url: Invalid value: "http://u:p@issuer?q#f": URL must not contain a username or password"#,
            r#"jwt[0].issuer.url: Invalid value: "http://u:p@issuer?q#f": URL must not contain a query"#,
            r#"jwt[0].issuer.url: Invalid value: "http://u:p@issuer?q#f": URL must not contain a fragment"#,
            "jwt[0].issuer.audiences: Required value: at least one jwt[0].issuer.audiences is required",
            "jwt[0].claimMappings.username.prefix: Required value: prefix is required when claim is set. It can be set to an empty string to disable prefixing",
            r#"jwt[1].issuer.url: Invalid value: "https://own": URL must not overlap with disallowed issuers: [https://own]"#,
            r#"jwt[1].issuer.audiences[1]: Duplicate value: "a""#,
            r#"jwt[1].issuer.audienceMatchPolicy: Invalid value: "": audienceMatchPolicy must be MatchAny for multiple audiences"#,
            "jwt[1].claimValidationRules[0]: Required value: claim or expression is required",
            "jwt[1].claimValidationRules[1].expression: Forbidden: expressions are not supported by this server",
            "jwt[1].claimMappings.username.expression: Forbidden: expressions are not supported by this server",
            "jwt[1].claimMappings.extra[0].valueExpression: Forbidden: expressions are not supported by this server",
            r#"anonymous.conditions: Invalid value: [{"path":"/healthz"}]: enabled should be set to true when conditions are defined"#,
        ]
    );
}
