//! The queue on paused time: order, back-off, events while pods are out, gates, nominations.

use component_base::metrics::MetricsRegistry;
use k8s_api::Kind as _;
use parking_lot::Mutex as Lock;
use scheduler_framework::events::{ActionType, EventResource};
use scheduler_framework::{PodOptions, Status};
use serde_json::json;

use super::*;

struct ByPriority;

impl QueueSort for ByPriority {
    fn compare(&self, a: &dyn Queued, b: &dyn Queued) -> Ordering {
        let by_priority = b.pod().priority().cmp(&a.pod().priority());
        by_priority.then_with(|| a.queued_at().cmp(&b.queued_at()))
    }
}

/// Holds back pods with a scheduling gate.
struct Gate;

impl PreEnqueue for Gate {
    fn pre_enqueue(&self, pod: &PodInfo) -> Status {
        if pod.pod.spec.scheduling_gates.is_empty() {
            Status::SUCCESS
        } else {
            Status::unresolvable("gated")
        }
    }
}

const NODE_ADD: ClusterEvent = ClusterEvent::new(EventResource::Node, ActionType::ADD);
const NODE_LABEL: ClusterEvent = ClusterEvent::new(EventResource::Node, ActionType::UPDATE_NODE_LABEL);
const GATES_GONE: ClusterEvent = ClusterEvent::new(
    EventResource::UnschedulablePod,
    ActionType::UPDATE_POD_SCHEDULING_GATES_ELIMINATED,
);

/// `Fit` takes any new node for a help, `Picky` none, `Gate` the end of gates.
fn queue(options: QueueOptions) -> SchedulingQueue {
    let hooks = ProfileHooks {
        pre_enqueue: vec![("Gate", Arc::new(Gate))],
        hints: vec![
            ("Fit", EventHint::always(EventResource::Node, ActionType::ADD)),
            (
                "Picky",
                EventHint::when(EventResource::Node, ActionType::ADD, |_, _| QueueingHint::Skip),
            ),
            (
                "Gate",
                EventHint::always(EventResource::Pod, ActionType::UPDATE_POD_SCHEDULING_GATES_ELIMINATED),
            ),
        ],
    };
    let metrics = Arc::new(Metrics::new(&MetricsRegistry::default()));
    let profiles = HashMap::from([(String::new(), hooks)]);
    SchedulingQueue::new(Arc::new(ByPriority), profiles, options, None, metrics)
}

fn pod_with(name: &str, priority: i32, gates: &[&str], nominated: &str) -> Arc<PodInfo> {
    let gates: Vec<_> = gates.iter().map(|name| json!({"name": name})).collect();
    let pod = Pod::from_value(json!({
        "metadata": {"name": name, "namespace": "ns", "uid": name},
        "spec": {"priority": priority, "schedulingGates": gates},
        "status": {"nominatedNodeName": nominated},
    }));
    Arc::new(PodInfo::new(Arc::new(pod.unwrap()), PodOptions::default()))
}

fn pod(name: &str, priority: i32) -> Arc<PodInfo> {
    pod_with(name, priority, &[], "")
}

fn popped(queue: &SchedulingQueue) -> Option<String> {
    queue.try_pop().map(|pod| pod.info.name().to_owned())
}

