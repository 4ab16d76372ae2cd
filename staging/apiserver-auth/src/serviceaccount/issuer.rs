//! Issuing tokens: what the subresource `serviceaccounts/token` does
//! (upstream: `pkg/registry/core/serviceaccount/storage/token.go`).

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use apimachinery::{
    field::{Error, ErrorList, Path},
    status::{GroupResource, StatusError},
};
use k8s_api::{
    authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestStatus},
    core::v1::{Pod, ServiceAccount},
    primitives::{Time, quote},
};

use super::{Claims, ISSUED_CREDENTIAL_ID, KubernetesClaims, NumericDate, Reference, ServiceAccountLookup, username};
use crate::jose::{SigningKey, sign};

const KIND: GroupResource<'static> = GroupResource::new("authentication.k8s.io", "TokenRequest");
/// Shortest life of a token.
const MINIMUM_SECONDS: i64 = 600;
/// Life of a token when the request names none.
const DEFAULT_SECONDS: i64 = 3600;
/// The life that kubelets ask for when nobody set one: such tokens may live on for a year, with warnings.
const WARN_ONLY_SECONDS: i64 = 3607;
/// How long those live.
const EXTENDED_SECONDS: i64 = 365 * 24 * 3600;

/// How tokens are issued.
#[derive(Clone, Debug, Default)]
pub struct TokenIssuerSettings {
    /// `iss`: the first of `--service-account-issuer`.
    pub issuer: String,
    /// Audiences of tokens whose request names none: the API's own.
    pub audiences: Vec<String>,
    /// Longest life; zero for no limit (`--service-account-max-token-expiration`).
    pub max_expiration: Duration,
    /// Whether kubelets' tokens outlive their time (`--service-account-extend-token-expiration`).
    pub extend_expiration: bool,
}

/// Issues tokens.
pub struct TokenIssuer {
    key: SigningKey,
    settings: TokenIssuerSettings,
    lookup: Arc<dyn ServiceAccountLookup>,
}

/// A token request that was answered.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The answer; its status holds the token.
    pub request: TokenRequest,
    /// Warnings for the client.
    pub warnings: Vec<String>,
    /// Annotations for the request's audit event.
    pub annotations: Vec<(String, String)>,
}

/// What a token is bound to.
#[derive(Default)]
struct Binding {
    pod: Option<Reference>,
    node: Option<Reference>,
    secret: Option<Reference>,
}

fn invalid(name: &str, error: Error) -> StatusError {
    let mut errors = ErrorList::new();
    errors.push(error);
    StatusError::invalid(KIND, name, &errors)
}

fn found<T>(object: Option<Arc<T>>, resource: &str, name: &str) -> Result<Arc<T>, StatusError> {
    object.ok_or_else(|| StatusError::not_found(GroupResource::new("", resource), name))
}

/// Checks a request's expiration.
///
/// # Errors
/// It is too short or too long.
fn validate(seconds: i64) -> Result<(), StatusError> {
    let spec = Path::new("spec");
    let path = spec.child("expirationSeconds");
    let detail = if seconds < MINIMUM_SECONDS {
        "may not specify a duration less than 10 minutes"
    } else if seconds > 1 << 32 {
        "may not specify a duration larger than 2^32 seconds"
    } else {
        return Ok(());
    };
    Err(invalid("", Error::invalid(&path, seconds, detail)))
}

impl TokenIssuer {
    /// Signs with `key`; the objects that tokens are bound to are looked up in `lookup`.
    #[must_use]
    pub fn new(key: SigningKey, settings: TokenIssuerSettings, lookup: Arc<dyn ServiceAccountLookup>) -> Self {
        Self { key, settings, lookup }
    }

    /// The key that verifies the tokens.
    #[must_use]
    pub fn key(&self) -> &SigningKey {
        &self.key
    }

    /// Answers a token request for the service account `namespace`/`name`.
    ///
    /// # Errors
    /// The request is invalid, or what it names does not exist or is another object by now.
    pub async fn issue(
        &self,
        namespace: &str,
        name: &str,
        mut request: TokenRequest,
        now: SystemTime,
    ) -> Result<Issued, StatusError> {
        let metadata = Path::new("metadata");
        for (field, given, expected) in [
            ("name", &request.metadata.name, name),
            ("namespace", &request.metadata.namespace, namespace),
        ] {
            if !given.is_empty() && given != expected {
                let detail = format!("must match the service account {field} if specified");
                return Err(invalid(
                    name,
                    Error::invalid(&metadata.child(field), given.as_str(), detail),
                ));
            }
        }
        let account = self.lookup.service_account(namespace, name).await?;
        let account = found(account, "serviceaccounts", name)?;
        let uid = &account.metadata.uid;
        if !request.metadata.uid.is_empty() && request.metadata.uid != *uid {
            let given = &request.metadata.uid;
            return Err(StatusError::conflict(
                KIND,
                name,
                format_args!(
                    "the UID in the token request ({given}) does not match the UID of the service account ({uid})"
                ),
            ));
        }
        request.metadata.name = account.metadata.name.clone();
        request.metadata.namespace = account.metadata.namespace.clone();
        request.metadata.uid.clone_from(uid);
        request.metadata.creation_timestamp = Some(now.into());
        request.status = TokenRequestStatus::default();
        if request.spec.audiences.is_empty() {
            request.spec.audiences.clone_from(&self.settings.audiences);
        }
        let mut seconds = request.spec.expiration_seconds.unwrap_or(DEFAULT_SECONDS);
        validate(seconds)?;

        let binding = match request.spec.bound_object_ref.as_deref() {
            Some(reference) => self.bind(reference, namespace, name).await?,
            None => Binding::default(),
        };
        let mut warnings = Vec::new();
        let limit = i64::try_from(self.settings.max_expiration.as_secs()).unwrap_or(i64::MAX);
        if limit > 0 && seconds > limit {
            warnings.push(format!(
                "requested expiration of {seconds} seconds shortened to {limit} seconds"
            ));
            seconds = limit;
        }
        request.spec.expiration_seconds = Some(seconds);
        let claims = self.claims(&account, binding, &request, seconds, now);
        let token = sign(&self.key, &claims)
            .map_err(|error| StatusError::internal_error(format_args!("failed to generate token: {error}")))?;
        request.status.token = token;
        request.status.expiration_timestamp = Some(Time::from(now).plus(Duration::from_secs(seconds.unsigned_abs())));
        Ok(Issued {
            request,
            warnings,
            annotations: vec![(ISSUED_CREDENTIAL_ID.to_owned(), format!("JTI={}", claims.jti))],
        })
    }

