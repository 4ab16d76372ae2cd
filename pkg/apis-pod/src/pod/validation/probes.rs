//! Probes and hooks: what a kubelet asks of a container, and when.

use apimachinery::{
    field::{BadValue, Error, ErrorList, Path},
    names,
};
use k8s_api::core::v1::{
    Container, ExecAction, GRPCAction, HTTPGetAction, Lifecycle, LifecycleHandler, Probe, SleepAction, TCPSocketAction,
};

use crate::{
    meta::validate_nonnegative,
    pod::{LINUX, WINDOWS},
    rules::{invalid_each, invalid_number, one_of, port, required},
};

const MORE_THAN_ONE: &str = "may not specify more than 1 handler type";
const WINDOWS_SIGNALS: [&str; 2] = ["SIGKILL", "SIGTERM"];
const LINUX_SIGNALS: [&str; 65] = [
    "SIGABRT",
    "SIGALRM",
    "SIGBUS",
    "SIGCHLD",
    "SIGCLD",
    "SIGCONT",
    "SIGFPE",
    "SIGHUP",
    "SIGILL",
    "SIGINT",
    "SIGIO",
    "SIGIOT",
    "SIGKILL",
    "SIGPIPE",
    "SIGPOLL",
    "SIGPROF",
    "SIGPWR",
    "SIGQUIT",
    "SIGRTMAX",
    "SIGRTMAX-1",
    "SIGRTMAX-10",
    "SIGRTMAX-11",
    "SIGRTMAX-12",
    "SIGRTMAX-13",
    "SIGRTMAX-14",
    "SIGRTMAX-2",
    "SIGRTMAX-3",
    "SIGRTMAX-4",
    "SIGRTMAX-5",
    "SIGRTMAX-6",
    "SIGRTMAX-7",
    "SIGRTMAX-8",
    "SIGRTMAX-9",
    "SIGRTMIN",
    "SIGRTMIN+1",
    "SIGRTMIN+10",
    "SIGRTMIN+11",
    "SIGRTMIN+12",
    "SIGRTMIN+13",
    "SIGRTMIN+14",
    "SIGRTMIN+15",
    "SIGRTMIN+2",
    "SIGRTMIN+3",
    "SIGRTMIN+4",
    "SIGRTMIN+5",
    "SIGRTMIN+6",
    "SIGRTMIN+7",
    "SIGRTMIN+8",
    "SIGRTMIN+9",
    "SIGSEGV",
    "SIGSTKFLT",
    "SIGSTOP",
    "SIGSYS",
    "SIGTERM",
    "SIGTRAP",
    "SIGTSTP",
    "SIGTTIN",
    "SIGTTOU",
    "SIGURG",
    "SIGUSR1",
    "SIGUSR2",
    "SIGVTALRM",
    "SIGWINCH",
    "SIGXCPU",
    "SIGXFSZ",
];

/// What a probe or hook does: one of these.
#[derive(Default)]
struct Handler<'a> {
    exec: Option<&'a ExecAction>,
    http_get: Option<&'a HTTPGetAction>,
    tcp_socket: Option<&'a TCPSocketAction>,
    grpc: Option<&'a GRPCAction>,
    sleep: Option<&'a SleepAction>,
}

impl<'a> From<&'a Probe> for Handler<'a> {
    fn from(probe: &'a Probe) -> Self {
        Self {
            exec: probe.exec.as_deref(),
            http_get: probe.http_get.as_deref(),
            tcp_socket: probe.tcp_socket.as_deref(),
            grpc: probe.grpc.as_deref(),
            sleep: None,
        }
    }
}

impl<'a> From<&'a LifecycleHandler> for Handler<'a> {
    fn from(handler: &'a LifecycleHandler) -> Self {
        Self {
            exec: handler.exec.as_deref(),
            http_get: handler.http_get.as_deref(),
            tcp_socket: handler.tcp_socket.as_deref(),
            grpc: None,
            sleep: handler.sleep.as_deref(),
        }
    }
}

impl Handler<'_> {
    fn validate(&self, grace: Option<i64>, path: &Path<'_>) -> ErrorList {
        type Check<'c> = (&'static str, Option<Box<dyn Fn(&Path<'_>) -> ErrorList + 'c>>);
        fn check<'c, T>(
            name: &'static str,
            action: Option<&'c T>,
            check: impl Fn(&T, &Path<'_>) -> ErrorList + 'c,
        ) -> Check<'c> {
            let check = action.map(|action| {
                Box::new(move |path: &Path<'_>| check(action, path)) as Box<dyn Fn(&Path<'_>) -> ErrorList + 'c>
            });
            (name, check)
        }
        let checks = [
            check("exec", self.exec, |exec, path| {
                let fault = exec
                    .command
                    .is_empty()
                    .then(|| Error::required(&path.child("command"), ""));
                fault.into_iter().collect()
            }),
            check("httpGet", self.http_get, validate_http_get),
            check("tcpSocket", self.tcp_socket, |tcp, path| {
                port(&path.child("port"), &tcp.port)
            }),
            check("grpc", self.grpc, |grpc, path| {
                let number = i64::from(grpc.port);
                invalid_number(&path.child("port"), number, names::port_number(number))
            }),
            check("sleep", self.sleep, move |sleep, path| {
                validate_sleep(sleep, grace, path)
            }),
        ];
        let mut errors = ErrorList::new();
        let mut found = false;
        for (name, check) in checks {
            let Some(check) = check else {
                continue;
            };
            if std::mem::replace(&mut found, true) {
                errors.push(Error::forbidden(&path.child(name), MORE_THAN_ONE));
            } else {
                errors.append(check(&path.child(name)));
            }
        }
        if !found {
            errors.push(Error::required(path, "must specify a handler type"));
        }
        errors
    }
}

