//! An informer against a server that breaks watches, forgets history, repeats and cuts events.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use k8s_api::core::v1::ConfigMap;
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::testing::{Canned, FakeServer};

/// What a handler was told, checked as it comes.
#[derive(Default)]
struct Mirror {
    objects: BTreeMap<String, (String, u64)>,
    events: usize,
    wrong: Vec<String>,
}

impl Mirror {
    fn take(&mut self, event: &Event<ConfigMap>) {
        self.events += 1;
        let object = event.object();
        let key = ObjectKey::of(&**object).to_string();
        let now = (
            object.metadata.uid.clone(),
            object.metadata.resource_version.parse::<u64>().unwrap(),
        );
        let before = self.objects.get(&key).cloned();
        match event {
            Event::Added { .. } => {
                if before.is_some() {
                    self.wrong.push(format!("{key} was added twice"));
                }
                self.objects.insert(key, now);
            }
            Event::Updated { old, .. } => {
                let told = (old.metadata.uid.clone(), old.metadata.resource_version.parse().unwrap());
                if before.as_ref() != Some(&told) || told.0 != now.0 || told.1 >= now.1 {
                    self.wrong
                        .push(format!("{key} went from {before:?}, said to be {told:?}, to {now:?}"));
                }
                self.objects.insert(key, now);
            }
            Event::Deleted { .. } => {
                if before.is_none_or(|before| before.0 != now.0) {
                    self.wrong.push(format!("{key} was deleted without being there"));
                }
                self.objects.remove(&key);
            }
        }
    }
}

fn server_state(server: &FakeServer) -> BTreeMap<String, (String, u64)> {
    let items = server.with_store(|store| store.list("/api/v1/configmaps", ""));
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let entry = |object: &serde_json::Value| {
        let metadata = &object["metadata"];
        let key = format!("{}/{}", text(&metadata["namespace"]), text(&metadata["name"]));
        (
            key,
            (
                text(&metadata["uid"]),
                text(&metadata["resourceVersion"]).parse().unwrap(),
            ),
        )
    };
    items.iter().map(entry).collect()
}

async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let reached = crate::wait::poll(Duration::from_millis(5), Duration::from_secs(300), async || {
        Ok::<_, ()>(condition())
    })
    .await;
    assert_eq!(reached, Ok(true), "{what}");
}

fn start(server: &FakeServer, watch_list: bool) -> (SharedInformer<ConfigMap>, CancellationToken) {
    let options = InformerOptions {
        watch_list,
        ..InformerOptions::default()
    };
    let informer = SharedInformer::new(server.client().all::<ConfigMap>(), options);
    let stop = CancellationToken::new();
    let (running, stopped) = (informer.clone(), stop.clone());
    tokio::spawn(async move { running.run(stopped).await });
    (informer, stop)
}

fn mirror(informer: &SharedInformer<ConfigMap>) -> (Arc<Mutex<Mirror>>, Registration) {
    let mirror = Arc::new(Mutex::new(Mirror::default()));
    let told = mirror.clone();
    let registration = informer.add_handler(move |event: Event<ConfigMap>| told.lock().take(&event));
    (mirror, registration)
}

fn random_change(server: &FakeServer, random: &mut StdRng) {
    let name = format!("cm-{}", random.random_range(0..12));
    let namespace = format!("ns-{}", random.random_range(0..3));
    let value = random.random::<u32>().to_string();
    let dice = random.random_range(0..20);
    server.with_store(|store| match dice {
        0..13 => drop(store.put_config_map(&namespace, &name, &value)),
        13..19 => drop(store.delete("/api/v1/configmaps", &namespace, &name)),
        _ => store.compact(),
    });
}

/// Breaks watches at arbitrary events, some within one, repeats every event, forgets history in between.
async fn survives(seed: u64, watch_list: bool) {
    let server = FakeServer::start().await;
    let mut random = StdRng::seed_from_u64(seed);
    for _ in 0..10 {
        random_change(&server, &mut random);
    }
    server.faults().no_watch_list.store(!watch_list, Ordering::SeqCst);
    let (informer, stop) = start(&server, true);
    let (first, _registration) = mirror(&informer);
    assert!(informer.wait_synced().await);
    let mut late = None;
    for round in 0..40 {
        server
            .faults()
            .break_watch_after
            .store(random.random_range(0..6), Ordering::SeqCst);
        server
            .faults()
            .break_within_event
            .store(random.random(), Ordering::SeqCst);
        server
            .faults()
            .duplicate_events
            .store(random.random(), Ordering::SeqCst);
        for _ in 0..random.random_range(1..8) {
            random_change(&server, &mut random);
        }
        if random.random_range(0..4) == 0 {
            server.break_watches();
        }
        if round == 20 {
            late = Some(mirror(&informer));
        }
        // Some rounds end in the middle of things, some when a watch has broken or everything has arrived.
        if random.random_range(0..3) > 0 {
            let broken = server.broken_watches();
            let expected = server_state(&server);
            eventually("a round ends", || {
                server.broken_watches() > broken || first.lock().objects == expected
            })
            .await;
        }
    }
    server.faults().break_watch_after.store(0, Ordering::SeqCst);
    let expected = server_state(&server);
    let (second, _) = late.expect("a handler was added half way");
    eventually("both handlers reach the server's state", || {
        first.lock().objects == expected && second.lock().objects == expected
    })
    .await;
    for mirror in [first, second] {
        assert_eq!(mirror.lock().wrong, Vec::<String>::new());
    }
    assert!(
        server.broken_watches() > 3,
        "the faults did happen: {}",
        server.broken_watches()
    );
    let stored: Vec<_> = informer.store().keys().iter().map(ToString::to_string).collect();
    assert_eq!(stored, expected.keys().cloned().collect::<Vec<_>>());
    stop.cancel();
}

