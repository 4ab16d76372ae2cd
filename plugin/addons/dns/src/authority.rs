//! Answers for the cluster's zone (`cluster.local`) and for reverse names of its addresses.
//!
//! Which names exist and what they hold is the Kubernetes DNS specification; where it is silent, CoreDNS's behaviour.
//! Pod names are answered for every address in a namespace that exists (CoreDNS's `pods insecure`, the usual setting).

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use hickory_proto::rr::rdata::{CNAME, NS, PTR, SOA, SRV, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};

use crate::store::{Entry, NamedEndpoint, Port, Service, Snapshot, Store, key};

/// The version of the DNS specification that `dns-version` reports.
const SCHEMA_VERSION: &str = "1.1.0";

/// Settings of the zone.
#[derive(Clone, Debug)]
pub struct ZoneOptions {
    /// The cluster's domain, for example `cluster.local`.
    pub domain: String,
    /// Time to live of records, in seconds.
    pub ttl: u32,
    /// Time to live of "there is no such name", in seconds.
    pub negative_ttl: u32,
    /// Addresses of this name server, given as `ns.dns.<domain>`.
    pub name_server_addresses: Vec<IpAddr>,
}

impl Default for ZoneOptions {
    fn default() -> Self {
        Self {
            domain: "cluster.local".to_owned(),
            ttl: 30,
            negative_ttl: 5,
            name_server_addresses: Vec::new(),
        }
    }
}

/// Why a domain cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("{domain:?} is not a domain name: {reason}")]
pub struct BadDomain {
    domain: String,
    reason: String,
}

/// What the authority says to a question.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Records for the answer and the additional section.
    Records(Vec<Record>, Vec<Record>),
    /// An alias, and where it leads.
    Alias(Box<(Record, Name)>),
    /// The name exists, records of this type do not.
    NoData,
    /// No such name.
    NxDomain,
    /// Not our name: ask others.
    NotOurs,
}

/// The zone over a store.
#[derive(Debug)]
pub struct Authority {
    store: Arc<Store>,
    options: ZoneOptions,
    zone: Name,
    /// Lower case labels of the zone, last first.
    zone_labels: Vec<String>,
    service_suffix: Name,
    start_serial: u32,
}

impl Authority {
    /// An authority for the options' domain.
    ///
    /// # Errors
    /// When the domain is no DNS name.
    pub fn new(store: Arc<Store>, options: ZoneOptions) -> Result<Self, BadDomain> {
        let domain = options.domain.trim_end_matches('.').to_ascii_lowercase();
        let bad = |reason: String| BadDomain {
            domain: options.domain.clone(),
            reason,
        };
        if domain.is_empty() {
            return Err(bad("it is empty".to_owned()));
        }
        let name = |text: String| Name::from_ascii(text).map_err(|error| bad(error.to_string()));
        let zone = name(format!("{domain}."))?;
        let service_suffix = name(format!("svc.{domain}."))?;
        let zone_labels = domain.rsplit('.').map(str::to_owned).collect();
        // Serials of a new process must not fall behind those of the last one.
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        #[expect(clippy::cast_possible_truncation, reason = "serial numbers wrap around by design")]
        let start_serial = now as u32;
        Ok(Self {
            store,
            options,
            zone,
            zone_labels,
            service_suffix,
            start_serial,
        })
    }

    /// The zone's name.
    #[must_use]
    pub fn zone(&self) -> &Name {
        &self.zone
    }

    /// The SOA record, for negative answers and for those who ask.
    pub(crate) fn soa(&self) -> Record {
        let host = |label: &str| Name::from_ascii(label).and_then(|name| name.append_domain(&self.zone));
        let (Ok(server), Ok(mailbox)) = (host("ns.dns"), host("hostmaster")) else {
            unreachable!("the zone's name leaves room for a prefix: new() built a longer one")
        };
        let serial = self.start_serial.wrapping_add(self.store.serial());
        let soa = SOA::new(server, mailbox, serial, 7200, 1800, 86400, self.options.negative_ttl);
        Record::from_rdata(self.zone.clone(), self.options.negative_ttl, RData::SOA(soa))
    }

