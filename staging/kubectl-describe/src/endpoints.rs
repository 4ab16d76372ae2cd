//! `Endpoints` and `EndpointSlice`: addresses and ports behind a service.

use serde_json::Value;

use crate::fields::fields;
use crate::text::{Text, put};
use crate::values::{items, joined, number, or_none, some, text};
use crate::{Subject, metadata};

/// `Endpoints`.
pub(crate) async fn describe(subject: &Subject<'_>, out: &mut Text) {
    metadata::head(subject.object, out);
    put!(out, 0, "Subsets:\n");
    for subset in items(subject.object, "/subsets") {
        for (title, field) in [("Addresses", "/addresses"), ("NotReadyAddresses", "/notReadyAddresses")] {
            let addresses: Vec<_> = items(subset, field)
                .iter()
                .map(|address| text(address, "/ip"))
                .collect();
            put!(out, 1, "{title}:\t{}\n", or_none(&addresses.join(",")));
        }
        let ports = items(subset, "/ports");
        if !ports.is_empty() {
            put!(out, 1, "Ports:\n");
            table(ports, 2, out);
        }
        put!(out, 0, "\n");
    }
    if let Some(events) = subject.events().await {
        events.describe(out);
    }
}

fn table(ports: &[Value], level: usize, out: &mut Text) {
    put!(out, level, "Name\tPort\tProtocol\n");
    put!(out, level, "----\t----\t--------\n");
    for port in ports {
        let name = match text(port, "/name") {
            "" => "<unset>",
            name => name,
        };
        let number = some(port, "/port").map_or_else(|| "<unset>".to_owned(), |_| number(port, "/port").to_string());
        put!(out, level, "{name}\t{number}\t{}\n", text(port, "/protocol"));
    }
}

/// `EndpointSlice`.
pub(crate) async fn describe_slice(subject: &Subject<'_>, out: &mut Text) {
    let slice = subject.object;
    metadata::head(slice, out);
    put!(out, 0, "AddressType:\t{}\n", text(slice, "/addressType"));
    match items(slice, "/ports") {
        [] => put!(out, 0, "Ports: <unset>\n"),
        ports => {
            put!(out, 0, "Ports:\n");
            table(ports, 1, out);
        }
    }
    match items(slice, "/endpoints") {
        [] => put!(out, 0, "Endpoints: <none>\n"),
        _ => put!(out, 0, "Endpoints:\n"),
    }
    for endpoint in items(slice, "/endpoints") {
        let addresses = joined(endpoint, "/addresses", ", ");
        put!(out, 1, "- Addresses:\t{}\n", or_none(&addresses));
        put!(out, 2, "Conditions:\n");
        fields(endpoint, 3, &[("Ready:", "/conditions/ready", "<unset>")], out);
        fields(endpoint, 2, &[("Hostname:", "/hostname", "<unset>")], out);
        if let Some(target) = some(endpoint, "/targetRef") {
            put!(
                out,
                2,
                "TargetRef:\t{}/{}\n",
                text(target, "/kind"),
                text(target, "/name")
            );
        }
        let place = &[("NodeName:", "/nodeName", "<unset>"), ("Zone:", "/zone", "<unset>")];
        fields(endpoint, 2, place, out);
    }
    if let Some(events) = subject.events().await {
        events.describe(out);
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::described;
    use serde_json::json;

    #[tokio::test]
    async fn what_is_not_set_is_said() {
        let slice = json!({
            "kind": "EndpointSlice", "metadata": {"name": "e", "namespace": "n"}, "addressType": "IPv4", "ports": [{"protocol": "TCP"}],
            "endpoints": [{"addresses": ["10.0.0.1", "10.0.0.2"], "conditions": {"ready": false}, "targetRef": {"kind": "Pod", "name": "p"}}],
        });
        assert_eq!(
            described("discovery.k8s.io", &slice, Vec::new()).await,
            "Name:         e
Namespace:    n
Labels:       <none>
Annotations:  <none>
AddressType:  IPv4
Ports:
  Name     Port     Protocol
  ----     ----     --------
  <unset>  <unset>  TCP
Endpoints:
  - Addresses:  10.0.0.1, 10.0.0.2
    Conditions:
      Ready:    false
    Hostname:   <unset>
    TargetRef:  Pod/p
    NodeName:   <unset>
    Zone:       <unset>
Events:         <none>
"
        );
    }
}
