//! Who gets in, who waits, and who is served first.

use std::{sync::Arc, time::Duration};

use apiserver_auth::{authorization::Attributes, user::UserInfo};
use component_base::metrics::MetricsRegistry;
use k8s_api::flowcontrol::v1::PriorityLevelConfiguration;

use crate::{
    Admitted, FlowController, FlowMetrics, Refused, Work, bootstrap, list_work, mutating_work, width::ListWork,
};

const PATIENCE: Duration = Duration::from_secs(15);

fn controller(total: u32) -> Arc<FlowController> {
    let controller = FlowController::new(total, FlowMetrics::new(&MetricsRegistry::default()));
    controller.configure(bootstrap::levels(), bootstrap::schemas());
    controller
}

/// One level of one seat for everybody, with queues of this length.
fn narrow(length: i32) -> Arc<FlowController> {
    let mut levels: Vec<PriorityLevelConfiguration> = bootstrap::levels().to_vec();
    levels.retain(|level| matches!(level.metadata.name.as_str(), "exempt" | "catch-all" | "global-default"));
    let limited = levels[2].spec.limited.as_mut().unwrap();
    limited.lendable_percent = Some(0);
    let queuing = limited.limit_response.queuing.as_mut().unwrap();
    (queuing.queues, queuing.hand_size, queuing.queue_length_limit) = (8, 1, length);
    let schemas: Vec<_> = bootstrap::schemas()
        .iter()
        .filter(|schema| matches!(schema.metadata.name.as_str(), "exempt" | "catch-all" | "global-default"))
        .cloned()
        .collect();
    let controller = FlowController::new(1, FlowMetrics::new(&MetricsRegistry::default()));
    controller.configure(&levels, &schemas);
    controller
}

fn user(name: &str, groups: &[&str]) -> UserInfo {
    UserInfo::named(name).with_groups(groups.iter().copied())
}

async fn enter(controller: &FlowController, user: &UserInfo, verb: &str, resource: &str) -> Result<Admitted, Refused> {
    let (group, resource) = resource.split_once('/').unwrap_or(("", resource));
    let attributes = Attributes {
        namespace: "ns",
        ..Attributes::resource(user, verb, group, "v1", resource)
    };
    controller.admit(&attributes, |_| Work::default(), PATIENCE).await
}

