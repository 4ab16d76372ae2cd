//! Images: presence, pulls, credentials, and the words for what goes wrong.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use component_base::duration::GoDuration;
use cri_client::api::{Image, ImageSpec, PodSandboxConfig};
use cri_client::{Error, ImageService};
use k8s_api::core::v1::{Container, ObjectReference};
use kubelet_types::backoff::Backoff;
use kubelet_types::clock::SharedClock;
use kubelet_types::image::with_default_tag;
use kubelet_types::seams::{EventRecorder, EventType};
use parking_lot::Mutex;
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::Instant;

use crate::credential_provider::CredentialProviders;
use crate::credentials::{Credential, Keyring};
use crate::pull_records::{Pull, PullRecords};
use crate::sync::StartFailure;

const INITIAL_BACKOFF: Duration = Duration::from_secs(10);
const MAX_BACKOFF: Duration = Duration::from_secs(300);

/// How pulls run.
#[derive(Clone, Debug)]
pub struct ImageOptions {
    /// How many at a time; `None` is any number.
    pub parallel_pulls: Option<usize>,
    /// How often they may begin; `None` is without limit.
    pub rate: Option<PullRate>,
}

/// So many pulls a second, and so many at once after a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PullRate {
    qps: u32,
    burst: u32,
}

impl PullRate {
    /// As configured; 0 a second is without limit.
    #[must_use]
    pub fn new(qps: i32, burst: i32) -> Option<Self> {
        let (qps, burst) = (u32::try_from(qps).ok()?, u32::try_from(burst).unwrap_or_default());
        (qps > 0).then_some(Self { qps, burst })
    }
}

/// The pulls that may still begin.
struct Bucket {
    rate: PullRate,
    state: Mutex<(f64, Instant)>,
}

impl Bucket {
    fn new(rate: PullRate) -> Self {
        Self {
            rate,
            state: Mutex::new((f64::from(rate.burst), Instant::now())),
        }
    }

    fn take(&self) -> bool {
        let (left, since) = &mut *self.state.lock();
        let now = Instant::now();
        let gained = now.duration_since(*since).as_secs_f64() * f64::from(self.rate.qps);
        (*left, *since) = ((*left + gained).min(f64::from(self.rate.burst)), now);
        let free = *left >= 1.0;
        if free {
            *left -= 1.0;
        }
        free
    }
}

impl Default for ImageOptions {
    fn default() -> Self {
        Self {
            parallel_pulls: Some(1),
            rate: PullRate::new(5, 10),
        }
    }
}

/// What is asked for.
pub(crate) struct ImageRequest<'a> {
    pub(crate) uid: &'a str,
    pub(crate) image: &'a str,
    pub(crate) policy: &'a str,
    pub(crate) keyring: &'a Keyring,
    pub(crate) reference: &'a ObjectReference,
    pub(crate) sandbox: &'a PodSandboxConfig,
    pub(crate) runtime_handler: &'a str,
    /// What [`ImagePuller::look_for`] has given a moment ago.
    pub(crate) looked_for: Option<&'a (String, Image)>,
}

/// Makes images present.
pub struct ImagePuller {
    images: Arc<dyn ImageService>,
    recorder: Arc<dyn EventRecorder>,
    clock: SharedClock,
    slots: Option<Semaphore>,
    bucket: Option<Bucket>,
    backoff: Backoff,
    previous: Mutex<HashMap<String, String>>,
    providers: Option<CredentialProviders>,
    /// None where every pod may use what is present (`KubeletEnsureSecretPulledImages` is off).
    records: Option<Arc<PullRecords>>,
}

/// The credentials of a pod for an image, looked up once and not before they are needed.
type Offered = OnceCell<Vec<Credential>>;

impl ImagePuller {
    pub(crate) fn new(
        images: Arc<dyn ImageService>,
        recorder: Arc<dyn EventRecorder>,
        clock: SharedClock,
        options: ImageOptions,
    ) -> Self {
        Self {
            images,
            recorder,
            backoff: Backoff::new(clock.clone(), INITIAL_BACKOFF, MAX_BACKOFF),
            clock,
            slots: options.parallel_pulls.map(Semaphore::new),
            bucket: options.rate.map(Bucket::new),
            previous: Mutex::new(HashMap::new()),
            providers: None,
            records: None,
        }
    }

    /// With records of who has pulled what.
    pub(crate) fn set_records(&mut self, records: Arc<PullRecords>) {
        self.records = Some(records);
    }

    /// The records of who has pulled what.
    pub(crate) fn records(&self) -> Option<&Arc<PullRecords>> {
        self.records.as_ref()
    }

