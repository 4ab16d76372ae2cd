//! What a pod of 8 KB costs on its way to the store, step by step, in this process.
//!
//! usage: `pod-steps`
//!
//! The budget is 0.1 ms of processor time for defaults, preparation and validation together.

use std::time::{Duration, Instant};

use apiserver::{
    registry::{ObjectBox, StrategyContext},
    request::UserInfo,
};
use component_base::feature_gates::FeatureGates;
use k8s_api::{Kind as _, core::v1::Pod};
use registry::{Registration, Settings};

const ROUNDS: usize = 2000;

/// Times `step` on fresh inputs, which are made outside the time. The median tells, for a busy machine interrupts.
fn time<T, R>(name: &str, mut input: impl FnMut() -> T, mut step: impl FnMut(T) -> R) -> Duration {
    let mut times = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let given = input();
        let start = Instant::now();
        let result = step(given);
        times.push(start.elapsed());
        std::hint::black_box(result);
    }
    times.sort_unstable();
    report(name, times[ROUNDS / 2])
}

fn report(name: &str, each: Duration) -> Duration {
    #[allow(clippy::print_stdout, reason = "a benchmark reports on standard output")]
    {
        println!("{name:<24}{:>9.2} µs", each.as_secs_f64() * 1e6);
    }
    each
}

fn main() {
    let registrations = registry::all(&Settings { allow_privileged: true });
    let pods: &Registration = registrations
        .iter()
        .find(|registration| registration.group_resource() == ("", "pods"))
        .expect("pods are registered");
    let (strategy, codec) = (&pods.strategy, &pods.versions[0].codec);
    let (user, gates) = (UserInfo::default(), FeatureGates::default());
    let context = StrategyContext {
        user: &user,
        gates: &gates,
        now: jiff::Timestamp::now(),
        api_group: "",
        api_version: "v1",
    };
    let value = perf::pod::of_chart("application", 0);
    let bare = Pod::from_value(value.clone()).expect("a pod");
    let defaulted = codec.decode(value.clone()).expect("a pod");
    let mut ready: ObjectBox = defaulted.clone_boxed();
    strategy.prepare_for_create(&context, ready.as_mut());
    let errors = strategy.validate(&context, ready.as_ref());
    assert!(errors.is_empty(), "{errors}");

    let text = value.to_string();
    let _ = report("bytes of JSON", Duration::from_micros(text.len() as u64));
    time("decode", || value.clone(), Pod::from_value);
    let defaults = time(
        "defaults",
        || bare.clone(),
        |mut pod| {
            apis_pod::pod::set_pod_defaults(&mut pod);
            pod
        },
    );
    let prepare = time(
        "prepare",
        || defaulted.clone_boxed(),
        |mut pod| {
            strategy.prepare_for_create(&context, pod.as_mut());
            pod
        },
    );
    let validate = time("validate", || (), |()| strategy.validate(&context, ready.as_ref()));
    let warnings = time(
        "warnings",
        || (),
        |()| strategy.warnings_on_create(&context, ready.as_ref()),
    );
    time("encode", || (), |()| ready.to_json());
    report("defaults to warnings", defaults + prepare + validate + warnings);
}
