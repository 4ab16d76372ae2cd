//! The resolver settings of pods.

use std::collections::HashSet;

use cri_client::api::DnsConfig;
use k8s_api::core::v1::{Pod, PodDNSConfigOption};

const MAX_SERVERS: usize = 3;
const MAX_SEARCHES: usize = 32;
const MAX_SEARCH_CHARACTERS: usize = 2048;
const MAX_DOMAIN: usize = 253;

/// The node's part of the settings.
#[derive(Clone, Debug, Default)]
pub struct DnsOptions {
    /// The cluster's servers.
    pub cluster_dns: Vec<String>,
    /// The cluster's domain.
    pub cluster_domain: String,
    /// The node's resolver file; empty for none.
    pub resolv_conf: String,
}

/// What a resolver file says.
#[must_use]
pub fn parse_resolv_conf(text: &str) -> DnsConfig {
    let mut config = DnsConfig::default();
    for line in text.lines() {
        let line = line.trim();
        if line.starts_with(['#', ';']) {
            continue;
        }
        let mut words = line.split_whitespace();
        let Some(key) = words.next() else { continue };
        match key {
            "nameserver" => config.servers.extend(words.next().map(str::to_owned)),
            // The last line counts; a final dot is dropped, a dot alone stays.
            "search" => {
                let trimmed = |word: &str| {
                    if word == "." {
                        ".".to_owned()
                    } else {
                        word.trim_end_matches('.').to_owned()
                    }
                };
                config.searches = words.map(trimmed).collect();
            }
            "options" => config.options = words.map(str::to_owned).collect(),
            _ => {}
        }
    }
    config
}

/// The settings of a pod, and what there is to warn of.
///
/// # Errors
/// If the node's resolver file cannot be read.
pub fn pod_dns(pod: &Pod, options: &DnsOptions) -> Result<(DnsConfig, Vec<String>), String> {
    let mut warnings = Vec::new();
    let host = || -> Result<DnsConfig, String> {
        if options.resolv_conf.is_empty() {
            return Ok(DnsConfig::default());
        }
        let read = std::fs::read_to_string(&options.resolv_conf);
        read.map(|text| parse_resolv_conf(&text))
            .map_err(|error| format!("open {}: {error}", options.resolv_conf))
    };
    let policy = match pod.spec.dns_policy.as_str() {
        "ClusterFirst" if pod.spec.host_network => "Default",
        "ClusterFirstWithHostNet" => "ClusterFirst",
        other => other,
    };
    let mut config = match policy {
        "None" => DnsConfig::default(),
        "Default" => of_node(host()?, options),
        _ if options.cluster_dns.is_empty() => {
            warnings.push(format!(
                "pod: \"{}\". kubelet does not have ClusterDNS IP configured and cannot create Pod using \"ClusterFirst\" policy. Falling back to \"Default\" policy.",
                kubelet_types::pod::format_pod(pod)
            ));
            of_node(host()?, options)
        }
        _ => {
            let mut config = host()?;
            config.servers.clone_from(&options.cluster_dns);
            let domain = &options.cluster_domain;
            if !domain.is_empty() {
                let namespace = &pod.metadata.namespace;
                let own = [
                    format!("{namespace}.svc.{domain}"),
                    format!("svc.{domain}"),
                    domain.clone(),
                ];
                config.searches = unique(own.into_iter().chain(config.searches));
            }
            config.options = vec!["ndots:5".to_owned()];
            config
        }
    };
    if let Some(own) = &pod.spec.dns_config {
        config.servers = unique(config.servers.into_iter().chain(own.nameservers.iter().cloned()));
        config.searches = unique(config.searches.into_iter().chain(own.searches.iter().cloned()));
        merge_options(&mut config.options, &own.options);
    }
    fit(&mut config, &mut warnings);
    Ok((config, warnings))
}

fn of_node(mut config: DnsConfig, options: &DnsOptions) -> DnsConfig {
    if options.resolv_conf.is_empty() {
        config.servers = vec!["127.0.0.1".to_owned()];
        config.searches = vec![".".to_owned()];
    }
    config
}

fn unique(list: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = HashSet::new();
    list.filter(|item| seen.insert(item.clone())).collect()
}

/// The pod's options stand above the others of the same name.
fn merge_options(options: &mut Vec<String>, own: &[PodDNSConfigOption]) {
    let name = |option: &str| option.split(':').next().unwrap_or_default().to_owned();
    for option in own {
        options.retain(|present| name(present) != option.name);
    }
    let text = |option: &PodDNSConfigOption| match option.value.as_deref() {
        Some(value) if !value.is_empty() => format!("{}:{value}", option.name),
        _ => option.name.clone(),
    };
    options.extend(own.iter().map(text));
}

/// Cuts what resolvers do not take.
fn fit(config: &mut DnsConfig, warnings: &mut Vec<String>) {
    if config.servers.len() > MAX_SERVERS {
        config.servers.truncate(MAX_SERVERS);
        warnings.push(format!(
            "Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: {}",
            config.servers.join(" ")
        ));
    }
    let before = config.searches.len();
    config.searches.truncate(MAX_SEARCHES);
    config.searches.retain(|domain| domain.len() <= MAX_DOMAIN);
    while config.searches.join(" ").len() > MAX_SEARCH_CHARACTERS {
        config.searches.pop();
    }
    if config.searches.len() < before {
        warnings.push(format!(
            "Search Line limits were exceeded, some search paths have been omitted, the applied search line is: {}",
            config.searches.join(" ")
        ));
    }
}
