//! The texts, byte for byte.

use super::*;

fn failing(name: &'static str) -> Arc<dyn HealthCheck> {
    Arc::new(CheckFn::immediate(name, || {
        Err(HealthError("secret reason".to_owned()))
    }))
}

async fn get(endpoints: &HealthEndpoints, uri: &str) -> Option<(u16, String)> {
    let (path, query) = uri
        .split_once('?')
        .map_or((uri, None), |(path, query)| (path, Some(query)));
    let response = endpoints.respond(path, query).await?;
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/plain; charset=utf-8");
    assert_eq!(response.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    let status = response.status().as_u16();
    let bytes = response.into_body().collect_bytes(1 << 16).await.unwrap();
    Some((status, String::from_utf8(bytes.to_vec()).unwrap()))
}

#[tokio::test]
async fn passing_checks() {
    let mut endpoints = HealthEndpoints::new();
    endpoints.add_readyz(Arc::new(GroupedCheck::new(
        "poststarthooks",
        Arc::new(CheckFn::asynchronous("poststarthook/a", || Box::pin(async { Ok(()) }))),
    )));
    let answer = |text: &str| Some((200, text.to_owned()));
    assert_eq!(get(&endpoints, "/healthz").await, answer("ok"));
    assert_eq!(
        get(&endpoints, "/livez?verbose").await,
        answer("[+]ping ok\n[+]log ok\nlivez check passed\n")
    );
    assert_eq!(
        get(&endpoints, "/readyz?verbose=1&exclude=ping&exclude=nope&exclude=never").await,
        answer(
            "[+]ping excluded: ok\n[+]log ok\n[+]poststarthook/a ok\nwarn: some health checks cannot be excluded: no matches for \"never\",\"nope\"\nreadyz check passed\n"
        )
    );
    assert_eq!(
        get(&endpoints, "/readyz?verbose&exclude=poststarthooks").await,
        answer("[+]ping ok\n[+]log ok\n[+]poststarthook/a excluded with poststarthooks: ok\nreadyz check passed\n")
    );
    assert_eq!(get(&endpoints, "/readyz/poststarthook/a").await, answer("ok"));
    assert_eq!(get(&endpoints, "/readyz/").await, answer("ok"));
    for foreign in ["/livez/poststarthook/a", "/healthzz", "/", "/readyz/nope", "/api"] {
        assert_eq!(get(&endpoints, foreign).await, None, "{foreign}");
    }
}

#[tokio::test]
async fn failing_checks() {
    let mut endpoints = HealthEndpoints::new();
    endpoints.add(failing("etcd"));
    assert_eq!(
        get(&endpoints, "/healthz").await,
        Some((
            500,
            "[+]ping ok\n[+]log ok\n[-]etcd failed: reason withheld\nhealthz check failed\n".to_owned()
        ))
    );
    assert_eq!(
        get(&endpoints, "/healthz/etcd").await,
        Some((500, "internal server error: secret reason\n".to_owned()))
    );
    assert_eq!(
        get(&endpoints, "/healthz?exclude=etcd").await,
        Some((200, "ok".to_owned()))
    );
    assert!(!endpoints.has_been_ready().is_cancelled());
    assert!(!endpoints.is_ready().await);
}

#[tokio::test]
async fn readiness_ends_with_the_process() {
    let mut endpoints = HealthEndpoints::new();
    let stop = CancellationToken::new();
    endpoints.add_shutdown(stop.clone());
    assert!(endpoints.is_ready().await);
    assert!(endpoints.has_been_ready().is_cancelled());
    stop.cancel();
    assert_eq!(
        get(&endpoints, "/readyz/shutdown").await,
        Some((500, "internal server error: process is shutting down\n".to_owned()))
    );
    assert_eq!(get(&endpoints, "/livez").await, Some((200, "ok".to_owned())));
}

#[tokio::test(start_paused = true)]
async fn liveness_waits_for_its_grace_period() {
    let mut endpoints = HealthEndpoints::new();
    endpoints.add_boot_sequence(failing("poststarthook/slow"), Duration::from_secs(10));
    assert_eq!(get(&endpoints, "/livez").await.unwrap().0, 200);
    assert_eq!(get(&endpoints, "/readyz").await.unwrap().0, 500);
    tokio::time::advance(Duration::from_secs(11)).await;
    assert_eq!(get(&endpoints, "/livez").await.unwrap().0, 500);
}

#[tokio::test]
async fn results_are_counted() {
    let registry = MetricsRegistry::default();
    let mut endpoints = HealthEndpoints::new().with_metrics(HealthMetrics::new(&registry));
    endpoints.add(failing("etcd"));
    get(&endpoints, "/livez").await.unwrap();
    get(&endpoints, "/livez?exclude=etcd").await.unwrap();
    let text = registry.encode();
    assert!(
        text.contains("kubernetes_healthcheck{name=\"etcd\",type=\"livez\"} 0\n"),
        "{text}"
    );
    assert!(
        text.contains("kubernetes_healthchecks_total{name=\"etcd\",status=\"error\",type=\"livez\"} 1\n"),
        "{text}"
    );
    assert!(
        text.contains("kubernetes_healthchecks_total{name=\"ping\",status=\"success\",type=\"livez\"} 2\n"),
        "{text}"
    );
    assert!(text.contains("# HELP kubernetes_healthcheck [STABLE] "), "{text}");
}
