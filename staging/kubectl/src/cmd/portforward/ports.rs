//! From the ports on the command line, by name or of a service, to numbers of the pod.

use serde_json::Value;

use cli_runtime::resource::text_at;
use cli_runtime::{Result, message};

/// `LOCAL:REMOTE` in its two parts; one part is both.
fn split(port: &str) -> (&str, &str) {
    port.split_once(':').unwrap_or((port, port))
}

fn join(local: &str, remote: &str, translated: &str) -> String {
    if local == remote {
        translated.to_owned()
    } else {
        format!("{local}:{translated}")
    }
}

/// Everything the containers of a pod declare, those that run beside the others among them.
fn declared(pod: &Value) -> impl Iterator<Item = &Value> {
    let restarted = pod["spec"]["initContainers"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|container| container["restartPolicy"] == "Always");
    let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
    containers
        .chain(restarted)
        .flat_map(|container| container["ports"].as_array().into_iter().flatten())
}

fn named(pod: &Value, name: &str) -> Result<i64> {
    declared(pod)
        .find(|port| port["name"] == name)
        .and_then(|port| port["containerPort"].as_i64())
        .ok_or_else(|| {
            message!(
                "Pod '{}' does not have a named port '{name}'",
                text_at(pod, &["metadata", "name"])
            )
        })
}

/// Only TCP is forwarded: refuses a port that is declared for UDP alone.
fn check_protocol<'p>(port: i64, declared: impl Iterator<Item = (&'p Value, Option<i64>)>) -> Result<()> {
    let mut udp = false;
    for (one, number) in declared {
        if number == Some(port) {
            match one["protocol"].as_str() {
                Some("UDP") => udp = true,
                _ => return Ok(()),
            }
        }
    }
    if udp {
        return Err(message!("UDP protocol is not supported for {port}"));
    }
    Ok(())
}

/// The ports of a pod.
///
/// # Errors
/// A name that no container declares, or a port of UDP.
pub(super) fn of_pod(wanted: &[String], pod: &Value) -> Result<Vec<String>> {
    let mut ports = Vec::new();
    for port in wanted {
        let (local, remote) = split(port);
        if remote.is_empty() {
            return Err(message!("remote port cannot be empty"));
        }
        let number = match remote.parse::<i64>() {
            Ok(number) => number,
            Err(_) => named(pod, remote)?,
        };
        check_protocol(number, declared(pod).map(|port| (port, port["containerPort"].as_i64())))?;
        ports.push(join(local, remote, &number.to_string()));
    }
    Ok(ports)
}

/// The ports of the pod behind the ports of a service.
///
/// # Errors
/// A port that the service does not have, a target port that the pod does not have, or a port of UDP.
pub(super) fn of_service(wanted: &[String], service: &Value, pod: &Value) -> Result<Vec<String>> {
    let service_name = text_at(service, &["metadata", "name"]);
    let served = || service["spec"]["ports"].as_array().into_iter().flatten();
    let mut ports = Vec::new();
    for port in wanted {
        let (mut local, remote) = split(port);
        let by_name;
        let number = if let Ok(number) = remote.parse::<i64>() {
            number
        } else {
            let number = served()
                .find(|port| port["name"] == remote)
                .and_then(|port| port["port"].as_i64())
                .ok_or_else(|| message!("Service '{service_name}' does not have a named port '{remote}'"))?;
            if local == remote {
                by_name = number.to_string();
                local = &by_name;
            }
            number
        };
        check_protocol(number, served().map(|port| (port, port["port"].as_i64())))?;
        let found = served()
            .find(|port| port["port"].as_i64() == Some(number))
            .ok_or_else(|| message!("Service {service_name} does not have a service port {number}"))?;
        let target = &found["targetPort"];
        let target = match (service["spec"]["clusterIP"].as_str(), target.as_i64(), target.as_str()) {
            (Some("None"), _, None | Some("")) | (_, None | Some(0), None) => number,
            (_, Some(target), _) => target,
            (_, None, Some(name)) => named(pod, name)?,
        };
        let target = target.to_string();
        ports.push(join(local, &target, &target));
    }
    Ok(ports)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ports_are_the_pods() {
        let pod = json!({"metadata": {"name": "p"}, "spec": {"containers": [{"ports": [
            {"name": "http", "containerPort": 8080, "protocol": "TCP"},
            {"name": "dns", "containerPort": 53, "protocol": "UDP"},
        ]}]}});
        let service = json!({"metadata": {"name": "s"}, "spec": {"clusterIP": "10.0.0.1", "ports": [
            {"name": "web", "port": 80, "targetPort": "http", "protocol": "TCP"},
            {"name": "same", "port": 81, "targetPort": 81, "protocol": "TCP"},
            {"name": "lost", "port": 82, "targetPort": "gone", "protocol": "TCP"},
        ]}});
        for (wanted, of_service_too, expected) in [
            ("5000", false, Ok("5000")),
            ("1:5000", false, Ok("1:5000")),
            (":http", false, Ok(":8080")),
            ("httpx", false, Err("Pod 'p' does not have a named port 'httpx'")),
            ("53", false, Err("UDP protocol is not supported for 53")),
            ("1:", false, Err("remote port cannot be empty")),
            ("80", true, Ok("80:8080")),
            ("web", true, Ok("80:8080")),
            ("9:web", true, Ok("9:8080")),
            ("81", true, Ok("81")),
            ("82", true, Err("Pod 'p' does not have a named port 'gone'")),
            ("83", true, Err("Service s does not have a service port 83")),
            ("no", true, Err("Service 's' does not have a named port 'no'")),
        ] {
            let wanted = [wanted.to_owned()];
            let found = if of_service_too {
                of_service(&wanted, &service, &pod)
            } else {
                of_pod(&wanted, &pod)
            };
            let found = found.map(|ports| ports.join(" ")).map_err(|error| error.to_string());
            assert_eq!(found, expected.map(str::to_owned).map_err(str::to_owned));
        }
    }
}
