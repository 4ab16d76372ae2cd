use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_api::Kind;
use k8s_api::core::v1::Pod;
use kubelet_types::pressure::Pressure;

use crate::images::{Excess, ImageFacts, ImageLives, ImagePolicy, insufficient, to_free};
use crate::local::{LocalUse, excess};
use crate::{Observation, Signal, Thresholds, Tracker, Use, message, rank, thresholds};

fn texts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

fn tracker(hard: &[(&str, &str)], soft: &[(&str, &str)], reclaim: &[(&str, &str)]) -> Tracker {
    let grace = soft
        .iter()
        .map(|(name, _)| ((*name).to_owned(), Duration::from_secs(60)));
    let all = thresholds(&Thresholds {
        hard: &texts(hard),
        soft: &texts(soft),
        grace: &grace.collect(),
        reclaim: &texts(reclaim),
        allocatable_enforced: false,
    });
    Tracker::new(all.expect("thresholds"), Duration::from_secs(300))
}

fn memory(available: i64) -> BTreeMap<Signal, Observation> {
    let observation = Observation {
        available,
        capacity: 1000,
    };
    BTreeMap::from([(Signal::Memory, observation)])
}

#[test]
fn hard_thresholds_act_at_once_and_pressure_stays_a_while() {
    let mut tracker = tracker(&[("memory.available", "10%")], &[], &[]);
    let begin = Instant::now();
    let at = |seconds| begin + Duration::from_secs(seconds);
    assert_eq!(tracker.step(&memory(100), at(0)), crate::Verdict::default());
    let verdict = tracker.step(&memory(99), at(10));
    assert_eq!(verdict.pressures, [Pressure::Memory]);
    assert!(verdict.reclaim.is_some());
    let verdict = tracker.step(&memory(500), at(20));
    assert_eq!((verdict.pressures.len(), verdict.reclaim), (1, None));
    assert!(tracker.step(&memory(500), at(311)).pressures.is_empty());
}

#[test]
fn soft_thresholds_wait() {
    let mut tracker = tracker(&[], &[("memory.available", "200")], &[]);
    let begin = Instant::now();
    let verdict = tracker.step(&memory(150), begin);
    assert_eq!((verdict.pressures.len(), verdict.reclaim), (1, None));
    let after = |seconds| begin + Duration::from_secs(seconds);
    assert!(tracker.step(&memory(150), after(59)).reclaim.is_none());
    assert!(tracker.step(&memory(150), after(60)).reclaim.is_some());
    assert!(tracker.step(&memory(300), after(70)).reclaim.is_none());
    assert!(tracker.step(&memory(150), after(80)).reclaim.is_none(), "begins anew");
}

#[test]
fn enough_is_more_after_a_shortage() {
    let mut tracker = tracker(&[("memory.available", "100")], &[], &[("memory.available", "50")]);
    let now = Instant::now();
    assert!(tracker.step(&memory(120), now).reclaim.is_none());
    assert!(tracker.step(&memory(90), now).reclaim.is_some());
    assert!(tracker.step(&memory(120), now).reclaim.is_some());
    assert!(tracker.step(&memory(150), now).reclaim.is_none());
}

#[test]
fn wrong_thresholds_are_refused() {
    let none = BTreeMap::new();
    let read = |hard: &[(&str, &str)], soft: &[(&str, &str)]| {
        let all = thresholds(&Thresholds {
            hard: &texts(hard),
            soft: &texts(soft),
            grace: &BTreeMap::new(),
            reclaim: &none,
            allocatable_enforced: false,
        });
        all.map_or_else(|error| error.to_string(), |all| all.len().to_string())
    };
    assert_eq!(read(&[("memory.available", "0%")], &[]), "0");
    assert_eq!(read(&[("mem", "1")], &[]), "unsupported eviction signal mem");
    assert_eq!(
        read(&[], &[("pid.available", "1")]),
        "grace period must be specified for the soft eviction threshold pid.available"
    );
}