    /// Answers a question of class IN.
    pub(crate) fn answer(&self, name: &Name, kind: RecordType) -> Outcome {
        let Some(labels) = lower_labels(name) else {
            return self.answer_unprintable(name);
        };
        let labels: Vec<&str> = labels.iter().map(String::as_str).rev().collect();
        let snapshot = self.store.snapshot();
        let question = Question {
            authority: self,
            snapshot: &snapshot,
            name,
            kind,
        };
        if labels.len() >= self.zone_labels.len() && labels.iter().zip(&self.zone_labels).all(|(a, b)| a == b) {
            return question.in_zone(&labels[self.zone_labels.len()..]);
        }
        match reverse_address(&labels) {
            Some(ip) => question.reverse(ip),
            None => Outcome::NotOurs,
        }
    }

    fn answer_unprintable(&self, name: &Name) -> Outcome {
        if self.zone.zone_of(name) {
            Outcome::NxDomain
        } else {
            Outcome::NotOurs
        }
    }

    /// `relative.svc.<zone>`; `None` when that is longer than names may be.
    fn service_name(&self, relative: &str) -> Option<Name> {
        Name::from_ascii(relative)
            .and_then(|name| name.append_domain(&self.service_suffix))
            .ok()
    }
}

/// The labels in lower case; `None` when one holds a character that no name of ours has.
fn lower_labels(name: &Name) -> Option<Vec<String>> {
    name.iter()
        .map(|label| {
            let plain = label
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
            plain.then(|| String::from_utf8_lossy(label).to_ascii_lowercase())
        })
        .collect()
}

/// The address of a full reverse name, from labels that are last first.
fn reverse_address(labels: &[&str]) -> Option<IpAddr> {
    match labels {
        ["arpa", "in-addr", octets @ ..] if octets.len() == 4 => {
            let mut bytes = [0u8; 4];
            for (byte, label) in bytes.iter_mut().zip(octets) {
                *byte = label.parse().ok()?;
            }
            Some(IpAddr::from(bytes))
        }
        ["arpa", "ip6", nibbles @ ..] if nibbles.len() == 32 => {
            let mut bits = 0u128;
            for label in nibbles {
                let [digit] = label.as_bytes() else { return None };
                bits = (bits << 4) | u128::from(char::from(*digit).to_digit(16)?);
            }
            Some(IpAddr::V6(bits.into()))
        }
        _ => None,
    }
}

struct Question<'a> {
    authority: &'a Authority,
    snapshot: &'a Snapshot,
    name: &'a Name,
    kind: RecordType,
}