fn validate_http_get(http: &HTTPGetAction, path: &Path<'_>) -> ErrorList {
    let mut errors: ErrorList = required(&path.child("path"), &http.path).into_iter().collect();
    errors.append(port(&path.child("port"), &http.port));
    errors.extend(one_of(&path.child("scheme"), &http.scheme, &["HTTP", "HTTPS"]));
    let headers = path.child("httpHeaders");
    for header in &http.http_headers {
        errors.append(invalid_each(
            &headers,
            &header.name,
            names::http_header_name(&header.name),
        ));
    }
    errors
}

fn validate_sleep(sleep: &SleepAction, grace: Option<i64>, path: &Path<'_>) -> ErrorList {
    let grace = grace.filter(|grace| sleep.seconds < 0 || sleep.seconds > *grace);
    let fault = grace.map(|grace| {
        let detail = format!("must be non-negative and less than terminationGracePeriodSeconds ({grace})");
        Error::invalid(path, sleep.seconds, detail)
    });
    fault.into_iter().collect()
}

fn validate_probe(probe: &Probe, grace: Option<i64>, path: &Path<'_>) -> ErrorList {
    let mut errors = Handler::from(probe).validate(grace, path);
    for (name, number) in [
        ("initialDelaySeconds", probe.initial_delay_seconds),
        ("timeoutSeconds", probe.timeout_seconds),
        ("periodSeconds", probe.period_seconds),
        ("successThreshold", probe.success_threshold),
        ("failureThreshold", probe.failure_threshold),
    ] {
        errors.append(validate_nonnegative(number.into(), &path.child(name)));
    }
    if let Some(seconds) = probe.termination_grace_period_seconds.filter(|seconds| *seconds <= 0) {
        let path = path.child("terminationGracePeriodSeconds");
        errors.push(Error::invalid(&path, seconds, "must be greater than 0"));
    }
    errors
}

/// Checks hooks and probes of a container that has them.
pub(super) fn validate_lifecycle_and_probes(
    container: &Container,
    os: Option<&str>,
    grace: Option<i64>,
    path: &Path<'_>,
) -> ErrorList {
    let mut errors = ErrorList::new();
    if let Some(lifecycle) = &container.lifecycle {
        errors.append(validate_lifecycle(lifecycle, os, grace, &path.child("lifecycle")));
    }
    let once = |probe: &Probe, path: &Path<'_>| {
        let fault = probe.success_threshold != 1;
        fault.then(|| Error::invalid(&path.child("successThreshold"), probe.success_threshold, "must be 1"))
    };
    if let Some(probe) = &container.liveness_probe {
        let path = path.child("livenessProbe");
        errors.append(validate_probe(probe, grace, &path));
        errors.extend(once(probe, &path));
    }
    if let Some(probe) = &container.readiness_probe {
        let path = path.child("readinessProbe");
        errors.append(validate_probe(probe, grace, &path));
        if let Some(seconds) = probe.termination_grace_period_seconds {
            let path = path.child("terminationGracePeriodSeconds");
            errors.push(Error::invalid(&path, seconds, "must not be set for readinessProbes"));
        }
    }
    if let Some(probe) = &container.startup_probe {
        let path = path.child("startupProbe");
        errors.append(validate_probe(probe, grace, &path));
        errors.extend(once(probe, &path));
    }
    errors
}

fn validate_lifecycle(lifecycle: &Lifecycle, os: Option<&str>, grace: Option<i64>, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    for (name, handler) in [("postStart", &lifecycle.post_start), ("preStop", &lifecycle.pre_stop)] {
        if let Some(handler) = handler {
            errors.append(Handler::from(&**handler).validate(grace, &path.child(name)));
        }
    }
    if let Some(signal) = &lifecycle.stop_signal {
        let path = path.child("stopSignal");
        let signals: &[&str] = match os {
            None => {
                let detail = "may not be set for containers with empty `spec.os.name`";
                errors.push(Error::forbidden(&path, detail));
                return errors;
            }
            Some(WINDOWS) => &WINDOWS_SIGNALS,
            Some(LINUX) => &LINUX_SIGNALS,
            Some(_) => return errors,
        };
        let fault = !signals.contains(&signal.as_str());
        errors.extend(fault.then(|| Error::not_supported(&path, BadValue::json(signal), signals)));
    }
    errors
}
