//! Tokens are issued, recognized, and end with what they are bound to.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use apimachinery::status::StatusError;
use arc_swap::ArcSwap;
use async_trait::async_trait;
use k8s_api::{
    authentication::v1::TokenRequest,
    core::v1::{Node, Pod, Secret, ServiceAccount},
    object::Kind,
};
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::{
    Claims, Discovery, DiscoveryError, Issued, LEGACY_ISSUER, LegacyTokens, NumericDate, ServiceAccountLookup,
    ServiceAccountTokens, TokenIssuer, TokenIssuerSettings, matches_username, split_username,
};
use crate::{
    authentication::TokenAuthenticator,
    jose::{SigningKey, Token, sign},
};

const ISSUER: &str = "https://kubernetes.default.svc";

/// Objects by `resource/namespace/name`.
#[derive(Default)]
struct Objects(Mutex<HashMap<String, Value>>);

impl Objects {
    fn get<T: Kind>(&self, key: String) -> Option<Arc<T>> {
        self.0
            .lock()
            .get(&key)
            .map(|value| Arc::new(T::from_value(value.clone()).unwrap()))
    }

    fn set(&self, key: &str, mut value: Value) {
        let (rest, name) = key.rsplit_once('/').unwrap();
        let namespace = rest.split_once('/').unwrap().1;
        value["metadata"]["name"] = json!(name);
        value["metadata"]["namespace"] = json!(namespace);
        self.0.lock().insert(key.to_owned(), value);
    }
}

#[async_trait]
impl ServiceAccountLookup for Objects {
    async fn service_account(&self, namespace: &str, name: &str) -> Result<Option<Arc<ServiceAccount>>, StatusError> {
        Ok(self.get(format!("sa/{namespace}/{name}")))
    }

    async fn pod(&self, namespace: &str, name: &str) -> Result<Option<Arc<Pod>>, StatusError> {
        Ok(self.get(format!("pod/{namespace}/{name}")))
    }

    async fn secret(&self, namespace: &str, name: &str) -> Result<Option<Arc<Secret>>, StatusError> {
        Ok(self.get(format!("secret/{namespace}/{name}")))
    }

    async fn node(&self, name: &str) -> Result<Option<Arc<Node>>, StatusError> {
        Ok(self.get(format!("node//{name}")))
    }
}

fn objects() -> Arc<Objects> {
    let objects = Objects::default();
    objects.set("sa/ns/bot", json!({"metadata": {"uid": "sa-1"}}));
    objects.set(
        "pod/ns/p",
        json!({"metadata": {"uid": "pod-1"}, "spec": {"serviceAccountName": "bot", "nodeName": "n", "containers": []}}),
    );
    objects.set(
        "pod/ns/other",
        json!({"metadata": {"uid": "pod-2"}, "spec": {"serviceAccountName": "x", "containers": []}}),
    );
    objects.set("node//n", json!({"metadata": {"uid": "node-1"}}));
    objects.set("secret/ns/s", json!({"metadata": {"uid": "secret-1"}}));
    Arc::new(objects)
}

fn signing_key() -> SigningKey {
    let pair = rcgen::KeyPair::generate().unwrap();
    SigningKey::from_pem(pair.serialize_pem().as_bytes()).unwrap()
}

fn issuer(objects: &Arc<Objects>) -> TokenIssuer {
    let settings = TokenIssuerSettings {
        issuer: ISSUER.to_owned(),
        audiences: vec![ISSUER.to_owned()],
        max_expiration: Duration::ZERO,
        extend_expiration: true,
    };
    TokenIssuer::new(signing_key(), settings, objects.clone())
}

fn authenticator(issuer: &TokenIssuer, objects: &Arc<Objects>) -> ServiceAccountTokens {
    let keys = Arc::new(ArcSwap::from_pointee(vec![issuer.key().public().clone()]));
    let own = vec![ISSUER.to_owned()];
    ServiceAccountTokens::new(own.clone(), keys, own, objects.clone())
}

async fn issue(issuer: &TokenIssuer, spec: Value, now: SystemTime) -> Result<Issued, StatusError> {
    let request = TokenRequest::from_value(json!({"spec": spec})).unwrap();
    issuer.issue("ns", "bot", request, now).await
}

