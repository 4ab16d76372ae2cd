//! A real containerd: what one pod costs in raw calls, what survives a crash, and that nothing is left behind.

use std::path::Path;
use std::time::{Duration, Instant};

use cri_client::api::*;
use cri_client::testing::conformance::Subject;
use cri_client::testing::{Containerd, PAUSE_IMAGE};

/// The middle one of measured times.
fn median(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort();
    sorted[sorted.len() / 2]
}

#[tokio::test]
async fn the_calls_of_one_pod_are_measured() {
    let containerd = Containerd::start().await.expect("containerd starts");
    let subject = Subject::containerd(&containerd).await.expect("subject");
    let runtime = subject.runtime.as_ref();
    let calls = [
        "RunPodSandbox",
        "CreateContainer",
        "StartContainer",
        "ContainerStatus",
        "StopPodSandbox",
        "RemovePodSandbox",
    ];
    let mut times = vec![Vec::new(); calls.len()];
    for _ in 0..5 {
        let config = subject.pod();
        let mut lap = Instant::now();
        let mut took = |call: usize| {
            times[call].push(lap.elapsed());
            lap = Instant::now();
        };
        let sandbox = runtime.run_pod_sandbox(&config, "").await.expect("sandbox");
        took(0);
        let command = subject.container("main", &["sleep", "3600"]);
        let container = runtime
            .create_container(&sandbox, &command, &config)
            .await
            .expect("create");
        took(1);
        runtime.start_container(&container).await.expect("start");
        took(2);
        let status = runtime
            .container_status(&container, false)
            .await
            .expect("status")
            .status
            .expect("a status");
        assert_eq!(status.state(), ContainerState::Running);
        took(3);
        runtime.stop_pod_sandbox(&sandbox).await.expect("stop");
        took(4);
        runtime.remove_pod_sandbox(&sandbox).await.expect("remove");
        took(5);
    }
    let medians: Vec<_> = times.iter().map(|times| median(times)).collect();
    for (call, median) in calls.iter().zip(&medians) {
        println!("{call}: {:.1} ms", median.as_secs_f64() * 1000.0);
    }
    let start: Duration = medians[..4].iter().sum();
    println!(
        "raw CRI calls from nothing to a running container: {:.1} ms",
        start.as_secs_f64() * 1000.0
    );
    assert!(start < Duration::from_secs(60), "{start:?}");
}

#[tokio::test]
async fn containers_survive_a_crash_of_the_daemon() {
    let mut containerd = Containerd::start().await.expect("containerd starts");
    let subject = Subject::containerd(&containerd).await.expect("subject");
    let runtime = subject.runtime.as_ref();
    let config = subject.pod();
    let sandbox = runtime.run_pod_sandbox(&config, "").await.expect("sandbox");
    let command = subject.container("main", &["sleep", "3600"]);
    let container = runtime
        .create_container(&sandbox, &command, &config)
        .await
        .expect("create");
    runtime.start_container(&container).await.expect("start");
    containerd.crash().expect("killed");
    let error = runtime
        .container_status(&container, false)
        .await
        .expect_err("nobody answers");
    assert!(error.is_unavailable(), "{error:?}");
    containerd.restart().await.expect("starts again");
    let status = runtime
        .container_status(&container, false)
        .await
        .expect("the same client connects anew");
    assert_eq!(status.status.expect("a status").state(), ContainerState::Running);
}

#[tokio::test]
async fn nothing_is_left_behind() {
    let containerd = Containerd::start().await.expect("containerd starts");
    let subject = Subject::containerd(&containerd).await.expect("subject");
    let config = subject.pod();
    let sandbox = subject.runtime.run_pod_sandbox(&config, "").await.expect("sandbox");
    let command = subject.container("main", &["sleep", "3600"]);
    let container = subject
        .runtime
        .create_container(&sandbox, &command, &config)
        .await
        .expect("create");
    subject.runtime.start_container(&container).await.expect("start");
    let pause = ImageSpec {
        image: PAUSE_IMAGE.into(),
        ..Default::default()
    };
    let image = subject
        .images
        .image_status(&pause, false)
        .await
        .expect("status")
        .image
        .expect("imported");
    assert_eq!(image.uid, Some(Int64Value { value: 65535 }));

    let directory = containerd.directory().to_owned();
    let daemon = containerd.pid().expect("runs");
    let slot = directory.file_name().expect("a number").to_string_lossy().into_owned();
    assert!(Path::new("/sys/class/net").join(format!("kxbr{slot}")).exists());
    drop(containerd);

    assert!(!Path::new("/proc").join(daemon.to_string()).exists(), "the daemon");
    assert!(
        !Path::new("/sys/class/net").join(format!("kxbr{slot}")).exists(),
        "the bridge"
    );
    assert!(!directory.exists(), "the directory");
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").expect("mounts");
    let prefix = format!("{}/", directory.display());
    assert!(!mounts.contains(&prefix), "a mount");
    for process in std::fs::read_dir("/proc").expect("processes").flatten() {
        let command = std::fs::read_to_string(process.path().join("cmdline")).unwrap_or_default();
        assert!(
            !command.contains(&sandbox) && !command.contains(&prefix),
            "a process: {command}"
        );
    }
    for hierarchy in ["pids", "memory", "cpu", ""] {
        let group = Path::new("/sys/fs/cgroup")
            .join(hierarchy)
            .join(format!("kubernox-test-{slot}"));
        assert!(!group.exists(), "{}", group.display());
    }
}