#[test]
fn files_count_where_they_lie() {
    let files = |signal: Signal, images_apart| {
        let files = signal.files(images_apart);
        (files.layers, files.local)
    };
    for (signal, together, apart) in [
        (Signal::NodeFs, (true, true), (false, true)),
        (Signal::NodeFsInodes, (true, true), (false, true)),
        (Signal::ImageFs, (true, true), (true, false)),
        (Signal::ContainerFsInodes, (true, true), (true, false)),
        (Signal::Memory, (false, false), (false, false)),
        (Signal::Pid, (false, false), (false, false)),
    ] {
        assert_eq!(
            (files(signal, false), files(signal, true)),
            (together, apart),
            "{signal:?}"
        );
    }
}

fn pod(name: &str, spec: &str) -> Arc<Pod> {
    let text = format!(r#"{{"metadata":{{"name":"{name}"}},"spec":{spec}}}"#);
    Arc::new(Pod::from_json(text.as_bytes()).expect("a pod"))
}

#[test]
fn those_beyond_their_requests_go_first() {
    let asking = r#"{"priority":P,"containers":[{"name":"c","resources":{"requests":{"memory":"100"}}}]}"#;
    let with = |name: &str, priority: i32, amount| Use {
        pod: pod(name, &asking.replace('P', &priority.to_string())),
        amount,
        containers: [("c".to_owned(), amount)].into(),
    };
    let ranked = rank(
        Signal::Memory,
        vec![
            with("modest", 0, 90),
            with("important", 1000, 500),
            with("greedy", 0, 300),
            with("greedier", 0, 400),
            with("critical", 2_000_000_000, 900),
        ],
    );
    let names: Vec<_> = ranked.iter().map(|it| it.pod.metadata.name.as_str()).collect();
    assert_eq!(names, ["greedier", "greedy", "important", "modest"]);
    let all = thresholds(&Thresholds {
        hard: &texts(&[("memory.available", "1Mi")]),
        soft: &BTreeMap::new(),
        grace: &BTreeMap::new(),
        reclaim: &BTreeMap::new(),
        allocatable_enforced: false,
    });
    let observed = Observation {
        available: 512 << 10,
        capacity: 10 << 20,
    };
    assert_eq!(
        message(&all.expect("thresholds")[0], &observed, &ranked[0]),
        "The node was low on resource: memory. Threshold quantity: 1Mi, available: 512Ki. \
         Container c was using 400, request is 100, has larger consumption of memory. "
    );
}

#[test]
fn every_container_that_uses_more_than_it_asked_for_is_named() {
    let spec = r#"{"resources":{"requests":{"memory":"1Ki"}},"initContainers":[{"name":"beside"}],
        "containers":[{"name":"a","resources":{"requests":{"memory":"1Ki"}}},{"name":"b"}]}"#;
    let used = |a, b| Use {
        pod: pod("p", spec),
        amount: a + b,
        containers: [("a", a), ("b", b), ("beside", b), ("debug", b)]
            .map(|(name, amount)| (name.to_owned(), amount))
            .into(),
    };
    let message = |signal: &str, least: &str, used: &Use| {
        let all = thresholds(&Thresholds {
            hard: &texts(&[(signal, least)]),
            soft: &BTreeMap::new(),
            grace: &BTreeMap::new(),
            reclaim: &BTreeMap::new(),
            allocatable_enforced: false,
        });
        let observed = Observation {
            available: 5,
            capacity: 4000,
        };
        message(&all.expect("thresholds")[0], &observed, used)
    };
    assert_eq!(
        message("memory.available", "50%", &used(1024, 3)),
        "The node was low on resource: memory. Threshold quantity: 2000, available: 5. \
         Pod p was using 1027, request is 1Ki, has larger consumption of memory. \
         Container b was using 3, request is 0, has larger consumption of memory. \
         Container beside was using 3, request is 0, has larger consumption of memory. "
    );
    assert_eq!(
        message("nodefs.available", "10Ki", &used(0, 0)),
        "The node was low on resource: ephemeral-storage. Threshold quantity: 10Ki, available: 5. "
    );
}

