//! Counts, combinations, the spam filter and series.

use std::time::Duration;

use k8s_api::core::v1::{ConfigMap, Event};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::correlator::Correlator;
use super::*;
use crate::testing::{Canned, FakeServer};

fn event(object: &str, message: &str) -> Event {
    let mut event = Event::default();
    event.metadata.name = format!("{object}.{message}");
    event.involved_object.name = object.to_owned();
    event.reason = "Because".to_owned();
    event.message = message.to_owned();
    event.count = 1;
    event
}

#[tokio::test(start_paused = true)]
async fn equal_events_are_counted_under_one_name() {
    let mut correlator = Correlator::default();
    let now = Instant::now();
    let first = correlator
        .correlate(event("pod", "m"), now)
        .expect("the first is written");
    assert_eq!(first.count, 1);
    correlator.written(&first);
    let mut again = event("pod", "m");
    again.metadata.name = "another".to_owned();
    let second = correlator.correlate(again, now).expect("the second is written");
    assert_eq!((second.count, second.metadata.name.as_str()), (2, "pod.m"));
}

#[tokio::test(start_paused = true)]
async fn ten_similar_events_become_one_until_ten_quiet_minutes() {
    let mut correlator = Correlator::default();
    let now = Instant::now();
    for i in 0..9 {
        let message = i.to_string();
        assert_eq!(
            correlator.correlate(event("pod", &message), now).unwrap().message,
            message
        );
    }
    let tenth = correlator.correlate(event("pod", "9"), now).unwrap();
    assert_eq!(
        (tenth.message.as_str(), tenth.count),
        ("(combined from similar events): 9", 1)
    );
    correlator.written(&tenth);
    let next = correlator.correlate(event("pod", "10"), now).unwrap();
    assert_eq!(
        (next.message.as_str(), next.count),
        ("(combined from similar events): 10", 2)
    );
    assert_eq!(next.metadata.name, tenth.metadata.name);
    let later = correlator
        .correlate(event("pod", "11"), now + Duration::from_secs(601))
        .unwrap();
    assert_eq!(later.message, "11");
}

#[tokio::test(start_paused = true)]
async fn a_source_may_tell_25_of_an_object_and_then_one_in_five_minutes() {
    let mut correlator = Correlator::default();
    let now = Instant::now();
    let passed = (0..40)
        .filter(|_| correlator.correlate(event("pod", "m"), now).is_some())
        .count();
    assert_eq!(passed, 25);
    assert!(correlator.correlate(event("other", "m"), now).is_some());
    assert!(
        correlator
            .correlate(event("pod", "m"), now + Duration::from_secs(299))
            .is_none()
    );
    assert!(
        correlator
            .correlate(event("pod", "m"), now + Duration::from_secs(301))
            .is_some()
    );
}

fn object() -> ConfigMap {
    let mut object = ConfigMap::default();
    object.metadata.name = "cm".to_owned();
    object.metadata.namespace = "ns".to_owned();
    object.metadata.uid = "u".to_owned();
    object
}

#[tokio::test]
async fn core_events_are_created_then_patched() {
    let server = FakeServer::start().await;
    let mut refusals = 1;
    server.on_request(move |_| {
        // The first request is to be repeated; the client does so by itself.
        refusals -= 1;
        (refusals == 0).then(|| Canned::json(429, &serde_json::json!({})).header("retry-after", "0"))
    });
    let broadcaster = EventBroadcaster::new(server.client(), EventApi::Core, "test-controller", "node-1");
    let recorder = broadcaster.recorder();
    for _ in 0..3 {
        recorder.event(&object(), EventType::Warning, "Because", "of this");
    }
    let stop = CancellationToken::new();
    let running = tokio::spawn(broadcaster.run(stop.clone()));
    let written = || server.with_store(|store| store.list("/api/v1/events", "ns"));
    let reached = crate::wait::poll(Duration::from_millis(5), Duration::from_secs(30), async || {
        Ok::<_, ()>(written().first().is_some_and(|event| event["count"] == 3))
    })
    .await;
    assert_eq!(reached, Ok(true), "{:?}", written());
    let event = &written()[0];
    assert_eq!(written().len(), 1);
    assert_eq!(event["involvedObject"]["kind"], "ConfigMap");
    assert_eq!(event["involvedObject"]["uid"], "u");
    assert_eq!(
        event["source"],
        serde_json::json!({"component": "test-controller", "host": "node-1"})
    );
    assert_eq!(
        (event["type"].as_str(), event["reason"].as_str()),
        (Some("Warning"), Some("Because"))
    );
    assert!(event["metadata"]["name"].as_str().unwrap().starts_with("cm."));
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn equal_new_events_become_a_series_and_the_queue_is_drained_at_the_end() {
    let server = FakeServer::start().await;
    let broadcaster = EventBroadcaster::new(server.client(), EventApi::Events, "scheduler", "scheduler-1");
    let recorder = broadcaster.recorder();
    for _ in 0..5 {
        recorder.event_for(
            reference(&object()),
            None,
            EventType::Normal,
            "Scheduled",
            "Binding",
            "note",
        );
    }
    let stop = CancellationToken::new();
    stop.cancel();
    broadcaster.run(stop).await;
    let written = server.with_store(|store| store.list("/apis/events.k8s.io/v1/events", "ns"));
    assert_eq!(written.len(), 1);
    assert_eq!(
        written[0]["series"]["count"], 2,
        "the second one makes the series, more are counted in memory"
    );
    assert_eq!(written[0]["regarding"]["name"], "cm");
    assert_eq!(written[0]["action"], "Binding");
}

#[tokio::test]
async fn new_events_wait_for_their_turn_and_not_in_the_queue() {
    let server = FakeServer::start().await;
    let mut broadcaster = EventBroadcaster::new(server.client(), EventApi::Events, "scheduler", "scheduler-1");
    let recorder = broadcaster.recorder();
    let mut writer = Writer {
        api: EventApi::Events,
        sink: &broadcaster.sink,
        correlator: Correlator::default(),
        series: SeriesCache::default(),
        writes: FuturesUnordered::new(),
        waiting: VecDeque::new(),
    };
    for i in 0..WRITES + 10 {
        let mut regarding = reference(&object());
        regarding.name = format!("cm-{i}");
        recorder.event_for(regarding, None, EventType::Normal, "Scheduled", "Binding", "note");
        let recorded = broadcaster.queue.recv().await.expect("it was told");
        writer.write(recorded).await;
    }
    assert_eq!((writer.writes.len(), writer.waiting.len()), (WRITES, 10));
    while !writer.writes.is_empty() {
        writer.finish_one().await;
    }
    let written = server.with_store(|store| store.list("/apis/events.k8s.io/v1/events", "ns"));
    assert_eq!(written.len(), WRITES + 10);
}

#[tokio::test]
async fn a_full_queue_drops_events_and_never_waits() {
    let server = FakeServer::start().await;
    let broadcaster = EventBroadcaster::new(server.client(), EventApi::Core, "c", "h");
    let recorder = broadcaster.recorder();
    for _ in 0..QUEUE + 100 {
        recorder.event(&object(), EventType::Normal, "Because", "m");
    }
    assert_eq!(broadcaster.queue.len(), QUEUE);
}
