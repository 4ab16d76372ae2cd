//! What stands in a service account's token.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize};

/// Issuer of the tokens that live in secrets.
pub const LEGACY_ISSUER: &str = "kubernetes/serviceaccount";

/// How far clocks may be apart.
pub(super) const LEEWAY: Duration = Duration::from_secs(60);

/// Seconds since 1970. Fractions are read and dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct NumericDate(pub i64);

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the cast saturates, and no clock reads so late"
        )]
        f64::deserialize(deserializer).map(|seconds| Self(seconds as i64))
    }
}

impl From<SystemTime> for NumericDate {
    fn from(time: SystemTime) -> Self {
        let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        Self(i64::try_from(seconds).unwrap_or(i64::MAX))
    }
}

/// A name and an identifier.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default)]
pub struct Reference {
    /// The object's name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The object's identifier.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub uid: String,
}

/// The claim `kubernetes.io`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default)]
pub struct KubernetesClaims {
    /// Namespace of the service account and of the bound pod or secret.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// The node of the bound pod, or the bound node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<Reference>,
    /// The bound pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod: Option<Reference>,
    /// The bound secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<Reference>,
    /// The service account.
    pub serviceaccount: Reference,
    /// From when on the token is stale, though it still holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warnafter: Option<NumericDate>,
}

/// The claims of a token, whichever of them it has.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default)]
pub struct Claims {
    /// For whom it is meant.
    #[serde(deserialize_with = "one_or_many", skip_serializing_if = "Vec::is_empty")]
    pub aud: Vec<String>,
    /// Until when it holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exp: Option<NumericDate>,
    /// When it was issued.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iat: Option<NumericDate>,
    /// Who issued it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub iss: String,
    /// Its own identifier.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub jti: String,
    /// The service account and what it is bound to.
    #[serde(rename = "kubernetes.io", skip_serializing_if = "Option::is_none")]
    pub kubernetes: Option<KubernetesClaims>,
    /// From when on it holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nbf: Option<NumericDate>,
    /// The user's name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sub: String,
    /// Legacy: the namespace.
    #[serde(
        rename = "kubernetes.io/serviceaccount/namespace",
        skip_serializing_if = "String::is_empty"
    )]
    pub legacy_namespace: String,
    /// Legacy: the secret that holds the token.
    #[serde(
        rename = "kubernetes.io/serviceaccount/secret.name",
        skip_serializing_if = "String::is_empty"
    )]
    pub legacy_secret: String,
    /// Legacy: the service account's name.
    #[serde(
        rename = "kubernetes.io/serviceaccount/service-account.name",
        skip_serializing_if = "String::is_empty"
    )]
    pub legacy_name: String,
    /// Legacy: the service account's identifier.
    #[serde(
        rename = "kubernetes.io/serviceaccount/service-account.uid",
        skip_serializing_if = "String::is_empty"
    )]
    pub legacy_uid: String,
}

fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Audience {
        One(String),
        Many(Vec<String>),
    }
    Ok(match Audience::deserialize(deserializer)? {
        Audience::One(audience) => vec![audience],
        Audience::Many(audiences) => audiences,
    })
}

impl Claims {
    /// Checks the times, with a minute's leeway.
    pub(crate) fn check_times(&self, now: SystemTime) -> Result<(), &'static str> {
        let now = NumericDate::from(now).0;
        let leeway = i64::try_from(LEEWAY.as_secs()).expect("a minute is few seconds");
        if self.nbf.is_some_and(|nbf| now + leeway < nbf.0) {
            return Err("service account token is not valid yet");
        }
        if self.exp.is_some_and(|exp| now - leeway > exp.0) {
            return Err("service account token has expired");
        }
        if self.iat.is_some_and(|iat| now + leeway < iat.0) {
            return Err("service account token is issued in the future");
        }
        Ok(())
    }
}