    /// With programs that give credentials beside the pods' own.
    pub(crate) fn set_providers(&mut self, providers: CredentialProviders) {
        self.providers = Some(providers);
    }

    /// Looks for the image of a container that will be started in a moment, where that is all there is to do. Tells nobody
    /// what goes wrong: then it is looked for again when its turn has come.
    pub(crate) async fn look_for(
        &self,
        container: &Container,
        sandbox: &PodSandboxConfig,
        runtime_handler: &str,
    ) -> Option<(String, Image)> {
        if container.image_pull_policy == "Always" {
            return None;
        }
        let name = with_default_tag(&container.image).ok()?;
        let spec = image_spec(name, sandbox, runtime_handler);
        let found = self.images.image_status(&spec, false).await.ok()?.image?;
        Some((container.image.clone(), found))
    }

    /// The image, pulled if the policy says so.
    pub(crate) async fn ensure(&self, request: &ImageRequest<'_>) -> Result<Image, StartFailure> {
        let ImageRequest { image, policy, .. } = *request;
        let warn = |reason: &str, message: &str| {
            self.recorder
                .event(request.reference, EventType::Warning, reason, message)
        };
        let name = with_default_tag(image).map_err(|error| {
            let message = format!("Failed to apply default image tag {image:?}: {error}");
            warn("InspectFailed", &message);
            StartFailure::new("InvalidImageName", message)
        })?;
        let spec = image_spec(name, request.sandbox, request.runtime_handler);
        let offered = Offered::new();
        if policy != "Always" {
            let looked_for = request.looked_for.filter(|(looked_for, _)| looked_for == image);
            let found = match looked_for {
                Some((_, found)) => Some(found.clone()),
                None => {
                    let found = self.images.image_status(&spec, false).await.map_err(|error| {
                        let message = format!("Failed to inspect image {image:?}: {error}");
                        warn("InspectFailed", &message);
                        StartFailure::new("ImageInspectError", message)
                    })?;
                    found.image
                }
            };
            if let Some(found) = found
                && let Some(message) = self.accessible(request, &spec, &found.id, &offered).await
            {
                self.recorder
                    .event(request.reference, EventType::Normal, "Pulled", &message);
                return Ok(found);
            }
            if policy == "Never" {
                // The same words where it is present and not for this pod, which is not to learn that.
                let message = format!("Container image {image:?} is not present with pull policy of Never");
                warn("ErrImageNeverPull", &message);
                return Err(StartFailure::new("ErrImageNeverPull", message));
            }
        }
        self.pull(request, &spec, &offered).await
    }

    /// What is said of a present image that the pod may use; nothing if it has to show that it can pull it.
    async fn accessible(
        &self,
        request: &ImageRequest<'_>,
        spec: &ImageSpec,
        image_ref: &str,
        offered: &Offered,
    ) -> Option<String> {
        let image = request.image;
        let Some(records) = &self.records else {
            return Some(format!("Container image {image:?} already present on machine"));
        };
        let secrets = async || {
            let credentials = self.offered(request, spec, offered).await.iter();
            credentials.filter_map(|credential| credential.secret.clone()).collect()
        };
        let must_pull = records.must_pull(image, image_ref, secrets).await;
        (!must_pull)
            .then(|| format!("Container image {image:?} already present on machine and can be accessed by the pod"))
    }