fn rejected(mut pod: QueuedPod, plugins: &[&'static str]) -> QueuedPod {
    pod.unschedulable_plugins = plugins.iter().copied().collect();
    pod.pending_plugins.clear();
    pod
}

#[tokio::test(start_paused = true)]
async fn the_most_important_pod_that_came_first_goes_first() {
    let queue = queue(QueueOptions::default());
    for (name, priority) in [("a", 0), ("b", 5), ("c", 0), ("d", 5), ("e", 9)] {
        queue.add(pod(name, priority));
        tokio::time::advance(Duration::from_millis(1)).await;
    }
    queue.delete("c");
    let order: Vec<_> = std::iter::from_fn(|| popped(&queue)).collect();
    assert_eq!(order, ["e", "b", "d", "a"]);
}

#[tokio::test(start_paused = true)]
async fn only_events_that_may_help_bring_pods_back() {
    let options = QueueOptions {
        pop_from_backoff: false,
        ..QueueOptions::default()
    };
    let queue = queue(options);
    for (name, plugins) in [
        ("fit", vec!["Fit"]),
        ("picky", vec!["Picky"]),
        ("both", vec!["Fit", "Picky"]),
    ] {
        queue.add(pod(name, 0));
        queue.add_unschedulable(rejected(queue.try_pop().unwrap(), &plugins));
    }
    assert_eq!(queue.pending()[2], ["ns/both", "ns/fit", "ns/picky"]);
    queue.move_all(NODE_LABEL, &EventObjects::None, None);
    assert_eq!(queue.pending()[2].len(), 3);
    let not_both = |pod: &PodInfo| pod.name() != "both";
    queue.move_all(NODE_ADD, &EventObjects::None, Some(&not_both));
    // They back off first.
    assert_eq!(
        queue.pending(),
        [
            vec![],
            vec!["ns/fit".to_owned()],
            vec!["ns/both".to_owned(), "ns/picky".to_owned()]
        ]
    );
    tokio::time::advance(Duration::from_secs(2)).await;
    queue.move_all(NODE_ADD, &EventObjects::None, None);
    // By now the back-off is over.
    assert_eq!(queue.pending()[0], ["ns/both"]);
    queue.flush_backoff();
    assert_eq!(queue.pending()[0], ["ns/both", "ns/fit"]);
}

#[tokio::test(start_paused = true)]
async fn backoff_doubles_up_to_the_limit() {
    let options = QueueOptions {
        pop_from_backoff: false,
        ..QueueOptions::default()
    };
    let queue = queue(options);
    queue.add(pod("p", 0));
    for seconds in [1, 2, 4, 8, 10, 10] {
        queue.add_unschedulable(rejected(queue.try_pop().unwrap(), &["Fit"]));
        queue.move_all(NODE_ADD, &EventObjects::None, None);
        tokio::time::advance(Duration::from_secs(seconds)).await;
        queue.flush_backoff();
        assert_eq!(queue.pending()[1].len(), 1, "still backing off after {seconds} s");
        tokio::time::advance(Duration::from_millis(1)).await;
        queue.flush_backoff();
        assert_eq!(queue.pending()[0].len(), 1, "ready after {seconds} s");
    }
}

#[tokio::test(start_paused = true)]
async fn errors_back_off_without_events_and_are_not_taken_out_early() {
    let queue = queue(QueueOptions::default());
    queue.add(pod("p", 0));
    queue.add_unschedulable(queue.try_pop().unwrap());
    assert_eq!(queue.pending()[1], ["ns/p"]);
    assert_eq!(popped(&queue), None);
    tokio::time::advance(Duration::from_secs(2)).await;
    queue.flush_backoff();
    assert_eq!(popped(&queue).as_deref(), Some("p"));
}

#[tokio::test(start_paused = true)]
async fn pods_that_back_off_are_tried_when_there_is_nothing_else() {
    let queue = queue(QueueOptions::default());
    for name in ["a", "b"] {
        queue.add(pod(name, 0));
        queue.add_unschedulable(rejected(queue.try_pop().unwrap(), &["Fit"]));
        tokio::time::advance(Duration::from_millis(1)).await;
    }
    queue.move_all(NODE_ADD, &EventObjects::None, None);
    assert_eq!(queue.pending()[1], ["ns/a", "ns/b"]);
    queue.add(pod("new", 0));
    assert_eq!(popped(&queue).as_deref(), Some("new"));
    assert_eq!(popped(&queue).as_deref(), Some("a"));
}

#[tokio::test(start_paused = true)]
async fn events_while_a_pod_is_out_are_held_against_it() {
    let queue = queue(QueueOptions::default());
    queue.add(pod("early", 0));
    let early = queue.try_pop().unwrap();
    queue.move_all(NODE_ADD, &EventObjects::None, None);
    queue.add(pod("late", 0));
    let late = queue.try_pop().unwrap();
    queue.add_unschedulable(rejected(late, &["Fit"]));
    assert_eq!(
        queue.pending()[2],
        ["ns/late"],
        "the event came before it was taken out"
    );
    queue.add_unschedulable(rejected(early, &["Fit"]));
    assert_eq!(queue.pending()[1], ["ns/early"]);
    assert!(queue.inner.lock().in_flight.is_empty());
    assert_eq!(
        queue.inner.lock().in_flight.events(),
        0,
        "nobody needs the event any more"
    );
}

#[tokio::test(start_paused = true)]
async fn what_a_pod_waits_for_skips_the_backoff() {
    let queue = queue(QueueOptions::default());
    queue.add(pod("p", 0));
    let mut pod = queue.try_pop().unwrap();
    pod.unschedulable_plugins = ["Picky"].into_iter().collect();
    pod.pending_plugins = ["Fit"].into_iter().collect();
    queue.add_unschedulable(pod);
    queue.move_all(NODE_ADD, &EventObjects::None, None);
    assert_eq!(queue.pending()[0], ["ns/p"]);
}

#[tokio::test(start_paused = true)]
async fn gated_pods_stay_out_until_their_gates_are_gone() {
    let queue = queue(QueueOptions::default());
    let gated = pod_with("p", 0, &["g"], "");
    queue.add(gated.clone());
    assert_eq!(queue.pending()[2], ["ns/p"]);
    assert_eq!(queue.metrics.pending_gated.get(), 1);
    // Neither events of others nor time let it in.
    queue.move_all(NODE_ADD, &EventObjects::None, None);
    tokio::time::advance(Duration::from_secs(600)).await;
    queue.flush_unschedulable();
    assert_eq!(popped(&queue), None);
    queue.update(Some(&gated), &pod("p", 0), &[GATES_GONE]);
    assert_eq!(queue.metrics.pending_gated.get(), 0);
    assert_eq!(popped(&queue).as_deref(), Some("p"));
}

#[tokio::test(start_paused = true)]
async fn pods_are_not_unschedulable_for_ever() {
    let queue = queue(QueueOptions::default());
    queue.add(pod("p", 0));
    queue.add_unschedulable(rejected(queue.try_pop().unwrap(), &["Picky"]));
    tokio::time::advance(Duration::from_secs(300)).await;
    queue.flush_unschedulable();
    assert_eq!(popped(&queue), None);
    tokio::time::advance(Duration::from_secs(1)).await;
    queue.flush_unschedulable();
    let pod = queue.try_pop().unwrap();
    assert!(pod.flushed);
    assert_eq!(pod.attempts, 2);
}

#[tokio::test(start_paused = true)]
async fn updates_reach_a_pod_wherever_it_is() {
    let queue = queue(QueueOptions::default());
    let update = ClusterEvent::UNSCHEDULED_POD_UPDATE;
    // Unknown: it is queued.
    queue.update(None, &pod("p", 1), &[update]);
    // Active: its place changes.
    queue.add(pod("q", 5));
    queue.update(Some(&pod("p", 1)), &pod("p", 9), &[update]);
    let p = queue.try_pop().unwrap();
    assert_eq!((p.info.name(), p.info.priority()), ("p", 9));
    // Out: it is queued again when it comes back, not now.
    queue.update(Some(&pod("p", 9)), &pod("p", 8), &[update]);
    assert_eq!(queue.pending()[0], ["ns/q"]);
    queue.add_unschedulable(rejected(p, &["Fit"]));
    // Unschedulable: nothing that Fit cares about.
    queue.update(Some(&pod("p", 9)), &pod("p", 7), &[update]);
    assert_eq!(queue.pending()[2], ["ns/p"]);
    assert_eq!(queue.pod("p").unwrap().priority(), 7);
}

#[tokio::test(start_paused = true)]
async fn activation_is_for_one_pod() {
    let queue = queue(QueueOptions::default());
    for name in ["a", "b"] {
        queue.add(pod(name, 0));
        queue.add_unschedulable(rejected(queue.try_pop().unwrap(), &["Picky"]));
    }
    queue.activate(&pod("a", 0));
    assert_eq!(queue.pending()[0], ["ns/a"]);
    // Out: it is remembered, for that pod alone.
    let a = queue.try_pop().unwrap();
    queue.add(pod("c", 0));
    let c = queue.try_pop().unwrap();
    queue.activate(&pod("a", 0));
    queue.add_unschedulable(rejected(a, &["Picky"]));
    queue.add_unschedulable(rejected(c, &["Picky"]));
    assert_eq!(queue.pending()[1], ["ns/a"]);
    assert_eq!(queue.pending()[2], ["ns/b", "ns/c"]);
}

#[tokio::test(start_paused = true)]
async fn nominations_follow_their_pods() {
    let queue = queue(QueueOptions::default());
    let names = |node: &str| -> Vec<String> {
        queue
            .nominated_on(node)
            .iter()
            .map(|pod| pod.name().to_owned())
            .collect()
    };
    queue.add(pod_with("told", 0, &[], "n"));
    let mine = pod("mine", 0);
    queue.nominate(&mine, &Nominating::Override("n".to_owned()));
    assert_eq!(names("n"), ["told", "mine"]);
    // What the API server has not told of yet stays.
    queue.add(mine.clone());
    queue.update(Some(&mine), &pod("mine", 3), &[]);
    assert_eq!(names("n"), ["told", "mine"]);
    queue.update(
        Some(&pod_with("told", 0, &[], "n")),
        &pod_with("told", 0, &[], "m"),
        &[],
    );
    assert_eq!(
        (names("n"), names("m")),
        (vec!["mine".to_owned()], vec!["told".to_owned()])
    );
    let before = queue.nominated();
    queue.delete_nomination("mine");
    queue.delete("told");
    assert!(queue.nominated().is_empty());
    assert_eq!(before.len(), 2, "a copy stays as it was");
}

#[test]
fn a_thread_that_waits_is_woken() {
    let queue = Arc::new(queue(QueueOptions::default()));
    let seen = Arc::new(Lock::new(Vec::new()));
    let (waiting, told) = (queue.clone(), seen.clone());
    let thread = std::thread::spawn(move || {
        while let Some(pod) = waiting.pop() {
            told.lock().push(pod.info.name().to_owned());
            waiting.done(pod.info.uid());
        }
    });
    queue.add(pod("a", 0));
    queue.add(pod("b", 0));
    while seen.lock().len() < 2 {
        std::thread::yield_now();
    }
    queue.close();
    thread.join().unwrap();
}
