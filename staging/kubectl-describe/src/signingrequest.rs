//! `CertificateSigningRequest`: who asks, for what subject and what names.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cli_runtime::gotext::{format_labels, human_duration};
use cli_runtime::{Result, message};
use jiff::SignedDuration;
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::pem::parse_x509_pem;
use x509_parser::prelude::FromDer as _;

use crate::Subject;
use crate::fields::{created, given};
use crate::text::{Text, put};
use crate::values::{items, number, some, text};

/// The parts of a subject of which there may be several, by their object identifiers.
const PARTS: [(&str, &str); 7] = [
    ("Organization", "2.5.4.10"),
    ("Organizational Unit", "2.5.4.11"),
    ("Country", "2.5.4.6"),
    ("Locality", "2.5.4.7"),
    ("Province", "2.5.4.8"),
    ("StreetAddress", "2.5.4.9"),
    ("PostalCode", "2.5.4.17"),
];
const COMMON_NAME: &str = "2.5.4.3";
const SERIAL_NUMBER: &str = "2.5.4.5";

/// What is asked for.
#[derive(Default)]
struct Asked {
    /// Object identifiers and values.
    subject: Vec<(String, String)>,
    dns: Vec<String>,
    email: Vec<String>,
    uris: Vec<String>,
    ips: Vec<String>,
}

pub(crate) async fn describe(subject: &Subject<'_>, out: &mut Text) -> Result<()> {
    let request = subject.object;
    let asked = parse(text(request, "/spec/request")).map_err(|error| message!("Error parsing CSR: {error}"))?;
    put!(out, 0, "Name:\t{}\n", text(request, "/metadata/name"));
    for (title, field) in [("Labels", "/metadata/labels"), ("Annotations", "/metadata/annotations")] {
        put!(out, 0, "{title}:\t{}\n", format_labels(request.pointer(field)));
    }
    created(request, out);
    put!(out, 0, "Requesting User:\t{}\n", text(request, "/spec/username"));
    given(request, 0, &[("Signer:", "/spec/signerName")], out);
    if some(request, "/spec/expirationSeconds").is_some() {
        let lasts = SignedDuration::from_secs(number(request, "/spec/expirationSeconds"));
        put!(out, 0, "Requested Duration:\t{}\n", human_duration(lasts));
    }
    put!(out, 0, "Status:\t{}\n", status(request));
    put!(out, 0, "Subject:\n");
    for (title, part) in [("Common Name", COMMON_NAME), ("Serial Number", SERIAL_NUMBER)] {
        let value = asked.subject.iter().rfind(|(id, _)| id == part);
        put!(out, 0, "\t{title}:\t{}\n", value.map_or("", |(_, value)| value));
    }
    for (title, part) in PARTS {
        let values = asked.subject.iter().filter(|(id, _)| id == part);
        list(title, &values.map(|(_, value)| value.clone()).collect::<Vec<_>>(), out);
    }
    let names = [
        ("DNS Names", &asked.dns),
        ("Email Addresses", &asked.email),
        ("URIs", &asked.uris),
        ("IP Addresses", &asked.ips),
    ];
    if names.iter().any(|(_, names)| !names.is_empty()) {
        put!(out, 0, "Subject Alternative Names:\n");
    }
    for (title, names) in names {
        list(title, names, out);
    }
    if let Some(events) = subject.events().await {
        events.describe(out);
    }
    Ok(())
}

fn list(title: &str, values: &[String], out: &mut Text) {
    if !values.is_empty() {
        put!(out, 0, "\t{title}:\t{}\n", values.join("\n\t\t"));
    }
}

fn status(request: &Value) -> String {
    let conditions = items(request, "/status/conditions");
    let holds = |kind: &str| conditions.iter().any(|condition| text(condition, "/type") == kind);
    let mut status = match (holds("Denied"), holds("Approved")) {
        (true, _) => "Denied",
        (false, true) => "Approved",
        (false, false) => "Pending",
    }
    .to_owned();
    if holds("Failed") {
        status.push_str(",Failed");
    }
    if !text(request, "/status/certificate").is_empty() {
        status.push_str(",Issued");
    }
    status
}

/// Reads the request, which is PEM in base64.
fn parse(request: &str) -> std::result::Result<Asked, String> {
    let wrong_type = || "PEM block type must be CERTIFICATE REQUEST".to_owned();
    let pem = STANDARD.decode(request).map_err(|error| error.to_string())?;
    let (_, block) = parse_x509_pem(&pem).map_err(|_| wrong_type())?;
    if block.label != "CERTIFICATE REQUEST" {
        return Err(wrong_type());
    }
    let (_, request) = X509CertificationRequest::from_der(&block.contents)
        .map_err(|error| format!("asn1: structure error: {error}"))?;
    let mut asked = Asked::default();
    for part in request.certification_request_info.subject.iter_attributes() {
        let value = part.as_str().unwrap_or_default();
        asked.subject.push((part.attr_type().to_id_string(), value.to_owned()));
    }
    for extension in request.requested_extensions().into_iter().flatten() {
        let ParsedExtension::SubjectAlternativeName(names) = extension else {
            continue;
        };
        for name in &names.general_names {
            match name {
                GeneralName::DNSName(name) => asked.dns.push((*name).to_owned()),
                GeneralName::RFC822Name(name) => asked.email.push((*name).to_owned()),
                GeneralName::URI(uri) => asked.uris.push((*uri).to_owned()),
                GeneralName::IPAddress(bytes) => asked.ips.extend(address(bytes)),
                _ => {}
            }
        }
    }
    Ok(asked)
}

fn address(bytes: &[u8]) -> Option<String> {
    let address = match bytes.len() {
        4 => IpAddr::from(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?)),
        _ => IpAddr::from(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?)).to_canonical(),
    };
    Some(address.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_decided_comes_before_what_is_issued() {
        for (conditions, certificate, expected) in [
            (&[][..], "", "Pending"),
            (&["Approved"], "", "Approved"),
            (&["Approved"], "Y2VydA==", "Approved,Issued"),
            (&["Approved", "Denied"], "", "Denied"),
            (&["Approved", "Failed"], "", "Approved,Failed"),
        ] {
            let conditions: Vec<_> = conditions.iter().map(|kind| json!({"type": kind})).collect();
            let request = json!({"status": {"conditions": conditions, "certificate": certificate}});
            assert_eq!(status(&request), expected);
        }
    }

    #[test]
    fn only_certificate_requests_are_read() {
        let key = STANDARD.encode("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
        for request in [key, STANDARD.encode("no PEM")] {
            assert_eq!(
                parse(&request).err().as_deref(),
                Some("PEM block type must be CERTIFICATE REQUEST")
            );
        }
    }
}