    async fn offered<'a>(
        &self,
        request: &ImageRequest<'_>,
        spec: &ImageSpec,
        offered: &'a Offered,
    ) -> &'a [Credential] {
        let look_up = async || {
            let mut found = request.keyring.lookup(&spec.image);
            if let Some(providers) = &self.providers {
                found.extend(providers.lookup(&spec.image).await);
            }
            found
        };
        offered.get_or_init(look_up).await
    }

    async fn pull(
        &self,
        request: &ImageRequest<'_>,
        spec: &ImageSpec,
        offered: &Offered,
    ) -> Result<Image, StartFailure> {
        let image = request.image;
        let normal = |reason: &str, message: &str| {
            self.recorder
                .event(request.reference, EventType::Normal, reason, message)
        };
        let key = format!("{}_{image}", request.uid);
        if self.backoff.is_in_backoff_since_update(&key, self.clock.now()) {
            let mut message = format!("Back-off pulling image {image:?}");
            normal("BackOff", &message);
            if let Some(previous) = self.previous.lock().get(&key) {
                message = format!("{message}: {previous}");
            }
            let until = self.backoff.until(&key);
            return Err(StartFailure {
                retry_at: until,
                ..StartFailure::new("ImagePullBackOff", message)
            });
        }
        self.previous.lock().remove(&key);
        let intent = self.records.as_ref().map(|records| records.begin(image));
        let intent = intent.transpose().map_err(|error| {
            let why = format!("failed to record image pull intent: {error}");
            let message = format!("Failed to record image pull intent for container image {image:?}: {why}");
            StartFailure::new(why, message)
        })?;
        normal("Pulling", &format!("Pulling image {image:?}"));
        let begun = self.clock.now();
        let slot = match &self.slots {
            Some(slots) => Some(slots.acquire().await.expect("the semaphore is never closed")),
            None => None,
        };
        let waited = self.since(begun);
        let pulled = if self.bucket.as_ref().is_none_or(Bucket::take) {
            let credentials = self.offered(request, spec, offered).await;
            self.pull_with_credentials(request, spec, credentials).await
        } else {
            Err(Error::Reported("pull QPS exceeded".to_owned()))
        };
        drop(slot);
        let found = match pulled {
            Ok((reference, used)) => {
                let secret = used.and_then(|used| used.secret.as_ref());
                let note = |intent: Pull<'_>| intent.succeeded(&reference, secret);
                intent.into_iter().for_each(note);
                self.inspect(spec, reference).await
            }
            Err(error) => {
                intent.into_iter().for_each(Pull::failed);
                Err(error)
            }
        };
        match found {
            Ok(found) => {
                let total = self.since(begun);
                let shown = |duration: Duration| {
                    GoDuration::from(Duration::from_millis(
                        u64::try_from(duration.as_millis()).unwrap_or_default(),
                    ))
                };
                normal(
                    "Pulled",
                    &format!(
                        "Successfully pulled image {image:?} in {} ({} including waiting). Image size: {} bytes.",
                        shown(total.saturating_sub(waited)),
                        shown(total),
                        found.size
                    ),
                );
                self.backoff.collect_garbage();
                Ok(found)
            }
            Err(error) => {
                let text = error.to_string();
                self.recorder.event(
                    request.reference,
                    EventType::Warning,
                    "Failed",
                    &format!("Failed to pull image {image:?}: {text}"),
                );
                self.backoff.next(&key, self.clock.now());
                let (reason, message) = classify(image, &text);
                self.previous.lock().insert(key.clone(), format!("{reason}: {message}"));
                Err(StartFailure {
                    retry_at: self.backoff.until(&key),
                    ..StartFailure::new(reason, message)
                })
            }
        }
    }

    fn since(&self, begun: SystemTime) -> Duration {
        self.clock.now().duration_since(begun).unwrap_or_default()
    }

    /// Tries each credential, or none if there is none; the last failure counts. Gives the one that was good.
    async fn pull_with_credentials<'a>(
        &self,
        request: &ImageRequest<'_>,
        spec: &ImageSpec,
        credentials: &'a [Credential],
    ) -> Result<(String, Option<&'a Credential>), Error> {
        let pull = |auth| self.images.pull_image(spec, auth, Some(request.sandbox));
        if credentials.is_empty() {
            return Ok((pull(None).await?, None));
        }
        let mut last = Error::Reported(String::new());
        for credential in credentials {
            match pull(Some(credential.auth.clone())).await {
                Ok(reference) => return Ok((reference, Some(credential))),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn inspect(&self, spec: &ImageSpec, reference: String) -> Result<Image, Error> {
        let by_reference = ImageSpec {
            image: reference.clone(),
            ..spec.clone()
        };
        let found = self.images.image_status(&by_reference, false).await?.image;
        Ok(found.unwrap_or(Image {
            id: reference,
            ..Default::default()
        }))
    }
}

fn image_spec(image: String, sandbox: &PodSandboxConfig, runtime_handler: &str) -> ImageSpec {
    ImageSpec {
        image,
        runtime_handler: runtime_handler.to_owned(),
        annotations: sandbox.annotations.clone(),
        ..Default::default()
    }
}

/// The reason and the words of a failed pull.
fn classify(image: &str, text: &str) -> (&'static str, String) {
    if let Some(rest) = text.strip_prefix("RegistryUnavailable") {
        return (
            "RegistryUnavailable",
            format!("image pull failed for {image} because the registry is unavailable{rest}"),
        );
    }
    if let Some(rest) = text.strip_prefix("SignatureValidationFailed") {
        let message = format!("image pull failed for {image} because the signature validation failed{rest}");
        return ("SignatureValidationFailed", message);
    }
    ("ErrImagePull", text.to_owned())
}