impl Question<'_> {
    fn record(&self, data: RData) -> Record {
        Record::from_rdata(self.name.clone(), self.authority.options.ttl, data)
    }

    fn records(&self, data: impl Iterator<Item = RData>) -> Outcome {
        let records: Vec<Record> = data.map(|data| self.record(data)).collect();
        if records.is_empty() {
            Outcome::NoData
        } else {
            Outcome::Records(records, Vec::new())
        }
    }

    /// Addresses of the asked family.
    fn addresses(&self, addresses: impl Iterator<Item = IpAddr>) -> Outcome {
        let wanted = |ip: &IpAddr| match self.kind {
            RecordType::A => ip.is_ipv4(),
            RecordType::AAAA => ip.is_ipv6(),
            _ => false,
        };
        self.records(addresses.filter(wanted).map(RData::from))
    }

    /// `labels` are what comes before the zone, last first.
    fn in_zone(&self, labels: &[&str]) -> Outcome {
        match labels {
            [] => match self.kind {
                RecordType::SOA => Outcome::Records(vec![self.authority.soa()], Vec::new()),
                RecordType::NS => self.name_server(),
                _ => Outcome::NoData,
            },
            ["dns-version"] => match self.kind {
                RecordType::TXT => self.records(std::iter::once(RData::TXT(TXT::new(vec![SCHEMA_VERSION.to_owned()])))),
                _ => Outcome::NoData,
            },
            ["dns"] | ["svc" | "pod"] => Outcome::NoData,
            ["dns", "ns"] => self.addresses(self.authority.options.name_server_addresses.iter().copied()),
            ["svc" | "pod", namespace, ..] if !self.snapshot.namespaces.contains_key(*namespace) => Outcome::NxDomain,
            ["svc" | "pod", _] => Outcome::NoData,
            ["svc", namespace, service, rest @ ..] => self.service(namespace, service, rest),
            ["pod", _, address] => self.pod(address),
            _ => Outcome::NxDomain,
        }
    }

    fn name_server(&self) -> Outcome {
        match Name::from_ascii("ns.dns").and_then(|name| name.append_domain(self.authority.zone())) {
            Ok(name) => self.records(std::iter::once(RData::NS(NS(name)))),
            Err(_) => Outcome::NoData,
        }
    }

    /// `10-1-2-3` or `2001-db8--1`.
    fn pod(&self, label: &str) -> Outcome {
        let v4 = label.matches('-').count() == 3 && !label.contains("--");
        let text = label.replace('-', if v4 { "." } else { ":" });
        match text.parse::<IpAddr>() {
            Ok(ip) => self.addresses(std::iter::once(ip)),
            Err(_) => Outcome::NxDomain,
        }
    }

    fn service(&self, namespace: &str, name: &str, rest: &[&str]) -> Outcome {
        let service_key = key(namespace, name);
        let Some(entry) = self.snapshot.services.get(&*service_key) else {
            return Outcome::NxDomain;
        };
        let Some(service) = &entry.service else {
            return Outcome::NxDomain;
        };
        if let Some(target) = &service.external_name {
            return if rest.is_empty() {
                self.external_name(target)
            } else {
                Outcome::NxDomain
            };
        }
        match rest {
            [] if entry.is_headless() && entry.endpoints.is_empty() => Outcome::NxDomain,
            [] => self.whole_service(entry, service, None),
            [protocol, port] => match (protocol.strip_prefix('_'), port.strip_prefix('_')) {
                (Some(protocol), Some(port)) => self.whole_service(entry, service, Some((protocol, port))),
                _ => Outcome::NxDomain,
            },
            [protocol] if protocol.starts_with('_') => {
                let known =
                    all_ports(entry, service).any(|port| Some(port.protocol.as_str()) == protocol.strip_prefix('_'));
                if known { Outcome::NoData } else { Outcome::NxDomain }
            }
            [label] => self.endpoint(entry, &service_key, label),
            _ => Outcome::NxDomain,
        }
    }

    fn external_name(&self, target: &str) -> Outcome {
        let Ok(mut target) = Name::from_ascii(target) else {
            return Outcome::NxDomain;
        };
        target.set_fqdn(true);
        match self.kind {
            RecordType::A | RecordType::AAAA | RecordType::CNAME => {
                let record = self.record(RData::CNAME(CNAME(target.clone())));
                if self.kind == RecordType::CNAME {
                    Outcome::Records(vec![record], Vec::new())
                } else {
                    Outcome::Alias(Box::new((record, target)))
                }
            }
            _ => Outcome::NoData,
        }
    }

    /// The service's own name, or one of its ports as (protocol, name).
    fn whole_service(&self, entry: &Entry, service: &Service, port: Option<(&str, &str)>) -> Outcome {
        let matches = |each: &Port| {
            port.is_none_or(|(protocol, name)| each.protocol.eq_ignore_ascii_case(protocol) && each.name == name)
        };
        if port.is_some() && !all_ports(entry, service).any(matches) {
            return Outcome::NxDomain;
        }
        match (self.kind, entry.is_headless()) {
            (RecordType::SRV, headless) => self.service_records(entry, service, headless, matches),
            (_, true) => self.addresses(
                entry
                    .endpoints
                    .iter()
                    .filter(|each| port.is_none() || each.ports.iter().any(matches))
                    .map(|each| each.ip),
            ),
            (_, false) => self.addresses(service.cluster_ips.iter().copied()),
        }
    }

    fn service_records(
        &self,
        entry: &Entry,
        service: &Service,
        headless: bool,
        matches: impl Fn(&Port) -> bool,
    ) -> Outcome {
        let relative = format!("{}.{}", service.name, service.namespace);
        let mut targets: Vec<(Name, u16)> = Vec::new();
        let mut additionals: Vec<Record> = Vec::new();
        let ttl = self.authority.options.ttl;
        let mut add = |relative: &str, ports: &[Port], addresses: &[IpAddr]| {
            let Some(target) = self.authority.service_name(relative) else {
                return;
            };
            let before = targets.len();
            targets.extend(
                ports
                    .iter()
                    .filter(|port| matches(port))
                    .map(|port| (target.clone(), port.port)),
            );
            if targets.len() > before {
                let records = addresses
                    .iter()
                    .map(|ip| Record::from_rdata(target.clone(), ttl, RData::from(*ip)));
                additionals.extend(records);
            }
        };
        if headless {
            for endpoint in &entry.endpoints {
                add(
                    &format!("{}.{relative}", endpoint.label),
                    &endpoint.ports,
                    &[endpoint.ip],
                );
            }
        } else {
            add(&relative, &service.ports, &service.cluster_ips);
        }
        // Weights of equal targets add up to about a hundred.
        let weight = u16::try_from(100 / targets.len().max(1)).unwrap_or(1).max(1);
        let records = targets
            .into_iter()
            .map(|(target, port)| RData::SRV(SRV::new(0, weight, port, target)));
        match self.records(records) {
            Outcome::Records(answers, _) => Outcome::Records(answers, additionals),
            other => other,
        }
    }

    /// One endpoint by host name or dashed address.
    fn endpoint(&self, entry: &Entry, service_key: &str, label: &str) -> Outcome {
        let found: Vec<&NamedEndpoint> = entry
            .endpoints
            .iter()
            .filter(|endpoint| endpoint.label == label)
            .collect();
        if found.is_empty() {
            return Outcome::NxDomain;
        }
        if self.kind != RecordType::SRV {
            return self.addresses(found.into_iter().map(|endpoint| endpoint.ip));
        }
        let Some(target) = self.authority.service_name(&format!("{label}.{service_key}")) else {
            return Outcome::NoData;
        };
        let ports: Vec<u16> = found
            .iter()
            .flat_map(|endpoint| endpoint.ports.iter())
            .map(|port| port.port)
            .collect();
        let weight = u16::try_from(100 / ports.len().max(1)).unwrap_or(1).max(1);
        let additionals = found
            .iter()
            .map(|each| Record::from_rdata(target.clone(), self.authority.options.ttl, RData::from(each.ip)));
        match self.records(
            ports
                .into_iter()
                .map(|port| RData::SRV(SRV::new(0, weight, port, target.clone()))),
        ) {
            Outcome::Records(answers, _) => Outcome::Records(answers, additionals.collect()),
            other => other,
        }
    }

    fn reverse(&self, ip: IpAddr) -> Outcome {
        let names = self.snapshot.names_of(ip);
        if names.is_empty() {
            return Outcome::NotOurs;
        }
        if self.kind != RecordType::PTR {
            return Outcome::NoData;
        }
        self.records(
            names
                .into_iter()
                .filter_map(|name| self.authority.service_name(name))
                .map(|name| RData::PTR(PTR(name))),
        )
    }
}

fn all_ports<'a>(entry: &'a Entry, service: &'a Service) -> impl Iterator<Item = &'a Port> {
    let own = if entry.is_headless() { &[][..] } else { &service.ports };
    let endpoints = if entry.is_headless() { &entry.endpoints[..] } else { &[] };
    own.iter()
        .chain(endpoints.iter().flat_map(|endpoint| endpoint.ports.iter()))
}
