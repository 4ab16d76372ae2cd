//! Containers: image, ports, command, state, resources, probes, environment, mounts.

use k8s_api::primitives::quote;
use serde_json::Value;

use super::{env, probe, seccomp};
use crate::text::{Text, put};
use crate::values::{flag, items, number, or_none, some, sorted, text, time, truth};

/// Containers and, where they are known, their states; `pod` is what the environment may refer to.
pub(super) fn containers(
    title: &str,
    containers: &[Value],
    statuses: &[Value],
    pod: Option<&Value>,
    space: &str,
    out: &mut Text,
) {
    put!(
        out,
        0,
        "{space}{title}:{}\n",
        if containers.is_empty() { " <none>" } else { "" }
    );
    for container in containers {
        let name = text(container, "/name");
        let status = statuses.iter().rfind(|status| text(status, "/name") == name);
        basics(container, status, space, out);
        for (title, field) in [("Command", "/command"), ("Args", "/args")] {
            let words = items(container, field);
            if !words.is_empty() {
                put!(out, 2, "{title}:\n");
            }
            for line in words.iter().filter_map(Value::as_str).flat_map(|word| word.split('\n')) {
                put!(out, 3, "{line}\n");
            }
        }
        if let Some(status) = status {
            state("State", &status["state"], out);
            if some(status, "/lastState/terminated").is_some() {
                state("Last State", &status["lastState"], out);
            }
            put!(out, 2, "Ready:\t{}\n", truth(flag(status, "/ready")));
            put!(out, 2, "Restart Count:\t{}\n", number(status, "/restartCount"));
        }
        if let Some(wanted) = some(container, "/resources") {
            resources(wanted, 2, out);
        }
        for (title, field) in [
            ("Liveness", "/livenessProbe"),
            ("Readiness", "/readinessProbe"),
            ("Startup", "/startupProbe"),
        ] {
            if let Some(probe) = some(container, field) {
                put!(out, 2, "{title}:\t{}\n", probe::describe(probe));
            }
        }
        env::describe(container, pod, out);
        mounts(container, out);
    }
}

fn basics(container: &Value, status: Option<&Value>, space: &str, out: &mut Text) {
    let indent = if space.is_empty() { "" } else { " " };
    put!(out, 1, "{indent}{}:\n", text(container, "/name"));
    if let Some(status) = status {
        put!(out, 2, "Container ID:\t{}\n", text(status, "/containerID"));
    }
    put!(out, 2, "Image:\t{}\n", text(container, "/image"));
    if let Some(status) = status {
        put!(out, 2, "Image ID:\t{}\n", text(status, "/imageID"));
    }
    for (title, field) in [("Port", "/containerPort"), ("Host Port", "/hostPort")] {
        let ports: Vec<_> = items(container, "/ports")
            .iter()
            .map(|port| one_port(port, field))
            .collect();
        let ports = ports.join(", ");
        let plural = if ports.contains(',') { "s" } else { "" };
        put!(out, 2, "{title}{plural}:\t{}\n", or_none(&ports));
    }
    seccomp(container, 2, 3, out);
}

fn one_port(port: &Value, field: &str) -> String {
    let numbered = format!("{}/{}", number(port, field), text(port, "/protocol"));
    match text(port, "/name") {
        "" => numbered,
        name => format!("{numbered} ({name})"),
    }
}

fn state(title: &str, state: &Value, out: &mut Text) {
    if let Some(running) = some(state, "/running") {
        put!(out, 2, "{title}:\tRunning\n");
        put!(out, 3, "Started:\t{}\n", time(text(running, "/startedAt")));
    } else if let Some(ended) = some(state, "/terminated") {
        put!(out, 2, "{title}:\tTerminated\n");
        optional("Reason", text(ended, "/reason"), out);
        optional("Message", text(ended, "/message"), out);
        put!(out, 3, "Exit Code:\t{}\n", number(ended, "/exitCode"));
        if number(ended, "/signal") > 0 {
            put!(out, 3, "Signal:\t{}\n", number(ended, "/signal"));
        }
        put!(out, 3, "Started:\t{}\n", time(text(ended, "/startedAt")));
        put!(out, 3, "Finished:\t{}\n", time(text(ended, "/finishedAt")));
    } else {
        put!(out, 2, "{title}:\tWaiting\n");
        optional("Reason", text(state, "/waiting/reason"), out);
    }
}

fn optional(title: &str, value: &str, out: &mut Text) {
    if !value.is_empty() {
        put!(out, 3, "{title}:\t{value}\n");
    }
}

/// Limits and requests.
pub(super) fn resources(resources: &Value, level: usize, out: &mut Text) {
    for (title, field) in [("Limits", "/limits"), ("Requests", "/requests")] {
        let quantities = sorted(resources.pointer(field));
        if !quantities.is_empty() {
            put!(out, level, "{title}:\n");
        }
        for (name, quantity) in quantities {
            put!(out, level + 1, "{name}:\t{}\n", quantity.as_str().unwrap_or_default());
        }
    }
}

fn mounts(container: &Value, out: &mut Text) {
    let mut mounts: Vec<_> = items(container, "/volumeMounts").iter().collect();
    mounts.sort_by_key(|mount| text(mount, "/mountPath"));
    let none = if mounts.is_empty() { "\t<none>" } else { "" };
    put!(out, 2, "Mounts:{none}\n");
    for mount in mounts {
        let access = if flag(mount, "/readOnly") { "ro" } else { "rw" };
        let path = match text(mount, "/subPath") {
            "" => String::new(),
            path => format!(",path={}", quote(path)),
        };
        let (at, from) = (text(mount, "/mountPath"), text(mount, "/name"));
        put!(out, 3, "{at} from {from} ({access}{path})\n");
    }
    let mut devices: Vec<_> = items(container, "/volumeDevices").iter().collect();
    devices.sort_by_key(|device| text(device, "/devicePath"));
    if !devices.is_empty() {
        put!(out, 2, "Devices:{none}\n");
    }
    for device in devices {
        put!(
            out,
            3,
            "{} from {}\n",
            text(device, "/devicePath"),
            text(device, "/name")
        );
    }
}
