//! The machine's own cgroups, below a root of the test's own, and a tree of plain files in the shape of version 2.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use k8s_api::Kind;
use k8s_api::core::v1::Pod;
use kubelet_types::resources::{QUOTA_PERIOD, QosClass, qos_class};

use super::*;

fn pod(resources: &str) -> Pod {
    let text =
        format!(r#"{{"metadata":{{"uid":"u1"}},"spec":{{"containers":[{{"name":"c","resources":{resources}}}]}}}}"#);
    Pod::from_json(text.as_bytes()).expect("a pod")
}

#[test]
fn limits_by_class() {
    let of = |resources: &str| Limits::of_pod(&pod(resources), QUOTA_PERIOD, true, Some(100));
    assert_eq!(
        of("{}"),
        Limits {
            shares: Some(2),
            pids: Some(100),
            ..Default::default()
        }
    );
    let full = of(r#"{"limits":{"cpu":"500m","memory":"64Mi"}}"#);
    assert_eq!(
        full,
        Limits {
            shares: Some(512),
            quota: Some((50_000, 100_000)),
            memory: Some(64 << 20),
            pids: Some(100)
        }
    );
    let burst = of(r#"{"requests":{"cpu":"250m"},"limits":{"memory":"1Gi"}}"#);
    assert_eq!(
        burst,
        Limits {
            shares: Some(256),
            quota: None,
            memory: Some(1 << 30),
            pids: Some(100)
        }
    );
}

#[test]
fn cgroups_of_this_machine() {
    let hierarchy = Hierarchy::detect().expect("a mount table");
    let root = format!("kubelet-cgroup-test-{}", std::process::id());
    let tree = PodCgroupTree::new(hierarchy.clone(), &root);
    tree.set_up(&Limits {
        shares: Some(2048),
        ..Default::default()
    })
    .expect("set up");
    let subject = pod(r#"{"requests":{"cpu":"250m"},"limits":{"memory":"64Mi"}}"#);
    let limits = Limits::of_pod(&subject, QUOTA_PERIOD, true, Some(64));
    let path = tree.ensure_pod("u1", qos_class(&subject), &limits).expect("made");
    assert_eq!(path, format!("/{root}/kubepods/burstable/podu1"));
    assert_eq!(
        tree.ensure_pod("u1", QosClass::Burstable, &limits).expect("again"),
        path
    );
    let file = |controller: &str, name: &str| {
        let mount = hierarchy.controller(controller).expect("a controller");
        fs::read_to_string(mount.join(path.trim_start_matches('/')).join(name))
            .expect("a file")
            .trim()
            .to_owned()
    };
    if hierarchy.is_v2() {
        assert_eq!(file("memory", "memory.max"), (64 << 20).to_string());
    } else {
        assert_eq!(
            (file("cpu", "cpu.shares"), file("memory", "memory.limit_in_bytes")),
            ("256".to_owned(), (64 << 20).to_string())
        );
    }
    assert_eq!(tree.pods().expect("a list"), ["u1"]);

    let mut child = Command::new("sleep")
        .arg("600")
        .stdout(Stdio::null())
        .spawn()
        .expect("a process");
    // The runtime makes a container's cgroup in every hierarchy, those without controllers too.
    let container = |place: &Path| place.join(path.trim_start_matches('/')).join("c1");
    for place in hierarchy.places() {
        fs::create_dir_all(container(place)).expect("made");
    }
    for mount in hierarchy.mounts() {
        fs::write(
            mount.join(path.trim_start_matches('/')).join("cgroup.procs"),
            child.id().to_string(),
        )
        .expect("moved");
    }
    assert_eq!(tree.usage(&path).pids, hierarchy.controller("pids").map(|_| 1));
    // The child is reaped by whoever waits for it, and only then leaves its cgroup for good.
    let waiter = std::thread::spawn(move || child.wait());
    tree.remove_pod("u1").expect("removed");
    assert!(
        !waiter.join().expect("joined").expect("waited").success(),
        "it was killed"
    );
    tree.remove_pod("u1").expect("again");
    assert!(tree.pods().expect("a list").is_empty());
    for place in hierarchy.places() {
        for part in ["kubepods/burstable", "kubepods/besteffort", "kubepods", ""] {
            let made = place.join(&root).join(part);
            if made.exists() {
                fs::remove_dir(made).expect("empty");
            }
        }
    }
}

#[test]
fn version_2_on_plain_files() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path();
    let write = |path: &Path| {
        fs::create_dir_all(path).expect("a directory");
        fs::write(path.join("cgroup.controllers"), "cpu memory pids").expect("a file");
        fs::write(path.join("cgroup.subtree_control"), "").expect("a file");
    };
    for path in ["", "kubepods", "kubepods/burstable", "kubepods/besteffort"] {
        write(&root.join(path));
    }
    let tree = PodCgroupTree::new(Hierarchy::V2(root.to_owned()), "/");
    let limits = Limits {
        shares: Some(1024),
        quota: Some((-1, 100_000)),
        memory: Some(1000),
        pids: None,
    };
    let path = tree.ensure_pod("u2", QosClass::Guaranteed, &limits).expect("made");
    assert_eq!(path, "/kubepods/podu2");
    let read = |name: &str| fs::read_to_string(root.join(path.trim_start_matches('/')).join(name)).expect("a file");
    assert_eq!(
        (read("cpu.weight"), read("cpu.max"), read("memory.max")),
        ("39".into(), "max 100000".into(), "1000".into())
    );
    assert_eq!(
        fs::read_to_string(root.join("cgroup.subtree_control")).expect("a file"),
        "+cpu +memory +pids"
    );
    fs::write(root.join("kubepods/podu2/memory.current"), "500\n").expect("a file");
    fs::write(root.join("kubepods/podu2/memory.stat"), "anon 100\ninactive_file 200\n").expect("a file");
    let usage = tree.usage(&path);
    assert_eq!(
        (usage.memory, usage.working_set, usage.rss),
        (Some(500), Some(300), Some(100))
    );
}

#[test]
fn names_of_slices() {
    let tree = |root: &str| PodCgroupTree::new(Hierarchy::V2("/x".into()), root).with_driver(Driver::Systemd);
    assert_eq!(
        tree("/").pod_path("a-b", QosClass::Burstable),
        "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-poda_b.slice"
    );
    assert_eq!(tree("/").parent("a-b", QosClass::Guaranteed), "kubepods-poda_b.slice");
    assert_eq!(
        tree("/my-root").parent("u", QosClass::BestEffort),
        "my_root-kubepods-besteffort-podu.slice"
    );
}

#[test]
fn pods_of_slices_are_found() {
    let root = tempfile::tempdir().expect("a directory");
    let tree = PodCgroupTree::new(Hierarchy::V2(root.path().to_owned()), "/").with_driver(Driver::Systemd);
    for (uid, class) in [("a-1", QosClass::Guaranteed), ("b-2", QosClass::BestEffort)] {
        let path = root.path().join(tree.pod_path(uid, class).trim_start_matches('/'));
        std::fs::create_dir_all(path).expect("made");
    }
    assert_eq!(tree.pods().expect("listed"), ["a-1", "b-2"]);
}

/// Writes files of a cgroup, and makes the folders.
fn write(root: &Path, path: &str, files: &[(&str, &str)]) {
    let directory = root.join(path);
    fs::create_dir_all(&directory).expect("made");
    for (file, text) in files {
        fs::write(directory.join(file), text).expect("written");
    }
}

#[test]
fn all_figures_of_both_versions() {
    let root = tempfile::tempdir().expect("a directory");
    let path = "kubepods/burstable/podu1/c1";
    let processes = ("cgroup.procs", "41\n42\n");
    let v2 = [
        processes,
        (
            "cpu.stat",
            "usage_usec 30\nuser_usec 20\nsystem_usec 10\nnr_periods 5\nnr_throttled 2\nthrottled_usec 7\n",
        ),
        ("cpu.max", "50000 100000\n"),
        ("cpu.weight", "1\n"),
        ("memory.current", "1000\n"),
        ("memory.max", "max\n"),
        (
            "memory.stat",
            "anon 400\nfile 500\nactive_file 200\ninactive_file 300\npgfault 9\npgmajfault 1\n",
        ),
        ("memory.events", "low 0\nmax 3\noom 1\noom_kill 1\n"),
        ("pids.current", "7\n"),
        ("io.stat", "254:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n"),
    ];
    write(root.path(), path, &v2);
    let tree = PodCgroupTree::new(Hierarchy::V2(root.path().to_owned()), "/");
    let found = tree.found();
    let places: Vec<_> = found
        .iter()
        .map(|it| (it.path.as_str(), it.pod.as_deref(), it.container.as_deref()))
        .collect();
    assert_eq!(
        places,
        [
            ("/kubepods", None, None),
            ("/kubepods/burstable", None, None),
            ("/kubepods/burstable/podu1", Some("u1"), None),
            ("/kubepods/burstable/podu1/c1", Some("u1"), Some("c1")),
        ]
    );
    let of_v2 = tree.figures(path);
    let device = DeviceFigures {
        device: "254:0".to_owned(),
        reads: 1,
        writes: 2,
        read_bytes: 10,
        write_bytes: 20,
    };
    let expected = Figures {
        cpu: Some(30_000),
        cpu_user: Some(20_000),
        cpu_system: Some(10_000),
        periods: Some(5),
        throttled_periods: Some(2),
        throttled: Some(7000),
        memory: Some(1000),
        working_set: Some(700),
        cache: Some(500),
        rss: Some(400),
        failures: Some(3),
        active_file: Some(200),
        inactive_file: Some(300),
        faults: Some(9),
        major_faults: Some(1),
        oom_kills: Some(1),
        processes: Some(2),
        threads: Some(7),
        shares: Some(2),
        period: Some(100_000),
        quota: Some(50_000),
        memory_limit: Some(0),
        devices: vec![device.clone()],
        process: Some(41),
        ..Figures::default()
    };
    assert_eq!(of_v2, expected);

    let root = tempfile::tempdir().expect("a directory");
    let v1 = [
        processes,
        ("cpuacct.usage", "30000\n"),
        ("cpu.stat", "nr_periods 5\nnr_throttled 2\nthrottled_time 7000\n"),
        ("cpu.cfs_quota_us", "-1\n"),
        ("memory.usage_in_bytes", "1000\n"),
        ("memory.limit_in_bytes", "9223372036854771712\n"),
        ("memory.stat", "cache 1\ntotal_cache 500\ntotal_inactive_file 300\n"),
        (
            "blkio.throttle.io_serviced",
            "254:0 Read 1\n254:0 Write 2\n254:0 Total 3\nTotal 3\n",
        ),
        ("blkio.throttle.io_service_bytes", "254:0 Read 10\n254:0 Write 20\n"),
    ];
    write(root.path(), path, &v1);
    let controllers = ["cpu", "cpuacct", "memory", "pids", "blkio"];
    let controllers = controllers.map(|name| (name.to_owned(), root.path().to_owned()));
    let hierarchy = Hierarchy::V1 {
        controllers: controllers.into(),
        unified: None,
    };
    let of_v1 = PodCgroupTree::new(hierarchy, "/").figures(path);
    let expected = Figures {
        cpu: Some(30_000),
        periods: Some(5),
        throttled_periods: Some(2),
        throttled: Some(7000),
        memory: Some(1000),
        working_set: Some(700),
        cache: Some(500),
        inactive_file: Some(300),
        processes: Some(2),
        memory_limit: Some(0),
        devices: vec![device],
        process: Some(41),
        ..Figures::default()
    };
    assert_eq!(of_v1, expected);
}
