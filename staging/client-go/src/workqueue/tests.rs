//! The queue's promises, on paused time.

use std::sync::Arc;
use std::time::Duration;

use component_base::metrics::MetricsRegistry;
use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::*;

fn queue() -> WorkQueue<&'static str> {
    WorkQueue::with_limiter(
        "test",
        None,
        ItemExponentialFailure::new(Duration::from_millis(5), Duration::from_secs(1000)),
    )
}

#[tokio::test(start_paused = true)]
async fn a_key_is_in_the_queue_once_and_with_one_worker() {
    let queue = queue();
    queue.add("a");
    queue.add("a");
    queue.add("b");
    assert_eq!(queue.len(), 2);
    assert_eq!(queue.get().await, Some("a"));
    queue.add("a");
    queue.add("a");
    assert_eq!(queue.len(), 1, "what is worked on waits until its worker is done");
    assert_eq!(queue.get().await, Some("b"));
    queue.done(&"b");
    queue.done(&"a");
    assert_eq!(queue.get().await, Some("a"));
    queue.done(&"a");
    assert!(queue.is_empty());
}

#[tokio::test(start_paused = true)]
async fn delays_end_in_their_order_and_the_earlier_one_counts() {
    let queue = queue();
    let started = Instant::now();
    queue.add_after("late", Duration::from_secs(20));
    queue.add_after("soon", Duration::from_secs(10));
    queue.add_after("late", Duration::from_secs(15));
    queue.add_after("late", Duration::from_secs(30));
    assert_eq!(queue.get().await, Some("soon"));
    assert_eq!(started.elapsed(), Duration::from_secs(10));
    assert_eq!(queue.get().await, Some("late"));
    assert_eq!(started.elapsed(), Duration::from_secs(15));
    queue.done(&"late");
    let more = tokio::time::timeout(Duration::from_secs(3600), queue.get()).await;
    assert!(more.is_err(), "the later times do not count");
}

#[tokio::test(start_paused = true)]
async fn a_key_added_earlier_is_not_held_up_by_waiting_workers() {
    let queue = queue();
    queue.add_after("late", Duration::from_secs(100));
    let (one, two) = (queue.clone(), queue.clone());
    let workers = [
        tokio::spawn(async move { one.get().await }),
        tokio::spawn(async move { two.get().await }),
    ];
    tokio::task::yield_now().await;
    let started = Instant::now();
    queue.add("now");
    queue.add_after("soon", Duration::from_secs(1));
    let mut got = Vec::new();
    for worker in workers {
        got.push(worker.await.unwrap().unwrap());
    }
    got.sort_unstable();
    assert_eq!(got, ["now", "soon"]);
    assert_eq!(started.elapsed(), Duration::from_secs(1));
}

#[tokio::test]
async fn pauses_double_up_to_the_limit_and_start_over() {
    let limiter = ItemExponentialFailure::new(Duration::from_millis(5), Duration::from_secs(1000));
    let waits: Vec<_> = (0..4).map(|_| limiter.when(&"a").as_millis()).collect();
    assert_eq!(waits, [5, 10, 20, 40]);
    assert_eq!(limiter.when(&"b").as_millis(), 5);
    assert_eq!(limiter.num_requeues(&"a"), 4);
    for _ in 0..100 {
        limiter.when(&"a");
    }
    assert_eq!(limiter.when(&"a"), Duration::from_secs(1000));
    limiter.forget(&"a");
    assert_eq!(limiter.when(&"a").as_millis(), 5);
}

#[tokio::test(start_paused = true)]
async fn the_default_limit_over_all_keys_is_ten_a_second_after_a_hundred() {
    let limiter = default_limiter();
    for key in 0..100 {
        assert_eq!(limiter.when(&key), Duration::from_millis(5));
    }
    let wait = limiter.when(&1000);
    assert!(
        (Duration::from_millis(99)..=Duration::from_millis(100)).contains(&wait),
        "{wait:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn shutting_down_gives_out_what_is_ready_and_takes_nothing_more() {
    let queue = queue();
    queue.add("a");
    queue.add_after("later", Duration::from_secs(1));
    let draining = queue.clone();
    let drain = tokio::spawn(async move { draining.shut_down_with_drain().await });
    tokio::task::yield_now().await;
    queue.add("b");
    assert_eq!(queue.get().await, Some("a"));
    assert!(!drain.is_finished());
    queue.done(&"a");
    drain.await.unwrap();
    assert_eq!(queue.get().await, None);
    assert_eq!(queue.get().await, None, "for every worker");
}

#[tokio::test(start_paused = true)]
async fn workers_retry_errors_and_panics() {
    let queue = queue();
    let stop = CancellationToken::new();
    let calls = Arc::new(Mutex::new(Vec::new()));
    let (told, ended) = (calls.clone(), stop.clone());
    let reconcile = move |key: &'static str| {
        let (told, ended) = (told.clone(), ended.clone());
        async move {
            let so_far = {
                let mut told = told.lock();
                told.push(key);
                told.iter().filter(|k| **k == key).count()
            };
            match (key, so_far) {
                ("fails", 1 | 2) => Err("not yet"),
                ("panics", 1) => panic!("the reconcile's own mistake"),
                ("again", 1) => Ok(Outcome::RequeueAfter(Duration::from_secs(5))),
                ("again", 2) => {
                    ended.cancel();
                    Ok(Outcome::Done)
                }
                _ => Ok(Outcome::Done),
            }
        }
    };
    for key in ["fails", "panics", "again"] {
        queue.add(key);
    }
    run_workers(queue.clone(), 2, stop, reconcile).await;
    let mut calls = calls.lock().clone();
    calls.sort_unstable();
    assert_eq!(calls, ["again", "again", "fails", "fails", "fails", "panics", "panics"]);
    assert_eq!(queue.num_requeues(&"fails"), 0, "success forgets failures");
}

#[tokio::test(start_paused = true)]
async fn metrics_have_upstreams_names() {
    let registry = MetricsRegistry::default();
    let metrics = WorkQueueMetrics::new(&registry);
    let queue: WorkQueue<&str> = WorkQueue::new("deployment", Some(&metrics));
    queue.add("a");
    queue.add("b");
    let key = queue.get().await.unwrap();
    queue.add_rate_limited("c");
    tokio::time::advance(Duration::from_secs(3)).await;
    let text = registry.encode();
    for line in [
        "workqueue_adds_total{name=\"deployment\"} 2",
        "workqueue_depth{name=\"deployment\"} 1",
        "workqueue_retries_total{name=\"deployment\"} 1",
        "workqueue_unfinished_work_seconds{name=\"deployment\"} 3",
        "workqueue_longest_running_processor_seconds{name=\"deployment\"} 3",
        "workqueue_queue_duration_seconds_count{name=\"deployment\"} 1",
    ] {
        assert!(text.contains(line), "{line} is missing in:\n{text}");
    }
    queue.done(&key);
    assert!(
        registry
            .encode()
            .contains("workqueue_work_duration_seconds_count{name=\"deployment\"} 1")
    );
}
