//! Images go when their file system fills up, or when nobody used them for long.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use cri_client::api::ImageSpec;
use kubelet_config::KubeletOptions;
use kubelet_eviction::images::{ImageFacts, ImageLives, ImagePolicy, insufficient, to_free};
use kubelet_node::node_reference;
use kubelet_runtime::KubeRuntime;
use kubelet_stats::StatsProvider;
use kubelet_types::seams::{EventRecorder, EventType};
use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::assemble::Node;
use super::housekeeping::tick;

/// How often the file system of images is looked at.
const PERIOD: Duration = Duration::from_secs(300);
/// How often it is noted which images are used.
const OBSERVE: Duration = Duration::from_secs(30);

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Removes images.
pub(super) struct ImageKeeper {
    runtime: Arc<KubeRuntime>,
    stats: Arc<StatsProvider>,
    recorder: Arc<dyn EventRecorder>,
    node: String,
    lives: Mutex<ImageLives>,
    policy: ImagePolicy,
    /// The image of sandboxes: no container shows that it is used.
    sandbox_image: Mutex<Option<String>>,
}

pub(super) fn start(
    node: &Node,
    options: &KubeletOptions,
    tasks: &mut JoinSet<()>,
    cancel: &CancellationToken,
) -> Arc<ImageKeeper> {
    let kc = &options.configuration;
    let max_age = kc.image_maximum_gc_age.to_std();
    let keeper = Arc::new(ImageKeeper {
        runtime: node.runtime.clone(),
        stats: node.stats.clone(),
        recorder: node.recorder.clone(),
        node: node.name.clone(),
        lives: Mutex::default(),
        policy: ImagePolicy {
            high: kc.image_gc_high_threshold_percent,
            low: kc.image_gc_low_threshold_percent,
            min_age: kc.image_minimum_gc_age.to_std(),
            max_age: (!max_age.is_zero()).then_some(max_age),
        },
        sandbox_image: Mutex::default(),
    });
    let (running, token) = (keeper.clone(), cancel.clone());
    tasks.spawn(async move { running.run(&token).await });
    keeper
}

impl ImageKeeper {
    /// Notes which images are used, and removes what is too much, by the clock.
    async fn run(&self, cancel: &CancellationToken) {
        let collects = self.policy.high < 100 || self.policy.max_age.is_some();
        let (mut next, mut failures) = (Duration::ZERO, 0);
        loop {
            if collects && next.is_zero() {
                next = PERIOD;
                failures = self.collect(failures).await;
            } else if let Err(error) = self.observe().await {
                tracing::warn!(%error, "Failed to monitor images");
            }
            if !tick(OBSERVE, cancel).await {
                return;
            }
            next = next.saturating_sub(OBSERVE);
        }
    }

    /// Notes which images there are and which of them containers use.
    async fn observe(&self) -> cri_client::Result<(Vec<ImageFacts>, HashSet<String>)> {
        let services = self.runtime.services();
        if self.sandbox_image.lock().is_none() {
            let named = self.sandbox_image_name().await;
            *self.sandbox_image.lock() = named;
        }
        let images = services.images.list_images(None).await?;
        let containers = services.runtime.list_containers(None).await?;
        let sandbox = self.sandbox_image.lock().clone();
        let mut named = HashSet::new();
        for container in &containers {
            named.insert(container.image_ref.as_str());
            named.insert(container.image_id.as_str());
            named.extend(container.image.as_ref().map(|image| image.image.as_str()));
        }
        named.extend(sandbox.as_deref());
        named.remove("");
        let (mut facts, mut used) = (Vec::new(), HashSet::new());
        for image in images {
            let names = || image.repo_tags.iter().chain(&image.repo_digests).chain([&image.id]);
            if names().any(|name| named.contains(name.as_str())) {
                used.insert(image.id.clone());
            }
            facts.push(ImageFacts {
                id: image.id,
                size: image.size,
                pinned: image.pinned,
            });
        }
        self.lives.lock().observe(&facts, &used, now());
        Ok((facts, used))
    }

    /// What the runtime's own configuration says, where it shows it.
    async fn sandbox_image_name(&self) -> Option<String> {
        let status = self.runtime.services().runtime.status(true).await.ok()?;
        let config: serde_json::Value = serde_json::from_str(status.info.get("config")?).ok()?;
        Some(config["sandboxImage"].as_str()?.to_owned())
    }

