//! Forged, expired, foreign and mangled tokens.

use std::time::{Duration, SystemTime};

use apiserver_auth::{
    jose::{SigningKey, sign},
    serviceaccount::{Claims, KubernetesClaims, NumericDate, Reference},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rcgen::KeyPair;
use serde_json::{Value, json};

use super::{
    expect,
    harness::{ISSUER, Server},
};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

fn after(seconds: i64) -> Option<NumericDate> {
    let now = NumericDate::from(SystemTime::now());
    Some(NumericDate(now.0 + seconds))
}

fn claims(account: &Value) -> Claims {
    Claims {
        iss: ISSUER.to_owned(),
        aud: vec![ISSUER.to_owned()],
        sub: "system:serviceaccount:default:robot".to_owned(),
        exp: after(3600),
        iat: after(0),
        nbf: after(0),
        kubernetes: Some(KubernetesClaims {
            namespace: "default".to_owned(),
            serviceaccount: Reference {
                name: "robot".to_owned(),
                uid: account["metadata"]["uid"].as_str().unwrap().to_owned(),
            },
            ..KubernetesClaims::default()
        }),
        ..Claims::default()
    }
}

/// The token with another header.
fn reheaded(token: &str, header: &Value) -> String {
    let (_, rest) = token.split_once('.').unwrap();
    format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string()))
}

fn signed_by_public_key(server: &Server, claims: &Claims) -> String {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256"}"#);
    let text = format!(
        "{header}.{}",
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(claims).unwrap())
    );
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &server.public_pem);
    let tag = aws_lc_rs::hmac::sign(&key, text.as_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(tag))
}

pub(crate) async fn attempt(server: &Server) {
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "robot"}});
    let account = server.make("/api/v1/namespaces/default/serviceaccounts", account).await;
    let good = claims(&account);
    let token = |claims: &Claims| sign(&server.signer, claims).unwrap();
    // What is good is let in, or the refusals below would mean nothing.
    expect(
        "a good token",
        &server.get(&token(&good), MAPS).await,
        403,
        "system:serviceaccount:default:robot",
    );

    let stranger = SigningKey::from_pem(KeyPair::generate().unwrap().serialize_pem().as_bytes()).unwrap();
    let genuine = token(&good);
    let (signed, signature) = genuine.rsplit_once('.').unwrap();
    let mut promoted = good.clone();
    promoted.sub = "system:serviceaccount:kube-system:admin".to_owned();
    let other_payload = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&promoted).unwrap());
    let swapped = format!("{}.{other_payload}.{signature}", signed.split('.').next().unwrap());
    let unsigned = reheaded(&format!("{signed}."), &json!({"alg": "none"}));
    let with = |change: fn(&mut Claims)| {
        let mut claims = good.clone();
        change(&mut claims);
        token(&claims)
    };
    let attempts = [
        ("a token signed by a stranger's key", sign(&stranger, &good).unwrap()),
        ("a token whose payload was exchanged", swapped),
        ("alg none", unsigned),
        (
            "alg none in another spelling",
            reheaded(&format!("{signed}."), &json!({"alg": "nOnE"})),
        ),
        (
            "HS256 with the public key as the secret",
            signed_by_public_key(server, &good),
        ),
        (
            "another algorithm in the header",
            reheaded(&genuine, &json!({"alg": "RS256"})),
        ),
        (
            "a key identifier that nobody has",
            reheaded(&genuine, &json!({"alg": "ES256", "kid": "../../etc/passwd"})),
        ),
        ("an expired token", with(|claims| claims.exp = after(-120))),
        ("a token from the future", with(|claims| claims.nbf = after(600))),
        (
            "a token for another audience",
            with(|claims| claims.aud = vec!["vault".to_owned()]),
        ),
        (
            "a token of another issuer",
            with(|claims| claims.iss = "https://evil.example".to_owned()),
        ),
        (
            "a token of an account with another identifier",
            with(|claims| claims.kubernetes.as_mut().unwrap().serviceaccount.uid = "0".to_owned()),
        ),
        (
            "a token bound to a pod that is gone",
            with(|claims| {
                claims.kubernetes.as_mut().unwrap().pod = Some(Reference {
                    name: "gone".to_owned(),
                    uid: "1".to_owned(),
                });
            }),
        ),
        ("a static token with one letter changed", "admintokeN".to_owned()),
        (
            "a bootstrap token where they are off",
            "abcdef.0123456789abcdef".to_owned(),
        ),
    ];
    for (attempt, token) in attempts {
        expect(attempt, &server.get(&token, MAPS).await, 401, "Unauthorized");
        // Nor does a bad credential become nobody's on a path that everybody may see.
        expect(attempt, &server.get(&token, "/version").await, 401, "Unauthorized");
    }

    let raw = |headers: &'static [&'static str], target: &'static str| server.send(None, "GET", target, headers, "");
    let anonymous = r#"User \"system:anonymous\" cannot list"#;
    expect(
        "a token in the query",
        &raw(&[], "/api/v1/secrets?access_token=querytoken").await,
        403,
        anonymous,
    );
    expect(
        "basic authentication",
        &raw(&["Authorization: Basic YWRtaW46YWRtaW4="], MAPS).await,
        403,
        anonymous,
    );
    let spaced = raw(&["Authorization: Bearer  admintoken"], MAPS).await;
    expect("a token behind two spaces", &spaced, 403, anonymous);
    assert!(spaced.head.to_lowercase().contains("warning: 299"), "{spaced:?}");
    let twice = &["Authorization: Bearer alicetoken", "Authorization: Bearer admintoken"];
    expect(
        "two tokens",
        &raw(twice, MAPS).await,
        403,
        r#"User \"alice\" cannot list"#,
    );

    // Gone with the account, once the cached answer is: a token that was never seen before.
    let path = "/api/v1/namespaces/default/serviceaccounts/robot";
    assert_eq!(server.with_token("admintoken", "DELETE", path, None).await.status, 200);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let late = with(|claims| claims.jti = "late".to_owned());
    expect(
        "a token of a deleted account",
        &server.get(&late, MAPS).await,
        401,
        "Unauthorized",
    );
}