#[test]
fn pods_that_are_held_to_what_is_allocatable_are_watched_too() {
    let signals = |allocatable_enforced| -> Vec<_> {
        let all = thresholds(&Thresholds {
            hard: &texts(&[("memory.available", "100Mi"), ("pid.available", "10")]),
            soft: &texts(&[("memory.available", "200Mi")]),
            grace: &[("memory.available".to_owned(), Duration::ZERO)].into(),
            reclaim: &texts(&[("memory.available", "1Mi")]),
            allocatable_enforced,
        });
        let all = all.expect("thresholds").into_iter();
        all.map(|threshold| (threshold.signal, threshold.grace.is_some()))
            .collect()
    };
    assert_eq!(
        signals(true),
        [
            (Signal::Memory, false),
            (Signal::AllocatableMemory, false),
            (Signal::Pid, false),
            (Signal::Memory, true)
        ]
    );
    assert!(!signals(false).contains(&(Signal::AllocatableMemory, false)));
}

#[test]
fn limits_of_local_storage() {
    let it = pod(
        "p",
        r#"{"volumes":[{"name":"v","emptyDir":{"sizeLimit":"1Ki"}}],
            "containers":[{"name":"c","resources":{"limits":{"ephemeral-storage":"2Ki"}}}]}"#,
    );
    let with = |volume: u64, container: u64, total: u64| LocalUse {
        volumes: [("v".to_owned(), volume)].into(),
        containers: [("c".to_owned(), container)].into(),
        total,
    };
    assert_eq!(excess(&it, &with(1024, 0, 1024)), None);
    assert_eq!(
        excess(&it, &with(1025, 0, 1025)).as_deref(),
        Some(r#"Usage of EmptyDir volume "v" exceeds the limit "1Ki". "#)
    );
    assert_eq!(
        excess(&it, &with(0, 0, 2049)).as_deref(),
        Some("Pod ephemeral local storage usage exceeds the total limit of containers 2Ki. ")
    );
}

#[test]
fn images_that_were_not_used_for_long_go_first() {
    let image = |id: &str, pinned| ImageFacts {
        id: id.to_owned(),
        size: 10,
        pinned,
    };
    let images = [
        image("a", false),
        image("b", false),
        image("c", false),
        image("pause", true),
    ];
    let mut lives = ImageLives::default();
    let begin = Instant::now();
    let used = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<HashSet<_>>();
    lives.observe(&images, &used(&["a"]), begin);
    let later = begin + Duration::from_secs(100);
    lives.observe(&images, &used(&["c"]), later);
    let ids: Vec<_> = lives
        .candidates(&images, &used(&["c"]))
        .into_iter()
        .map(|it| it.id)
        .collect();
    assert_eq!(ids, ["b", "a"]);
    let policy = ImagePolicy {
        high: 85,
        low: 80,
        min_age: Duration::from_secs(120),
        max_age: Some(Duration::from_secs(1000)),
    };
    assert!(lives.is_young("a", &policy, later));
    assert!(!lives.is_young("a", &policy, begin + Duration::from_secs(120)));
    assert!(lives.is_stale("a", &policy, begin + Duration::from_secs(1001)));
    assert_eq!(to_free(&policy, 1000, 160), None);
    let excess = Excess { used: 85, bytes: 50 };
    assert_eq!(to_free(&policy, 1000, 150), Some(excess));
    assert_eq!(
        insufficient(excess, 3 << 29, 7),
        "Insufficient free disk space on the node's image filesystem (85% of 1.5 GiB used). Failed to free sufficient space by \
         deleting unused images (freed 7 bytes). Investigate disk usage, as it could be used by active images, logs, volumes, \
         or other data."
    );
    assert!(insufficient(excess, 1000, 0).contains("of 1000 B used"));
}