#[tokio::test]
async fn requests_find_their_schemas() {
    let controller = controller(600);
    let authenticated = "system:authenticated";
    let cases = [
        ("root", &["system:masters", authenticated][..], "get", "pods", "exempt"),
        (
            "system:kube-scheduler",
            &[authenticated],
            "update",
            "coordination.k8s.io/leases",
            "system-leader-election",
        ),
        (
            "system:kube-scheduler",
            &[authenticated],
            "list",
            "pods",
            "kube-scheduler",
        ),
        (
            "system:node:n",
            &["system:nodes", authenticated],
            "get",
            "nodes",
            "system-node-high",
        ),
        (
            "system:node:n",
            &["system:nodes", authenticated],
            "get",
            "pods",
            "system-nodes",
        ),
        (
            "system:serviceaccount:kube-system:x",
            &["system:serviceaccounts", authenticated],
            "get",
            "pods",
            "kube-system-service-accounts",
        ),
        (
            "system:serviceaccount:kube-system2:x",
            &["system:serviceaccounts", authenticated],
            "get",
            "pods",
            "service-accounts",
        ),
        ("alice", &[authenticated], "get", "pods", "global-default"),
        ("nobody", &[], "get", "pods", "catch-all"),
    ];
    for (name, groups, verb, resource, expected) in cases {
        let admitted = enter(&controller, &user(name, groups), verb, resource).await.unwrap();
        assert_eq!(admitted.schema_name(), expected, "{name} {verb} {resource}");
    }
    let probe = user("system:anonymous", &["system:unauthenticated"]);
    let attributes = Attributes::non_resource(&probe, "get", "/healthz");
    let admitted = controller
        .admit(&attributes, |_| Work::default(), PATIENCE)
        .await
        .unwrap();
    assert_eq!((admitted.schema_name(), admitted.level_name()), ("probes", "exempt"));
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_waits_and_then_is_refused() {
    let controller = narrow(1);
    let alice = user("alice", &["system:authenticated"]);
    let first = enter(&controller, &alice, "get", "pods").await.unwrap();
    let waiting = enter(&controller, &alice, "get", "pods");
    tokio::pin!(waiting);
    assert!(futures_are_pending(&mut waiting).await);
    // The queue holds one; the next is refused.
    let refused = enter(&controller, &alice, "get", "pods").await.unwrap_err();
    assert_eq!((refused.retry_after, refused.level_name()), (1, "global-default"));
    // Those who are never limited get in all the same.
    enter(&controller, &user("root", &["system:masters"]), "get", "pods")
        .await
        .unwrap();
    drop(first);
    let second = waiting.await.unwrap();
    // Patience ends.
    let begun = tokio::time::Instant::now();
    enter(&controller, &alice, "get", "pods").await.unwrap_err();
    assert_eq!(begun.elapsed(), PATIENCE);
    drop(second);
    enter(&controller, &alice, "get", "pods")
        .await
        .expect("whoever gave up left no trace");
    let dump = controller.dump("dump_priority_levels", false).unwrap();
    let expected = "PriorityLevelName, ActiveQueues, IsIdle, IsQuiescing, WaitingRequests, ExecutingRequests, \
                    DispatchedRequests, RejectedRequests, TimedoutRequests, CancelledRequests\n\
                    catch-all,         0,            true,   false,       0,               0,                 0,                  \
                    0,                0,                0\n";
    assert!(dump.starts_with(expected), "{dump}");
    assert!(
        dump.contains("\nglobal-default,    0,            true,   false, "),
        "{dump}"
    );
    let figures = ["3", "2", "1", "1"];
    let row = dump.lines().find(|line| line.starts_with("global-default")).unwrap();
    let cells: Vec<&str> = row.split(',').map(str::trim).collect();
    assert_eq!(cells[6..], figures);
}

#[tokio::test]
async fn a_level_without_its_object_keeps_its_shares_until_it_is_idle() {
    let controller = controller(600);
    let alice = user("alice", &["system:authenticated"]);
    let under_way = enter(&controller, &alice, "get", "pods").await.unwrap();
    assert_eq!(under_way.level_name(), "global-default");
    let nominal = |level: &str| {
        let configured = controller.configured.load();
        configured
            .levels
            .get(level)
            .map(|level| level.state.lock().seats.nominal)
    };
    let (own, others) = (nominal("global-default"), nominal("workload-low"));
    let mut left = bootstrap::levels().to_vec();
    left.retain(|level| level.metadata.name != "global-default");
    controller.configure(&left, bootstrap::schemas());
    assert_eq!((nominal("global-default"), nominal("workload-low")), (own, others));
    let dump = controller.dump("dump_priority_levels", false).unwrap();
    let row = dump.lines().find(|line| line.starts_with("global-default")).unwrap();
    assert_eq!(row.split(',').nth(3).map(str::trim), Some("true"), "{dump}");
    // Nobody new comes in by it.
    let later = enter(&controller, &alice, "get", "pods").await.unwrap();
    assert_eq!(later.level_name(), "catch-all");

    assert!(!controller.adjust(), "it is still busy");
    drop(under_way);
    assert!(controller.adjust(), "it is not needed any more");
    controller.configure(&left, bootstrap::schemas());
    assert_eq!(nominal("global-default"), None);
    assert!(nominal("workload-low") > others);
}

async fn futures_are_pending<F: Future + Unpin>(future: &mut F) -> bool {
    tokio::time::timeout(Duration::from_millis(1), future).await.is_err()
}

#[tokio::test(start_paused = true)]
async fn requests_are_shown_while_they_run_and_wait() {
    let controller = narrow(1);
    let alice = user("alice", &["system:authenticated"]);
    let rows = |details| {
        let dump = controller.dump("dump_requests", details).unwrap();
        let rows = dump.lines().skip(1).map(|line| {
            let cells = line.split(',').map(|cell| cell.trim().to_owned());
            cells.collect::<Vec<_>>()
        });
        rows.collect::<Vec<_>>()
    };
    assert_eq!(rows(false), Vec::<Vec<String>>::new());
    let running = enter(&controller, &alice, "get", "apps/deployments").await.unwrap();
    let root = user("root", &["system:masters"]);
    let exempt = enter(&controller, &root, "list", "pods").await.unwrap();
    let waiting = enter(&controller, &alice, "list", "pods");
    tokio::pin!(waiting);
    assert!(futures_are_pending(&mut waiting).await);

    let shown = rows(true);
    let [past_queues, queued, executing] = shown.as_slice() else {
        panic!("{shown:?}")
    };
    assert_eq!(past_queues[..5], ["exempt", "exempt", "-1", "-1", ""], "{shown:?}");
    let details = ["alice", "list", "", "ns", "", "v1", "pods", ""];
    assert_eq!(queued[10..], details, "{shown:?}");
    assert_eq!((queued[3].as_str(), queued[9].as_str()), ("0", "0001-01-01T00:00:00Z"));
    let details = ["alice", "get", "", "ns", "", "apps/v1", "deployments", ""];
    assert_eq!(executing[10..], details, "{shown:?}");
    assert_eq!(executing[..2], ["global-default", "global-default"]);
    assert_eq!((executing[3].as_str(), executing[4].as_str()), ("-1", "alice"));
    assert_eq!(executing[9], executing[5], "it began when it came");
    assert_eq!(rows(false)[2], executing[..10]);

    drop((running, exempt));
    drop(waiting.await.unwrap());
    assert_eq!(rows(true), Vec::<Vec<String>>::new());
}

#[tokio::test(start_paused = true)]
async fn a_quiet_flow_is_served_before_a_loud_one() {
    let controller = narrow(50);
    let group = ["system:authenticated"];
    let loud = user("loud", &group);
    // A flow whose hand is another queue.
    let quiet = user("quiet-1", &group);
    let first = enter(&controller, &loud, "get", "pods").await.unwrap();
    let (order, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let spawn = |user: &UserInfo| {
        let (controller, user, order) = (controller.clone(), user.clone(), order.clone());
        tokio::spawn(async move {
            let admitted = enter(&controller, &user, "get", "pods").await.unwrap();
            order.send(user.name).unwrap();
            drop(admitted);
        })
    };
    let mut tasks: Vec<_> = (0..5).map(|_| spawn(&loud)).collect();
    tokio::time::sleep(Duration::from_millis(1)).await;
    tasks.push(spawn(&quiet));
    tokio::time::sleep(Duration::from_millis(1)).await;
    drop(first);
    for task in tasks {
        task.await.unwrap();
    }
    let mut names = Vec::new();
    while let Ok(name) = seen.try_recv() {
        names.push(name);
    }
    let position = names.iter().position(|name| name == "quiet-1").unwrap();
    // By chance both may have been dealt the same queue; then the order is that of arrival.
    let queues = controller.dump("dump_queues", false).unwrap();
    assert!(position <= 1 || position == 5, "{names:?}\n{queues}");
}

#[tokio::test(start_paused = true)]
async fn seats_are_lent_to_whoever_asks() {
    let controller = controller(600);
    let seats = |level: &str| controller.configured.load().levels[level].state.lock().seats;
    let before = seats("workload-low");
    assert_eq!((before.nominal, before.least), (245, 24));
    let account = user(
        "system:serviceaccount:ns:loud",
        &["system:serviceaccounts", "system:authenticated"],
    );
    let mut tickets = Vec::new();
    for _ in 0..before.current {
        tickets.push(enter(&controller, &account, "get", "pods").await.unwrap());
    }
    let more = enter(&controller, &account, "get", "pods");
    tokio::pin!(more);
    assert!(futures_are_pending(&mut more).await);
    controller.adjust();
    let after = seats("workload-low");
    assert!(after.current > before.current, "{after:?}");
    more.await.expect("a borrowed seat");
    // What is divided is the server's, up to rounding.
    let limited = bootstrap::levels()
        .iter()
        .filter(|level| level.metadata.name != "exempt");
    let divided: u32 = limited.map(|level| seats(&level.metadata.name).current).sum();
    assert!((593..=610).contains(&divided), "{divided}");
}

#[test]
fn widths() {
    let list = |objects, average_bytes, limit, from_cache| ListWork {
        objects,
        average_bytes,
        limit,
        from_cache,
        ..ListWork::default()
    };
    for (list, expected) in [
        (list(0, 0, 0, true), 1),
        (list(100, 8_000, 0, true), 8),
        (list(5_000, 8_000, 0, true), 10),
        (list(5_000, 8_000, 0, false), 100),
        (list(5_000, 8_000, 100, false), 8),
        (
            ListWork {
                single: true,
                ..list(5_000, 8_000, 0, false)
            },
            1,
        ),
        (
            ListWork {
                selective: true,
                ..list(100, 8_000, 1, false)
            },
            4,
        ),
    ] {
        assert_eq!(list_work(&list, 0).initial_seats, expected, "{list:?}");
    }
    assert_eq!(list_work(&list(5_000, 8_000, 0, false), 7).initial_seats, 7);
    assert_eq!(mutating_work(9, 0), Work::default());
    let wide = mutating_work(1_000, 0);
    assert_eq!(
        (wide.final_seats, wide.additional_latency),
        (10, Duration::from_millis(50))
    );
}