fn bound(kind: &str, name: &str) -> Value {
    json!({"boundObjectRef": {"kind": kind, "apiVersion": "v1", "name": name}})
}

/// The user of a token, or why there is none.
async fn user(tokens: &dyn TokenAuthenticator, token: &str, now: SystemTime) -> Result<Value, String> {
    match tokens.authenticate_token(token, &[ISSUER.to_owned()], now).await {
        Ok(Some(found)) => {
            let mut extra = json!(found.user.extra);
            extra
                .as_object_mut()
                .unwrap()
                .remove("authentication.kubernetes.io/credential-id");
            Ok(json!({"name": found.user.name, "uid": found.user.uid, "extra": extra}))
        }
        Ok(None) => Ok(Value::Null),
        Err(error) => Err(error.to_string()),
    }
}

#[tokio::test]
async fn tokens_say_what_they_are_bound_to() {
    let objects = objects();
    let issuer = issuer(&objects);
    let tokens = authenticator(&issuer, &objects);
    let now = SystemTime::now();
    let key = |name: &str| format!("authentication.kubernetes.io/{name}");
    let cases = [
        (json!({}), json!({})),
        (
            bound("Pod", "p"),
            json!({key("pod-name"): ["p"], key("pod-uid"): ["pod-1"], key("node-name"): ["n"], key("node-uid"): ["node-1"]}),
        ),
        (bound("Secret", "s"), json!({})),
        (
            bound("Node", "n"),
            json!({key("node-name"): ["n"], key("node-uid"): ["node-1"]}),
        ),
    ];
    for (spec, extra) in cases {
        let issued = issue(&issuer, spec.clone(), now).await.unwrap();
        let seen = user(&tokens, &issued.request.status.token, now).await;
        let expected = json!({"name": "system:serviceaccount:ns:bot", "uid": "sa-1", "extra": extra});
        assert_eq!(seen, Ok(expected), "{spec}");
        assert_eq!(issued.request.spec.audiences, [ISSUER]);
        assert_eq!(issued.request.spec.expiration_seconds, Some(3600));
        let id = &issued.annotations[0];
        assert!(id.0 == "authentication.kubernetes.io/issued-credential-id" && id.1.starts_with("JTI="));
    }
}

#[tokio::test]
async fn tokens_end_with_what_they_are_bound_to() {
    const GONE: &str = "service account token has been invalidated";
    let long_ago = json!("2001-01-01T00:00:00Z");
    // bound to, then what becomes of it (null: deleted) → error
    let cases = [
        (bound("Secret", "s"), "secret/ns/s", Value::Null, GONE),
        (
            bound("Secret", "s"),
            "secret/ns/s",
            json!({"metadata": {"uid": "new"}}),
            "secret UID (new) does not match service account secret ref claim (secret-1)",
        ),
        (
            bound("Secret", "s"),
            "secret/ns/s",
            json!({"metadata": {"uid": "secret-1", "deletionTimestamp": long_ago}}),
            GONE,
        ),
        (bound("Pod", "p"), "pod/ns/p", Value::Null, GONE),
        (bound("Node", "n"), "node//n", Value::Null, GONE),
        (
            json!({}),
            "sa/ns/bot",
            Value::Null,
            r#"serviceaccounts "bot" not found"#,
        ),
        (
            json!({}),
            "sa/ns/bot",
            json!({"metadata": {"uid": "new"}}),
            "service account UID (new) does not match claim (sa-1)",
        ),
        (
            json!({}),
            "sa/ns/bot",
            json!({"metadata": {"uid": "sa-1", "deletionTimestamp": long_ago}}),
            "service account ns/bot has been deleted",
        ),
    ];
    let now = SystemTime::now();
    for (spec, object, becomes, expected) in cases {
        let objects = objects();
        let issuer = issuer(&objects);
        let token = issue(&issuer, spec, now).await.unwrap().request.status.token;
        let tokens = authenticator(&issuer, &objects);
        assert!(user(&tokens, &token, now).await.is_ok());
        if becomes.is_null() {
            objects.0.lock().remove(object);
        } else {
            objects.set(object, becomes);
        }
        assert_eq!(user(&tokens, &token, now).await, Err(expected.to_owned()), "{object}");
    }
    // The node of a pod's token is only told, and may go.
    let objects = objects();
    let issuer = issuer(&objects);
    let token = issue(&issuer, bound("Pod", "p"), now)
        .await
        .unwrap()
        .request
        .status
        .token;
    objects.0.lock().remove("node//n");
    assert!(user(&authenticator(&issuer, &objects), &token, now).await.is_ok());
}

