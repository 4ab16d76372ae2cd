//! Who has pulled an image, and with what, so that a pod gets no image of another's that it could not pull itself.
//!
//! Before a pull an intent is written, and after it a record of the credential that was good; both outlast the kubelet. An
//! image that is present and of which neither is known was put there by somebody else. Where it is not known what a record
//! says, the credentials are asked for. Upstream counterpart: `pkg/kubelet/images/pullmanager`; the files are the same.

mod files;
mod record;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::Path;
use std::time::SystemTime;

use cri_client::ImageService;
use k8s_api::primitives::Time;
use kubelet_types::image::{ImageList, without_tag};
use parking_lot::Mutex;

use files::Files;
pub use record::PullSecret;
use record::{Credentials, Match, PullIntent, PulledRecord};

/// A record of so many secrets grows no more by looks, or a node of short-lived namespaces would write for ever.
const MOST_SECRETS: usize = 100;

/// Which present images a pod has to show credentials for (`imagePullCredentialsVerificationPolicy`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VerificationPolicy {
    /// None.
    NeverVerify,
    /// Those that a kubelet of this node has pulled.
    NeverVerifyPreloadedImages,
    /// All but these.
    NeverVerifyAllowlistedImages(ImageList),
    /// All.
    AlwaysVerify,
}

impl VerificationPolicy {
    /// As configured.
    ///
    /// # Errors
    /// If there is no such policy, or a pattern of the list is none.
    pub fn new(policy: &str, list: &[String]) -> Result<Self, String> {
        match policy {
            "NeverVerify" => Ok(Self::NeverVerify),
            "NeverVerifyPreloadedImages" => Ok(Self::NeverVerifyPreloadedImages),
            "NeverVerifyAllowlistedImages" => ImageList::new(list).map(Self::NeverVerifyAllowlistedImages),
            "AlwaysVerify" => Ok(Self::AlwaysVerify),
            other => Err(format!("unknown image pull credential verification policy: {other}")),
        }
    }

    fn requires(&self, image: &str, pulled_here: bool) -> bool {
        match self {
            Self::NeverVerify => false,
            Self::NeverVerifyPreloadedImages => pulled_here,
            Self::NeverVerifyAllowlistedImages(list) => !list.contains(image),
            Self::AlwaysVerify => true,
        }
    }
}

/// The records of a node.
pub struct PullRecords {
    policy: VerificationPolicy,
    intents: Files,
    pulled: Files,
    /// How many pulls of an image are under way. Held while files are read and written.
    underway: Mutex<HashMap<String, usize>>,
}

/// A pull under way. One that is cut off leaves its intent behind, since the runtime may have the image all the same.
pub(crate) struct Pull<'a> {
    records: &'a PullRecords,
    image: &'a str,
}

impl Drop for Pull<'_> {
    fn drop(&mut self) {
        let mut underway = self.records.underway.lock();
        if let Some(count) = underway.get_mut(self.image) {
            *count -= 1;
            if *count == 0 {
                underway.remove(self.image);
            }
        }
    }
}

impl Pull<'_> {
    /// The image is there, pulled with this secret; with none if every pod of the node can pull it.
    pub(crate) fn succeeded(self, image_ref: &str, secret: Option<&PullSecret>) {
        if let Err(error) = self
            .records
            .note(self.image, image_ref, Some(Credentials::of_pull(secret)))
        {
            // The intent stays, so that the image still counts as pulled here.
            tracing::error!(error, image_ref, "failed to write image pulled record");
            return;
        }
        self.end();
    }

    /// There is no image.
    pub(crate) fn failed(self) {
        self.end();
    }

    fn end(self) {
        let underway = self.records.underway.lock();
        let last = underway.get(self.image).is_none_or(|count| *count <= 1);
        if last && let Err(error) = self.records.intents.remove(self.image) {
            tracing::error!(%error, image = self.image, "failed to remove image pull intent");
        }
    }
}

impl PullRecords {
    /// Below `image_manager` in the kubelet's root directory.
    ///
    /// # Errors
    /// If a directory cannot be made.
    pub fn open(root: &Path, policy: VerificationPolicy) -> io::Result<Self> {
        let directory = root.join("image_manager");
        Ok(Self {
            policy,
            intents: Files::open(directory.join("pulling"))?,
            pulled: Files::open(directory.join("pulled"))?,
            underway: Mutex::default(),
        })
    }

