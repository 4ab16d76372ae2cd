//! `Ingress`: its rules, and what is behind each; `IngressClass`: who takes care of it.

use serde_json::Value;
use std::collections::BTreeSet;

use crate::fields::{fields, given};
use crate::service::{endpoints, slices_of};
use crate::text::{Text, put};
use crate::values::{items, joined, number, some, text};
use crate::{Named, Subject, metadata};

pub(crate) async fn describe(subject: &Subject<'_>, out: &mut Text) {
    let object = subject.object;
    put!(out, 0, "Name:\t{}\n", text(object, "/metadata/name"));
    metadata::labels("Labels", object.pointer("/metadata/labels"), out);
    put!(out, 0, "Namespace:\t{}\n", text(object, "/metadata/namespace"));
    put!(out, 0, "Address:\t{}\n", address(object));
    let class = &[("Ingress Class:", "/spec/ingressClassName", "<none>")];
    fields(object, 0, class, out);
    let default = match some(object, "/spec/defaultBackend") {
        Some(default) => backend(subject, default).await,
        None => "<default>".to_owned(),
    };
    put!(out, 0, "Default backend:\t{default}\n");
    tls(items(object, "/spec/tls"), out);
    put!(out, 0, "Rules:\n  Host\tPath\tBackends\n");
    put!(out, 1, "----\t----\t--------\n");
    let rules = items(object, "/spec/rules");
    let rules: Vec<_> = rules.iter().filter(|rule| some(rule, "/http").is_some()).collect();
    if rules.is_empty() {
        put!(out, 1, "*\t*\t{default}\n");
    }
    for rule in rules {
        let host = text(rule, "/host");
        put!(out, 1, "{}\t\n", if host.is_empty() { "*" } else { host });
        for path in items(rule, "/http/paths") {
            let behind = backend(subject, &path["backend"]).await;
            put!(out, 2, "\t{} \t{behind}\n", text(path, "/path"));
        }
    }
    metadata::annotations("Annotations", object.pointer("/metadata/annotations"), out);
    if let Some(events) = subject.events().await {
        events.describe(out);
    }
}

/// Where the load balancer listens.
fn address(object: &Value) -> String {
    let points: BTreeSet<_> = items(object, "/status/loadBalancer/ingress")
        .iter()
        .map(|point| match text(point, "/ip") {
            "" => text(point, "/hostname"),
            ip => ip,
        })
        .filter(|point| !point.is_empty())
        .collect();
    points.into_iter().collect::<Vec<_>>().join(",")
}

fn tls(entries: &[Value], out: &mut Text) {
    if !entries.is_empty() {
        put!(out, 0, "TLS:\n");
    }
    for entry in entries {
        let hosts = joined(entry, "/hosts", ",");
        match text(entry, "/secretName") {
            "" => put!(out, 1, "SNI routes {hosts}\n"),
            secret => put!(out, 1, "{secret} terminates {hosts}\n"),
        }
    }
}

/// A service with the endpoints behind it, or a resource of another kind.
async fn backend(subject: &Subject<'_>, backend: &Value) -> String {
    if let Some(service) = some(backend, "/service") {
        let port = match number(service, "/port/number") {
            0 => text(service, "/port/name").to_owned(),
            number => number.to_string(),
        };
        let shown = format!("{}:{port}", text(service, "/name"));
        return match behind(subject, service).await {
            Ok(endpoints) => format!("{shown} ({endpoints})"),
            Err(error) => format!("{shown} (<error: {error}>)"),
        };
    }
    let Some(resource) = some(backend, "/resource") else {
        return String::new();
    };
    let group = some(resource, "/apiGroup").and_then(Value::as_str).unwrap_or("<none>");
    let (kind, name) = (text(resource, "/kind"), text(resource, "/name"));
    format!("APIGroup: {group}, Kind: {kind}, Name: {name}")
}

async fn behind(subject: &Subject<'_>, backend: &Value) -> cli_runtime::Result<String> {
    let (namespace, name) = (text(subject.object, "/metadata/namespace"), text(backend, "/name"));
    let slices = slices_of(subject.cluster, namespace, name).await?;
    let service = Named {
        api_version: "v1",
        kind: "Service",
        namespace,
        name,
    };
    let service = subject.cluster.get(&service).await?;
    let (wanted, wanted_name) = (number(backend, "/port/number"), text(backend, "/port/name"));
    let chosen = items(&service, "/spec/ports").iter().rfind(|port| {
        (wanted != 0 && number(port, "/port") == wanted)
            || (!wanted_name.is_empty() && text(port, "/name") == wanted_name)
    });
    Ok(endpoints(&slices, chosen.map_or("", |port| text(port, "/name"))))
}

/// `IngressClass`.
pub(crate) async fn describe_class(subject: &Subject<'_>, out: &mut Text) {
    let object = subject.object;
    put!(out, 0, "Name:\t{}\n", text(object, "/metadata/name"));
    metadata::labels("Labels", object.pointer("/metadata/labels"), out);
    metadata::annotations("Annotations", object.pointer("/metadata/annotations"), out);
    put!(out, 0, "Controller:\t{}\n", text(object, "/spec/controller"));
    if let Some(parameters) = some(object, "/spec/parameters") {
        put!(out, 0, "Parameters:\n");
        given(parameters, 1, &[("APIGroup:", "/apiGroup")], out);
        fields(parameters, 1, &[("Kind:", "/kind", ""), ("Name:", "/name", "")], out);
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
    async fn rules_show_what_is_behind_them() {
        let ingress = json!({
            "kind": "Ingress", "metadata": {"name": "i", "namespace": "n"},
            "spec": {
                "defaultBackend": {"resource": {"apiGroup": "example.com", "kind": "Bucket", "name": "b"}},
                "tls": [{"hosts": ["a", "b"], "secretName": "s"}, {"hosts": ["c"]}],
                "rules": [
                    {"host": "a", "http": {"paths": [{"path": "/", "backend": {"service": {"name": "web", "port": {"number": 80}}}}]}},
                    {"host": "nothing"},
                ],
            },
            "status": {"loadBalancer": {"ingress": [{"ip": "2.2.2.2"}, {"hostname": "h"}, {"ip": "1.1.1.1"}]}},
        });
        // The same object answers for the service and for its slice.
        let related = json!({
            "spec": {"ports": [{"name": "http", "port": 80}]}, "ports": [{"name": "http", "port": 8080}],
            "endpoints": [{"addresses": ["10.0.0.1"]}],
        });
        let description = described("networking.k8s.io", &ingress, vec![related]).await;
        let (description, _) = description.split_once("Events:").unwrap();
        assert_eq!(
            description,
            "Name:             i
Labels:           <none>
Namespace:        n
Address:          1.1.1.1,2.2.2.2,h
Ingress Class:    <none>
Default backend:  APIGroup: example.com, Kind: Bucket, Name: b
TLS:
  s terminates a,b
  SNI routes c
Rules:
  Host        Path  Backends
  ----        ----  --------
  a           
              /   web:80 (10.0.0.1:8080)
Annotations:  <none>
"
        );
    }
}