#[tokio::test]
async fn times_audiences_and_issuers() {
    let objects = objects();
    let issuer = issuer(&objects);
    let tokens = authenticator(&issuer, &objects);
    let now = SystemTime::now();
    let token = issue(&issuer, json!({"expirationSeconds": 600}), now)
        .await
        .unwrap()
        .request
        .status
        .token;
    let after = |seconds| now + Duration::from_secs(seconds);
    assert!(user(&tokens, &token, after(659)).await.is_ok());
    assert_eq!(
        user(&tokens, &token, after(662)).await,
        Err("service account token has expired".to_owned())
    );
    assert_eq!(
        user(&tokens, &token, now - Duration::from_secs(62)).await,
        Err("service account token is not valid yet".to_owned())
    );
    let elsewhere = issue(&issuer, json!({"audiences": ["elsewhere"]}), now)
        .await
        .unwrap()
        .request
        .status
        .token;
    assert_eq!(
        user(&tokens, &elsewhere, now).await,
        Err(format!(
            "token audiences [\"elsewhere\"] is invalid for the target audiences [\"{ISSUER}\"]"
        ))
    );
    let asked = ["elsewhere".to_owned()];
    let found = tokens
        .authenticate_token(&elsewhere, &asked, now)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.audiences, asked);

    // Another server's key, and another issuer's name under our key.
    let stranger = TokenIssuer::new(
        signing_key(),
        TokenIssuerSettings {
            issuer: ISSUER.to_owned(),
            ..Default::default()
        },
        objects.clone(),
    );
    let forged = issue(&stranger, json!({}), now).await.unwrap().request.status.token;
    assert_eq!(
        user(&tokens, &forged, now).await,
        Err("invalid signature, no keys found".to_owned())
    );
    let foreign = sign(issuer.key(), &json!({"iss": "https://other", "sub": "x"})).unwrap();
    assert_eq!(user(&tokens, &foreign, now).await, Ok(Value::Null));
    // A changed claim breaks the signature.
    let (head, tail) = token.rsplit_once('.').unwrap();
    let (header, _) = head.split_once('.').unwrap();
    let other = issue(&issuer, json!({}), now).await.unwrap().request.status.token;
    let payload = other.split('.').nth(1).unwrap();
    assert_eq!(
        user(&tokens, &format!("{header}.{payload}.{tail}"), now).await,
        Err("square/go-jose: error in cryptographic primitive".to_owned())
    );
}

#[tokio::test]
async fn kubelets_tokens_live_on_with_a_note() {
    let objects = objects();
    let issuer = issuer(&objects);
    let tokens = authenticator(&issuer, &objects);
    let now = SystemTime::now();
    let mut spec = bound("Pod", "p");
    spec["expirationSeconds"] = json!(3607);
    let issued = issue(&issuer, spec, now).await.unwrap();
    let token = &issued.request.status.token;
    let claims: Claims = Token::parse(token).unwrap().unverified_claims().unwrap();
    let start = NumericDate::from(now).0;
    assert_eq!(claims.exp, Some(NumericDate(start + 365 * 24 * 3600)));
    assert_eq!(claims.kubernetes.unwrap().warnafter, Some(NumericDate(start + 3607)));
    assert_eq!(
        issued.request.status.expiration_timestamp.unwrap().unix_seconds(),
        start + 3607
    );
    let late = tokens
        .authenticate_token(token, &[], now + Duration::from_secs(3617))
        .await
        .unwrap()
        .unwrap();
    let note = "subject: system:serviceaccount:ns:bot, seconds after warning threshold: 10";
    assert_eq!(
        late.annotations,
        [("authentication.k8s.io/stale-token".to_owned(), note.to_owned())]
    );
}