    /// Takes over what a kubelet before left: an image whose pull it did not see the end of, and that is there, counts as
    /// pulled with nobody knows what.
    pub async fn adopt(&self, images: &dyn ImageService) {
        let left: HashSet<String> = self
            .intents
            .list::<PullIntent>()
            .into_iter()
            .map(|it| it.image)
            .collect();
        if left.is_empty() {
            return;
        }
        let present = match images.list_images(None).await {
            Ok(present) => present,
            Err(error) => {
                tracing::error!(%error, "failed to list images");
                return;
            }
        };
        for found in present {
            for name in found
                .repo_digests
                .iter()
                .chain(&found.repo_tags)
                .filter(|name| left.contains(*name))
            {
                if let Err(error) = self.note(name, &found.id, None) {
                    tracing::error!(error, image_ref = found.id, "failed to write an image pull record");
                    continue;
                }
                if let Err(error) = self.intents.remove(name) {
                    tracing::info!(v = 2, %error, image = name, "failed to remove image pull intent file");
                }
            }
        }
    }

    /// A pull is about to begin.
    ///
    /// # Errors
    /// If that cannot be written down; the image must not be pulled then.
    pub(crate) fn begin<'a>(&'a self, image: &'a str) -> io::Result<Pull<'a>> {
        let mut underway = self.underway.lock();
        self.intents.put(&PullIntent::new(image))?;
        *underway.entry(image.to_owned()).or_default() += 1;
        Ok(Pull { records: self, image })
    }

    /// Whether a pod has to pull an image that is present, to show that it can. The secrets that it has are asked for only
    /// where it matters.
    pub(crate) async fn must_pull(
        &self,
        image: &str,
        image_ref: &str,
        secrets: impl AsyncFnOnce() -> Vec<PullSecret>,
    ) -> bool {
        let known = {
            let underway = self.underway.lock();
            self.pulled.get::<PulledRecord>(image_ref).and_then(|record| {
                let here = record.is_some()
                    || underway.contains_key(image)
                    || self.intents.get::<PullIntent>(image)?.is_some();
                Ok((record, here))
            })
        };
        let (record, pulled_here) = match known {
            Ok(known) => known,
            Err(error) => {
                tracing::error!(%error, image, "Unable to access cache records about image pulls");
                return true;
            }
        };
        if !self.policy.requires(image, pulled_here) {
            return false;
        }
        let (Some(record), Ok(name)) = (record, without_tag(image)) else {
            return true;
        };
        let Some(credentials) = record.credential_mapping.get(name) else {
            return true;
        };
        if credentials.node_pods_accessible {
            return false;
        }
        if credentials.kubernetes_secrets.is_empty() {
            return true;
        }
        let room = credentials.kubernetes_secrets.len() < MOST_SECRETS;
        for own in secrets().await {
            for held in &credentials.kubernetes_secrets {
                match own.matches(held) {
                    Match::Exact => return false,
                    Match::Contents if !room => return false,
                    Match::Contents | Match::Place if room => {
                        // It was good, so that it is known the next time, however it was changed.
                        let more = Credentials::of_pull(Some(&own));
                        if let Err(error) = self.note(image, image_ref, Some(more)) {
                            tracing::error!(error, image, image_ref, "failed to write an image pulled record");
                        }
                        return false;
                    }
                    Match::Contents | Match::Place | Match::None => {}
                }
            }
        }
        true
    }

    /// Writes down that an image was pulled, with what if that is known.
    fn note(&self, image: &str, image_ref: &str, credentials: Option<Credentials>) -> Result<(), String> {
        let name = without_tag(image).map_err(|error| format!("invalid image name {image:?}: {error}"))?;
        let _held = self.underway.lock();
        let held = self.pulled.get::<PulledRecord>(image_ref).unwrap_or_else(|error| {
            tracing::info!(%error, image, "failed to retrieve an ImagePulledRecord");
            None
        });
        let new = held.is_none();
        let mut record = held.unwrap_or_else(|| PulledRecord::new(image_ref));
        let changed = credentials.is_some_and(|credentials| record.add(name, credentials));
        if new || changed {
            self.pulled.put(&record).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// Forgets images that are no more, but for those that were pulled since then.
    pub fn prune(&self, present: &HashSet<&str>, since: SystemTime) {
        let since = Time::from(since);
        let _held = self.underway.lock();
        for record in self.pulled.list::<PulledRecord>() {
            let young = record.last_updated_time >= since;
            if young || present.contains(record.image_ref.as_str()) {
                continue;
            }
            if let Err(error) = self.pulled.remove(&record.image_ref) {
                tracing::error!(%error, image_ref = record.image_ref, "failed to remove an ImagePulledRecord");
            }
        }
    }
}