    /// Removes what is stale, and more if the file system is too full. Returns how often that has failed in a row: the first
    /// time may be for want of figures, and is no event.
    async fn collect(&self, failures: u32) -> u32 {
        let Err(error) = self.try_collect().await else { return 0 };
        if failures > 0 {
            tracing::error!(error, "Image garbage collection failed multiple times in a row");
            self.warn("ImageGCFailed", &error);
        } else {
            tracing::error!(
                error,
                "Image garbage collection failed once. Stats initialization may not have completed yet"
            );
        }
        failures.saturating_add(1)
    }

    fn warn(&self, reason: &str, message: &str) {
        let node = node_reference(&self.node);
        self.recorder.event(&node, EventType::Warning, reason, message);
    }

    /// Forgets who has pulled images that are no more.
    fn forget(&self, present: &[ImageFacts], removed: &HashSet<String>, since: SystemTime) {
        if let Some(records) = self.runtime.pull_records() {
            let left = present.iter().map(|image| image.id.as_str());
            records.prune(&left.filter(|id| !removed.contains(*id)).collect(), since);
        }
    }

    async fn try_collect(&self) -> Result<(), String> {
        let begun = SystemTime::now();
        let (facts, used) = self.observe().await.map_err(|error| error.to_string())?;
        let (now, mut removed) = (now(), HashSet::new());
        let candidates = self.lives.lock().candidates(&facts, &used);
        for image in &candidates {
            let stale = self.lives.lock().is_stale(&image.id, &self.policy, now);
            if stale && self.remove(image).await {
                removed.insert(image.id.clone());
            }
        }
        let (fs, _) = self.stats.image_fs().await.map_err(|error| error.to_string())?;
        if fs.capacity == 0 {
            let message = "invalid capacity 0 on image filesystem";
            self.warn("InvalidDiskCapacity", message);
            return Err(message.to_owned());
        }
        let Some(excess) = to_free(&self.policy, fs.capacity, fs.available) else {
            self.forget(&facts, &removed, begun);
            return Ok(());
        };
        tracing::info!(
            wanted = excess.bytes,
            used = excess.used,
            "Disk usage on image filesystem is over the high threshold, trying to free bytes"
        );
        let left: Vec<_> = candidates.into_iter().filter(|it| !removed.contains(&it.id)).collect();
        let freed = self.free(excess.bytes, &left, &mut removed).await;
        if freed < excess.bytes {
            let message = insufficient(excess, fs.capacity, freed);
            self.warn("FreeDiskSpaceFailed", &message);
            return Err(message);
        }
        self.forget(&facts, &removed, begun);
        Ok(())
    }

    /// Removes images until so many bytes are free, and notes which. Young ones stay: whoever has pulled them is about to use
    /// them.
    async fn free(&self, wanted: u64, candidates: &[ImageFacts], removed: &mut HashSet<String>) -> u64 {
        let (now, mut freed) = (now(), 0);
        for image in candidates {
            if freed >= wanted {
                break;
            }
            let young = self.lives.lock().is_young(&image.id, &self.policy, now);
            if !young && self.remove(image).await {
                freed += image.size;
                removed.insert(image.id.clone());
            }
        }
        freed
    }

    async fn remove(&self, image: &ImageFacts) -> bool {
        let spec = ImageSpec {
            image: image.id.clone(),
            ..Default::default()
        };
        match self.runtime.services().images.remove_image(&spec).await {
            Ok(()) => {
                tracing::info!(image = image.id, size = image.size, "image removed to free bytes");
                true
            }
            Err(error) => {
                tracing::warn!(%error, image = image.id, "an unused image cannot be removed");
                false
            }
        }
    }

    /// Removes every image that nobody uses and that is no longer young, since the node is short of disk now.
    pub(super) async fn remove_unused(&self) {
        let begun = SystemTime::now();
        match self.observe().await {
            Ok((facts, used)) => {
                let (candidates, mut removed) = (self.lives.lock().candidates(&facts, &used), HashSet::new());
                self.free(u64::MAX, &candidates, &mut removed).await;
                self.forget(&facts, &removed, begun);
            }
            Err(error) => tracing::error!(%error, "unused images cannot be looked for"),
        }
    }
}

#[cfg(test)]
mod tests;
