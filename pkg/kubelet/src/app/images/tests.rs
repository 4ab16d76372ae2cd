use cri_client::testing::FakeRuntime;
use kubelet_cgroup::{Hierarchy, PodCgroupTree};
use kubelet_prober::Results;
use kubelet_runtime::RuntimeParts;
use kubelet_stats::StatsParts;
use kubelet_types::clock::TokioClock;
use kubelet_types::testing::{MemoryApi, MemoryRecorder};
use kubelet_volume::RecordingMounter;
use tokio::time::sleep;

use super::*;
use crate::tests::runtime_options;

/// Keeps the images of a runtime by a policy; its file system is the one that the test runs on, which is never empty.
async fn keep(
    fake: &FakeRuntime,
    policy: ImagePolicy,
    directory: &std::path::Path,
) -> (Arc<MemoryRecorder>, CancellationToken) {
    let (api, recorder) = (Arc::new(MemoryApi::default()), Arc::new(MemoryRecorder::default()));
    let parts = RuntimeParts {
        runtime: Arc::new(fake.clone()),
        images: Arc::new(fake.clone()),
        recorder: recorder.clone(),
        objects: api,
        results: Arc::new(Results::default()),
        mounter: Arc::new(RecordingMounter::default()),
        clock: Arc::new(TokioClock::default()),
    };
    let runtime = KubeRuntime::new(parts, runtime_options(directory)).await;
    let runtime = Arc::new(runtime.expect("a runtime"));
    let stats = StatsProvider::new(StatsParts {
        node: "n".to_owned(),
        root: directory.to_owned(),
        runtime: runtime.clone(),
        cgroups: Arc::new(PodCgroupTree::new(Hierarchy::detect().expect("cgroups"), "/")),
    });
    let keeper = ImageKeeper {
        runtime,
        stats: Arc::new(stats),
        recorder: recorder.clone(),
        node: "n".to_owned(),
        lives: Mutex::default(),
        policy,
        sandbox_image: Mutex::default(),
    };
    let cancel = CancellationToken::new();
    let token = cancel.clone();
    tokio::spawn(async move { keeper.run(&token).await });
    (recorder, cancel)
}

async fn left(fake: &FakeRuntime) -> Vec<String> {
    let images = cri_client::ImageService::list_images(fake, None).await.expect("images");
    let mut names: Vec<_> = images.into_iter().flat_map(|image| image.repo_tags).collect();
    names.sort();
    names
}

#[tokio::test(start_paused = true)]
async fn images_that_are_no_longer_young_go_from_a_full_file_system() {
    let (fake, directory) = (FakeRuntime::new(), tempfile::tempdir().expect("a directory"));
    fake.add_image("first:1", 7);
    let policy = ImagePolicy {
        high: 0,
        low: 0,
        min_age: Duration::from_secs(120),
        max_age: None,
    };
    let (recorder, cancel) = keep(&fake, policy, directory.path()).await;
    // It is looked at once, but everything is young then; that it was not enough is no failure yet.
    sleep(Duration::from_secs(299)).await;
    assert_eq!(left(&fake).await, ["first:1"]);
    assert_eq!(recorder.messages("FreeDiskSpaceFailed").len(), 1);
    assert!(recorder.messages("ImageGCFailed").is_empty());
    // First seen when it is looked at again.
    fake.add_image("second:1", 7);
    sleep(Duration::from_secs(2)).await;
    assert_eq!(left(&fake).await, ["second:1"]);
    let failed = recorder.messages("ImageGCFailed");
    assert_eq!(failed.len(), 1);
    assert!(failed[0].starts_with("Insufficient free disk space on the node's image filesystem ("));
    assert!(failed[0].contains("(freed 7 bytes)"), "{}", failed[0]);
    sleep(Duration::from_secs(300)).await;
    assert!(left(&fake).await.is_empty());
    cancel.cancel();
}

#[tokio::test(start_paused = true)]
async fn images_that_nobody_has_used_for_long_go_from_any_file_system() {
    let (fake, directory) = (FakeRuntime::new(), tempfile::tempdir().expect("a directory"));
    fake.add_image("old:1", 7);
    let policy = ImagePolicy {
        high: 100,
        low: 99,
        min_age: Duration::from_secs(120),
        max_age: Some(Duration::from_secs(400)),
    };
    let (recorder, cancel) = keep(&fake, policy, directory.path()).await;
    sleep(Duration::from_secs(310)).await;
    fake.add_image("new:1", 7);
    assert_eq!(left(&fake).await, ["new:1", "old:1"]);
    sleep(Duration::from_secs(300)).await;
    assert_eq!(left(&fake).await, ["new:1"]);
    assert!(recorder.events().is_empty());
    cancel.cancel();
}