#[tokio::test(start_paused = true)]
async fn misses_and_repeats_nothing_with_watch_list() {
    for seed in 0..6 {
        survives(seed, true).await;
    }
}

#[tokio::test(start_paused = true)]
async fn misses_and_repeats_nothing_with_list_and_watch() {
    for seed in 100..106 {
        survives(seed, false).await;
    }
}

#[tokio::test]
async fn a_broken_watch_is_resumed_without_a_list() {
    let server = FakeServer::start().await;
    server.faults().no_watch_list.store(true, Ordering::SeqCst);
    server.with_store(|store| store.put_config_map("a", "x", "1"));
    let (informer, stop) = start(&server, true);
    assert!(informer.wait_synced().await);
    server.with_store(|store| store.put_config_map("a", "x", "2"));
    eventually("the first change arrives", || {
        informer
            .lister()
            .get("a", "x")
            .is_some_and(|object| object.data["value"] == "2")
    })
    .await;
    let requests = server.seen().len();
    server.break_watches();
    eventually("the watch is resumed", || server.seen().len() > requests).await;
    server.with_store(|store| store.put_config_map("a", "x", "3"));
    eventually("the second change arrives", || {
        informer
            .lister()
            .get("a", "x")
            .is_some_and(|object| object.data["value"] == "3")
    })
    .await;
    let seen = server.seen();
    let lists: Vec<_> = seen.iter().filter(|seen| seen.parameter("watch").is_none()).collect();
    assert_eq!(lists.len(), 1, "one list, then watches: {seen:?}");
    assert_eq!(lists[0].parameter("resourceVersion").as_deref(), Some("0"));
    let resumed = seen.last().expect("there were requests");
    assert_eq!(resumed.parameter("resourceVersion").as_deref(), Some("2"));
    assert_eq!(resumed.parameter("allowWatchBookmarks").as_deref(), Some("true"));
    let timeout: u64 = resumed
        .parameter("timeoutSeconds")
        .expect("watches have a timeout")
        .parse()
        .unwrap();
    assert!((300..600).contains(&timeout), "{timeout}");
    stop.cancel();
}

/// As one does whose etcd cannot tell how far a watch has come.
#[tokio::test]
async fn a_server_that_fails_over_initial_events_is_listed() {
    is_listed_after_failure(Duration::ZERO).await;
}

/// Some try for a while.
#[tokio::test]
async fn a_server_that_fails_slowly_over_initial_events_is_listed() {
    is_listed_after_failure(Duration::from_millis(1100)).await;
}

async fn is_listed_after_failure(tries: Duration) {
    let server = FakeServer::start().await;
    server.with_store(|store| store.put_config_map("a", "x", "1"));
    server.on_request(move |seen| {
        let error = json!({"type": "ERROR", "object": {"kind": "Status", "apiVersion": "v1", "status": "Failure",
            "code": 500, "reason": "InternalError", "message": "a required storage feature is disabled"}});
        (seen.parameter("sendInitialEvents").as_deref() == Some("true")).then(|| {
            std::thread::sleep(tries);
            Canned::json(200, &error)
        })
    });
    let (informer, stop) = start(&server, true);
    let synced = tokio::time::timeout(Duration::from_secs(10), informer.wait_synced()).await;
    assert_eq!(synced, Ok(true));
    assert_eq!(
        informer.lister().get("a", "x").expect("it was listed").data["value"],
        "1"
    );
    let seen = server.seen();
    let lists = seen.iter().filter(|seen| seen.parameter("watch").is_none()).count();
    assert_eq!(lists, 1, "one watch for initial events, then a list: {seen:?}");
    stop.cancel();
}

/// A server that is restarted again and again is found again as soon after the last time as after the first.
#[tokio::test(start_paused = true)]
async fn breaks_of_a_watch_that_had_stood_do_not_add_up() {
    breaks_do_not_add_up(Duration::from_secs(2)).await;
}

/// As is one that goes as soon as it is found.
#[tokio::test(start_paused = true)]
async fn breaks_of_connections_do_not_add_up() {
    breaks_do_not_add_up(Duration::ZERO).await;
}