    fn claims(
        &self,
        account: &ServiceAccount,
        binding: Binding,
        request: &TokenRequest,
        seconds: i64,
        now: SystemTime,
    ) -> Claims {
        let now = NumericDate::from(now).0;
        let own = |audience| self.settings.audiences.contains(audience);
        let extended = self.settings.extend_expiration
            && binding.pod.is_some()
            && seconds == WARN_ONLY_SECONDS
            && request.spec.audiences.iter().all(own);
        // A lower limit on requested lives does not shorten the extension: a kubelet did not ask for it.
        let life = if extended { EXTENDED_SECONDS } else { seconds };
        let metadata = &account.metadata;
        Claims {
            aud: request.spec.audiences.clone(),
            exp: Some(NumericDate(now + life)),
            iat: Some(NumericDate(now)),
            iss: self.settings.issuer.clone(),
            jti: uuid::Uuid::new_v4().to_string(),
            kubernetes: Some(KubernetesClaims {
                namespace: metadata.namespace.clone(),
                node: binding.node,
                pod: binding.pod,
                secret: binding.secret,
                serviceaccount: Reference {
                    name: metadata.name.clone(),
                    uid: metadata.uid.clone(),
                },
                warnafter: extended.then_some(NumericDate(now + seconds)),
            }),
            nbf: Some(NumericDate(now)),
            sub: username(&metadata.namespace, &metadata.name),
            ..Claims::default()
        }
    }

    async fn bind(
        &self,
        reference: &BoundObjectReference,
        namespace: &str,
        account: &str,
    ) -> Result<Binding, StatusError> {
        let (group, version) = reference
            .api_version
            .split_once('/')
            .unwrap_or(("", &reference.api_version));
        let name = &reference.name;
        let mut binding = Binding::default();
        let bound = match (group, reference.kind.as_str()) {
            ("", "Pod") => {
                let pod = found(self.lookup.pod(namespace, name).await?, "pods", name)?;
                if pod.spec.service_account_name != account {
                    return Err(StatusError::bad_request(format!(
                        "cannot bind token for serviceaccount {} to pod running with different serviceaccount name.",
                        quote(account)
                    )));
                }
                binding.node = self.node_of(&pod).await?;
                binding.pod.insert(reference_to(name, &pod.metadata.uid))
            }
            ("", "Node") => {
                let node = found(self.lookup.node(name).await?, "nodes", name)?;
                binding.node.insert(reference_to(name, &node.metadata.uid))
            }
            ("", "Secret") => {
                let secret = found(self.lookup.secret(namespace, name).await?, "secrets", name)?;
                binding.secret.insert(reference_to(name, &secret.metadata.uid))
            }
            (group, kind) => {
                return Err(StatusError::bad_request(format!(
                    "cannot bind token to object of type {group}/{version}, Kind={kind}"
                )));
            }
        };
        if !reference.uid.is_empty() && bound.uid != reference.uid {
            return Err(StatusError::conflict(
                GroupResource::new(group, &reference.kind),
                name,
                format_args!(
                    "the UID in the bound object reference ({}) does not match the UID in record. The object might \
                     have been deleted and then recreated",
                    reference.uid
                ),
            ));
        }
        Ok(binding)
    }

    /// The node on which a pod runs; by name alone if the node's object does not exist.
    async fn node_of(&self, pod: &Pod) -> Result<Option<Reference>, StatusError> {
        let name = &pod.spec.node_name;
        if name.is_empty() {
            return Ok(None);
        }
        let node = self.lookup.node(name).await.map_err(StatusError::internal_error)?;
        let uid = node.map(|node| node.metadata.uid.clone()).unwrap_or_default();
        Ok(Some(reference_to(name, &uid)))
    }
}

fn reference_to(name: &str, uid: &str) -> Reference {
    Reference {
        name: name.to_owned(),
        uid: uid.to_owned(),
    }
}