#[tokio::test]
async fn refused_token_requests() {
    let objects = objects();
    let issuer = issuer(&objects);
    let cases = [
        (
            json!({"expirationSeconds": 599}),
            422,
            "TokenRequest.authentication.k8s.io \"\" is invalid: spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes",
        ),
        (
            json!({"expirationSeconds": 4_294_967_297_i64}),
            422,
            "TokenRequest.authentication.k8s.io \"\" is invalid: spec.expirationSeconds: Invalid value: 4294967297: may not specify a duration larger than 2^32 seconds",
        ),
        (bound("Pod", "none"), 404, "pods \"none\" not found"),
        (
            bound("Pod", "other"),
            400,
            "cannot bind token for serviceaccount \"bot\" to pod running with different serviceaccount name.",
        ),
        (
            bound("ConfigMap", "c"),
            400,
            "cannot bind token to object of type /v1, Kind=ConfigMap",
        ),
        (
            json!({"boundObjectRef": {"kind": "Secret", "apiVersion": "v1", "name": "s", "uid": "old"}}),
            409,
            "Operation cannot be fulfilled on Secret \"s\": the UID in the bound object reference (old) does not match the UID in record. The object might have been deleted and then recreated",
        ),
    ];
    for (spec, code, message) in cases {
        let status = issue(&issuer, spec, SystemTime::now()).await.unwrap_err().into_status();
        assert_eq!((status.code, status.message.as_str()), (code, message));
    }
    let request = |metadata: Value| TokenRequest::from_value(json!({"metadata": metadata, "spec": {}})).unwrap();
    let now = SystemTime::now();
    let named = issuer
        .issue("ns", "bot", request(json!({"name": "x"})), now)
        .await
        .unwrap_err();
    assert_eq!(
        named.into_status().message,
        "TokenRequest.authentication.k8s.io \"bot\" is invalid: metadata.name: Invalid value: \"x\": must match the service account name if specified"
    );
    let other = issuer
        .issue("ns", "bot", request(json!({"uid": "x"})), now)
        .await
        .unwrap_err();
    assert!(other.is_conflict());
    assert!(
        issuer
            .issue("ns", "none", request(json!({})), now)
            .await
            .unwrap_err()
            .is_not_found()
    );
}

#[tokio::test]
async fn a_limit_shortens_with_a_warning() {
    let objects = objects();
    let settings = TokenIssuerSettings {
        issuer: ISSUER.to_owned(),
        max_expiration: Duration::from_secs(3600),
        ..TokenIssuerSettings::default()
    };
    let issuer = TokenIssuer::new(signing_key(), settings, objects.clone());
    let issued = issue(&issuer, json!({"expirationSeconds": 7200}), SystemTime::now())
        .await
        .unwrap();
    assert_eq!(
        issued.warnings,
        ["requested expiration of 7200 seconds shortened to 3600 seconds"]
    );
    assert_eq!(issued.request.spec.expiration_seconds, Some(3600));
}