async fn breaks_do_not_add_up(stands: Duration) {
    let server = FakeServer::start().await;
    server.with_store(|store| store.put_config_map("a", "x", "0"));
    server.faults().break_within_event.store(true, Ordering::SeqCst);
    let (informer, stop) = start(&server, true);
    assert!(informer.wait_synced().await);
    for round in 1..=8 {
        tokio::time::sleep(stands).await;
        server.faults().break_watch_after.store(1, Ordering::SeqCst);
        for key in ["x", "y"] {
            server.with_store(|store| store.put_config_map("a", key, &round.to_string()));
        }
        eventually("the watch breaks", || server.broken_watches() >= round).await;
        server.faults().break_watch_after.store(0, Ordering::SeqCst);
        let broke = tokio::time::Instant::now();
        eventually("the second change arrives", || {
            informer
                .lister()
                .get("a", "y")
                .is_some_and(|object| object.data["value"] == round.to_string())
        })
        .await;
        let took = broke.elapsed();
        assert!(took < Duration::from_secs(4), "break {round}: {took:?}");
    }
    stop.cancel();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_or_panicking_handler_holds_up_no_other() {
    let server = FakeServer::start().await;
    let (informer, stop) = start(&server, true);
    let (release, gate) = std::sync::mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let slow = Arc::new(Mutex::new(0));
    let counted = slow.clone();
    let _slow = informer.add_handler(move |_: Event<ConfigMap>| {
        // Stands still until released; the runtime keeps going on its other threads.
        tokio::task::block_in_place(|| gate.lock().recv().expect("the test releases it"));
        *counted.lock() += 1;
    });
    let _panics = informer.add_handler(|_: Event<ConfigMap>| panic!("the handler's own mistake"));
    let (quick, _) = mirror(&informer);
    for value in 0..5 {
        server.with_store(|store| store.put_config_map("a", &format!("x{value}"), "1"));
    }
    eventually("the quick handler is told of everything", || {
        quick.lock().objects.len() == 5
    })
    .await;
    assert_eq!(*slow.lock(), 0);
    for _ in 0..5 {
        release.send(()).unwrap();
    }
    eventually("the slow handler catches up", || *slow.lock() == 5).await;
    stop.cancel();
}

#[tokio::test]
async fn selectors_indices_and_transforms() {
    let server = FakeServer::start().await;
    server.with_store(|store| {
        store.put_config_map("a", "x", "1");
        store.put_config_map("a", "y", "2");
        store.put_config_map("ab", "x", "1");
    });
    let factory = InformerFactory::new(server.client(), CancellationToken::new());
    let informer = factory.informer::<ConfigMap>();
    informer.add_index("value", |object| {
        object.data.get("value").cloned().into_iter().collect()
    });
    let options = InformerOptions {
        field_selector: "metadata.namespace=ab".to_owned(),
        transform: Some(Arc::new(|object: &mut ConfigMap| object.data.clear())),
        ..InformerOptions::default()
    };
    let filtered = factory.informer_with(server.client().all::<ConfigMap>(), options);
    factory.start();
    assert!(factory.wait_for_cache_sync().await);
    assert!(
        Arc::ptr_eq(informer.store(), factory.informer::<ConfigMap>().store()),
        "one store a kind"
    );

    let lister = informer.lister();
    let names = |objects: Vec<Arc<ConfigMap>>| {
        objects
            .iter()
            .map(|o| ObjectKey::of(&**o).to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(lister.list_namespace("a")), ["a/x", "a/y"]);
    assert_eq!(names(lister.by_index("value", "1")), ["a/x", "ab/x"]);
    assert_eq!(
        names(lister.select("", &"app=test".parse().unwrap())),
        ["a/x", "a/y", "ab/x"]
    );
    assert_eq!(
        lister.require("a", "z").unwrap_err().to_string(),
        "configmaps \"z\" not found"
    );
    assert_eq!(names(filtered.lister().list()), ["ab/x"]);
    assert!(filtered.lister().list()[0].data.is_empty());

    server.with_store(|store| store.put_config_map("a", "x", "9"));
    eventually("the index follows", || names(lister.by_index("value", "9")) == ["a/x"]).await;
    assert_eq!(names(lister.by_index("value", "1")), ["ab/x"]);
    factory.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn resync_tells_of_everything_again() {
    let server = FakeServer::start().await;
    server.with_store(|store| store.put_config_map("a", "x", "1"));
    let (informer, stop) = start(&server, true);
    let same = Arc::new(Mutex::new(0));
    let counted = same.clone();
    let handler = move |event: Event<ConfigMap>| {
        if let Event::Updated { old, new } = event
            && Arc::ptr_eq(&old, &new)
        {
            *counted.lock() += 1;
        }
    };
    let mut registration = informer.add_handler_with_resync(handler, Some(Duration::from_secs(60)));
    assert!(registration.wait_synced().await);
    eventually("two periods pass", || *same.lock() >= 2).await;
    registration.remove();
    stop.cancel();
}
