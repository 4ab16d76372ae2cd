//! The records as they lie on the disk, in upstream's form (`kubelet.config.k8s.io/v1beta1`).

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::SystemTime;

use k8s_api::primitives::Time;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const API_VERSION: &str = "kubelet.config.k8s.io/v1beta1";
/// What an earlier kubelet may have written; its fields are the same.
const EARLIER_API_VERSION: &str = "kubelet.config.k8s.io/v1alpha1";

/// A secret that an image was pulled with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PullSecret {
    /// Its uid.
    #[serde(default)]
    pub uid: String,
    /// Its namespace.
    #[serde(default)]
    pub namespace: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// The SHA-256 of the credential in it, in hexadecimal.
    #[serde(default)]
    pub credential_hash: String,
}

impl PullSecret {
    /// Where it lies, which stays the same when its contents change.
    fn place(&self) -> (&str, &str, &str) {
        (&self.namespace, &self.name, &self.uid)
    }

    /// How far this is the secret of a record.
    pub(super) fn matches(&self, held: &Self) -> Match {
        let same_contents = !held.credential_hash.is_empty() && self.credential_hash == held.credential_hash;
        match (self.place() == held.place(), same_contents) {
            (true, true) => Match::Exact,
            (false, true) => Match::Contents,
            (true, false) => Match::Place,
            (false, false) => Match::None,
        }
    }
}

/// How far two secrets are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Match {
    /// Not at all.
    None,
    /// The same secret with other contents.
    Place,
    /// Another secret of the same contents.
    Contents,
    /// In place and contents.
    Exact,
}

/// A service account whose token a credential provider was given; upstream's kubelets write these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PullServiceAccount {
    #[serde(default)]
    uid: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    name: String,
}

/// By what an image was pulled under one name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct Credentials {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) kubernetes_secrets: Vec<PullSecret>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) kubernetes_service_accounts: Vec<PullServiceAccount>,
    /// Every pod of the node may use it: it was pulled without a credential, or with one of the node's own.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) node_pods_accessible: bool,
}

impl Credentials {
    /// Of one pull.
    pub(super) fn of_pull(secret: Option<&PullSecret>) -> Self {
        Self {
            node_pods_accessible: secret.is_none(),
            kubernetes_secrets: secret.into_iter().cloned().collect(),
            ..Self::default()
        }
    }

    /// Adds what is known now; tells whether that is anything new.
    fn merge(&mut self, more: Self) -> bool {
        if self.node_pods_accessible {
            return false;
        }
        if more.node_pods_accessible {
            *self = more;
            return true;
        }
        let mut changed = false;
        for secret in more.kubernetes_secrets {
            match self
                .kubernetes_secrets
                .iter_mut()
                .find(|it| it.place() == secret.place())
            {
                Some(held) if *held == secret => continue,
                Some(held) => *held = secret,
                None => self.kubernetes_secrets.push(secret),
            }
            changed = true;
        }
        self.kubernetes_secrets.sort_by(|a, b| a.place().cmp(&b.place()));
        changed
    }
}

/// That an image was pulled by a kubelet of this node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PulledRecord {
    kind: PulledKind,
    #[serde(deserialize_with = "version")]
    api_version: String,
    #[serde(serialize_with = "write_time", deserialize_with = "read_time")]
    pub(super) last_updated_time: Time,
    /// The image as the runtime names it.
    pub(super) image_ref: String,
    /// By the image's name in pods, without tag and digest.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) credential_mapping: BTreeMap<String, Credentials>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum PulledKind {
    ImagePulledRecord,
}

impl PulledRecord {
    pub(super) fn new(image_ref: &str) -> Self {
        Self {
            kind: PulledKind::ImagePulledRecord,
            api_version: API_VERSION.to_owned(),
            last_updated_time: SystemTime::now().into(),
            image_ref: image_ref.to_owned(),
            credential_mapping: BTreeMap::new(),
        }
    }

    /// Adds what an image of this name was pulled with; tells whether that is anything new.
    pub(super) fn add(&mut self, name: &str, more: Credentials) -> bool {
        let changed = match self.credential_mapping.get_mut(name) {
            Some(held) => held.merge(more),
            None => {
                self.credential_mapping.insert(name.to_owned(), more);
                true
            }
        };
        if changed {
            self.last_updated_time = SystemTime::now().into();
        }
        changed
    }
}

/// That an image is about to be pulled: if nothing else is known of it, it was not on the node before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PullIntent {
    kind: IntentKind,
    #[serde(deserialize_with = "version")]
    api_version: String,
    /// The image as the pod names it.
    pub(super) image: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum IntentKind {
    ImagePullIntent,
}

impl PullIntent {
    pub(super) fn new(image: &str) -> Self {
        Self {
            kind: IntentKind::ImagePullIntent,
            api_version: API_VERSION.to_owned(),
            image: image.to_owned(),
        }
    }
}

/// Either version; written again it is the present one.
fn version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let found = String::deserialize(deserializer)?;
    if found == API_VERSION || found == EARLIER_API_VERSION {
        return Ok(API_VERSION.to_owned());
    }
    Err(D::Error::custom(format!("unknown version {found:?}")))
}

fn write_time<S: Serializer>(time: &Time, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

fn read_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
    match Option::<String>::deserialize(deserializer)? {
        None => Ok(Time::ZERO),
        Some(text) => Time::from_str(&text).map_err(D::Error::custom),
    }
}