#[tokio::test]
async fn tokens_in_secrets() {
    let objects = objects();
    let key = signing_key();
    let claims = |secret: &str| Claims {
        iss: LEGACY_ISSUER.to_owned(),
        sub: "system:serviceaccount:ns:bot".to_owned(),
        legacy_namespace: "ns".to_owned(),
        legacy_name: "bot".to_owned(),
        legacy_uid: "sa-1".to_owned(),
        legacy_secret: secret.to_owned(),
        ..Claims::default()
    };
    let token = sign(&key, &claims("t")).unwrap();
    let encoded = k8s_api::primitives::ByteString::from(token.clone().into_bytes()).to_base64();
    let secret = |metadata: Value| json!({"metadata": metadata, "data": {"token": encoded}});
    objects.set("secret/ns/t", secret(json!({"uid": "t-1"})));
    let keys = Arc::new(ArcSwap::from_pointee(vec![key.public().clone()]));
    let own = vec![ISSUER.to_owned()];
    let tokens = LegacyTokens::new(keys, own, Some(objects.clone()), None);
    let now = SystemTime::now();
    let look = |token: String| {
        let tokens = &tokens;
        async move {
            tokens
                .authenticate_token(&token, &[], now)
                .await
                .map_err(|error| error.to_string())
        }
    };
    let found = look(token.clone()).await.unwrap().unwrap();
    assert_eq!(found.user.name, "system:serviceaccount:ns:bot");
    let kinds: Vec<_> = found.annotations.iter().map(|one| one.0.as_str()).collect();
    assert_eq!(
        kinds,
        [
            "authentication.k8s.io/legacy-token",
            "authentication.k8s.io/legacy-token-manual-secret"
        ]
    );

    let other = sign(
        &key,
        &Claims {
            jti: "x".to_owned(),
            ..claims("t")
        },
    )
    .unwrap();
    assert_eq!(look(other).await.unwrap_err(), "Token does not match server's copy");
    let missing = sign(&key, &claims("none")).unwrap();
    assert_eq!(look(missing).await.unwrap_err(), "Token has been invalidated");
    let nameless = sign(&key, &claims("")).unwrap();
    assert_eq!(look(nameless).await.unwrap_err(), "secretName claim is missing");
    let sub = "system:serviceaccount:kube-system:admin".to_owned();
    let confused = sign(&key, &Claims { sub, ..claims("t") }).unwrap();
    assert_eq!(look(confused).await.unwrap_err(), "sub claim is invalid");

    let label = json!({"uid": "t-1", "labels": {"kubernetes.io/legacy-token-invalid-since": "2024-01-01"}});
    objects.set("secret/ns/t", secret(label));
    let error = tokens.authenticate_token(&token, &[], now).await.unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("the token in secret ns/t for service account ns/bot has been marked invalid.")
    );
    assert_eq!(
        error.annotations,
        [(
            "authentication.k8s.io/legacy-token-invalidated".to_owned(),
            "t/ns".to_owned()
        )]
    );
}

#[test]
fn names_of_service_accounts() {
    for (name, expected) in [
        ("system:serviceaccount:ns:bot", Some(("ns", "bot"))),
        ("system:serviceaccount:ns:a:b", None),
        ("system:serviceaccount::bot", None),
        ("system:serviceaccount:ns:", None),
        ("system:serviceaccount:NS:bot", None),
        ("bot", None),
    ] {
        assert_eq!(split_username(name), expected, "{name}");
    }
    assert!(matches_username("ns", "bot", "system:serviceaccount:ns:bot"));
    assert!(!matches_username("ns", "bot", "system:serviceaccount:ns:bott"));
    assert!(!matches_username("n", "s:bot", "system:serviceaccount:ns:bot"));
}

#[test]
fn discovery_documents() {
    let key = signing_key();
    let keys = [key.public().clone()];
    let documents = Discovery::new(ISSUER, "", "10.0.0.1:6443", &keys).unwrap();
    assert_eq!(
        String::from_utf8(documents.configuration).unwrap(),
        concat!(
            r#"{"issuer":"https://kubernetes.default.svc","jwks_uri":"https://10.0.0.1:6443/openid/v1/jwks","#,
            r#""response_types_supported":["id_token"],"subject_types_supported":["public"],"#,
            r#""id_token_signing_alg_values_supported":["ES256"]}"#
        )
    );
    let set: Value = serde_json::from_slice(&documents.key_set).unwrap();
    assert_eq!(
        (&set["keys"][0]["kid"], &set["keys"][0]["use"]),
        (&json!(key.public().id()), &json!("sig"))
    );
    for (issuer, uri, address, message) in [
        ("", "", "a", "empty issuer URL"),
        (
            ISSUER,
            "",
            "",
            "either the JWKS URI or the default external address, or both, must be set",
        ),
        (
            "kubernetes/serviceaccount",
            "",
            "a",
            "issuer URL must use https scheme, got: kubernetes/serviceaccount",
        ),
        (
            "https://a?b",
            "",
            "a",
            "issuer URL may not include a query, got: https://a?b",
        ),
        (
            "https://a#b",
            "",
            "a",
            "issuer URL may not include a fragment, got: https://a#b",
        ),
        (
            ISSUER,
            "http://a/",
            "",
            "jwksURI requires https scheme, parsed as: http://a/",
        ),
    ] {
        assert_eq!(
            Discovery::new(issuer, uri, address, &keys).unwrap_err().to_string(),
            message
        );
    }
    assert_eq!(Discovery::new(ISSUER, "", "a", &[]), Err(DiscoveryError::NoKeys));
}
