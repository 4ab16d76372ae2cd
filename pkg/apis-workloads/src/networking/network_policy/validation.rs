//! What a network policy must be.

use apimachinery::{
    field::{BadValue, Error, ErrorList, Path},
    names::{self, Cidr},
};
use apis_pod::{
    meta::{
        LabelSelectorOptions, NameRule, validate_label_selector, validate_object_meta, validate_object_meta_update,
    },
    rules::{invalid_number, one_of},
};
use component_base::feature_gates::{Feature, FeatureGates};
use k8s_api::{
    networking::v1::{IPBlock, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec},
    primitives::IntOrString,
};

use crate::common::{METADATA, SPEC, STRICT, lenient};

const POLICY_TYPES: [&str; 2] = ["Ingress", "Egress"];

/// How strictly peers are looked at.
#[derive(Debug)]
struct Options<'a> {
    selectors: LabelSelectorOptions,
    /// Whether networks must be in their canonical form.
    strict_cidrs: bool,
    /// Networks that are there already, wherever they stand.
    existing_cidrs: Vec<&'a str>,
}

/// Every fault of a new policy.
#[must_use]
pub fn validate(policy: &NetworkPolicy, gates: &FeatureGates) -> ErrorList {
    let options = Options {
        selectors: STRICT,
        strict_cidrs: gates.enabled(Feature::StrictIPCIDRValidation),
        existing_cidrs: Vec::new(),
    };
    let mut errors = validate_object_meta(&policy.metadata, true, NameRule::Dns1123Subdomain, &METADATA);
    validate_spec(&policy.spec, &options, &mut errors);
    errors
}

/// Every fault of a changed policy.
#[must_use]
pub fn validate_update(new: &NetworkPolicy, old: &NetworkPolicy, gates: &FeatureGates) -> ErrorList {
    let before = validate_label_selector(Some(&old.spec.pod_selector), STRICT, &SPEC);
    let options = Options {
        selectors: lenient(!before.is_empty()),
        strict_cidrs: gates.enabled(Feature::StrictIPCIDRValidation),
        existing_cidrs: cidrs(&old.spec).collect(),
    };
    let mut errors = validate_object_meta_update(&new.metadata, &old.metadata, &METADATA);
    validate_spec(&new.spec, &options, &mut errors);
    errors
}

fn cidrs(spec: &NetworkPolicySpec) -> impl Iterator<Item = &str> {
    let from = spec.ingress.iter().flat_map(|rule| &rule.from);
    let to = spec.egress.iter().flat_map(|rule| &rule.to);
    from.chain(to)
        .filter_map(|peer| peer.ip_block.as_deref())
        .flat_map(|block| std::iter::once(&block.cidr).chain(&block.except))
        .map(String::as_str)
}

fn validate_spec(spec: &NetworkPolicySpec, options: &Options<'_>, errors: &mut ErrorList) {
    let path = SPEC.child("podSelector");
    errors.append(validate_label_selector(
        Some(&spec.pod_selector),
        options.selectors,
        &path,
    ));
    let ingress = spec.ingress.iter().map(|rule| (&rule.ports, &rule.from));
    validate_rules(ingress, "from", options, &SPEC.child("ingress"), errors);
    let egress = spec.egress.iter().map(|rule| (&rule.ports, &rule.to));
    validate_rules(egress, "to", options, &SPEC.child("egress"), errors);
    let types = SPEC.child("policyTypes");
    if spec.policy_types.len() > POLICY_TYPES.len() {
        let detail = "may not specify more than two policyTypes";
        errors.push(Error::invalid(&types, BadValue::json(&spec.policy_types), detail));
        return;
    }
    for (index, type_) in spec.policy_types.iter().enumerate() {
        errors.extend(one_of(&types.index(index), type_, &POLICY_TYPES));
    }
}

fn validate_rules<'a>(
    rules: impl Iterator<Item = (&'a Vec<NetworkPolicyPort>, &'a Vec<NetworkPolicyPeer>)>,
    peers_name: &str,
    options: &Options<'_>,
    path: &Path<'_>,
    errors: &mut ErrorList,
) {
    for (index, (ports, peers)) in rules.enumerate() {
        let path = path.index(index);
        let list = path.child("ports");
        for (index, port) in ports.iter().enumerate() {
            validate_port(port, &list.index(index), errors);
        }
        let list = path.child(peers_name);
        for (index, peer) in peers.iter().enumerate() {
            validate_peer(peer, options, &list.index(index), errors);
        }
    }
}

fn validate_port(port: &NetworkPolicyPort, path: &Path<'_>, errors: &mut ErrorList) {
    if let Some(protocol) = &port.protocol {
        errors.extend(one_of(&path.child("protocol"), protocol, &["TCP", "UDP", "SCTP"]));
    }
    let port_path = path.child("port");
    let end_path = path.child("endPort");
    match (&port.port, port.end_port) {
        (Some(IntOrString::Int(first)), last) => {
            let number = i64::from(*first);
            errors.append(invalid_number(&port_path, number, names::port_number(number)));
            if let Some(last) = last {
                if last < *first {
                    let detail = "must be greater than or equal to `port`";
                    errors.push(Error::invalid(&end_path, *first, detail));
                }
                let last = i64::from(last);
                errors.append(invalid_number(&end_path, last, names::port_number(last)));
            }
        }
        (Some(IntOrString::String(name)), last) => {
            if let Some(last) = last {
                let detail = "may not be specified when `port` is non-numeric";
                errors.push(Error::invalid(&end_path, last, detail));
            }
            errors.invalid_each(&port_path, name, names::port_name(name));
        }
        (None, Some(last)) => {
            let detail = "may not be specified when `port` is not specified";
            errors.push(Error::invalid(&end_path, last, detail));
        }
        (None, None) => {}
    }
}

fn validate_peer(peer: &NetworkPolicyPeer, options: &Options<'_>, path: &Path<'_>, errors: &mut ErrorList) {
    let selectors = [
        ("podSelector", &peer.pod_selector),
        ("namespaceSelector", &peer.namespace_selector),
    ];
    for (name, selector) in selectors {
        errors.append(validate_label_selector(
            selector.as_deref(),
            options.selectors,
            &path.child(name),
        ));
    }
    let has_selector = selectors.iter().any(|(_, selector)| selector.is_some());
    if let Some(block) = &peer.ip_block {
        validate_block(block, options, &path.child("ipBlock"), errors);
        if has_selector {
            let detail = "may not specify both ipBlock and another peer";
            errors.push(Error::forbidden(path, detail));
        }
    } else if !has_selector {
        errors.push(Error::required(path, "must specify a peer"));
    }
}

fn validate_block(block: &IPBlock, options: &Options<'_>, path: &Path<'_>, errors: &mut ErrorList) {
    let check = |cidr: &str, path: &Path<'_>, errors: &mut ErrorList| {
        let Options {
            strict_cidrs,
            existing_cidrs,
            ..
        } = options;
        errors.append(names::validate_legacy_cidr(path, cidr, *strict_cidrs, existing_cidrs));
        names::parse_cidr_sloppy(cidr)
    };
    let cidr_path = path.child("cidr");
    if block.cidr.is_empty() {
        errors.push(Error::required(&cidr_path, ""));
        return;
    }
    let Some(network) = check(&block.cidr, &cidr_path, errors) else {
        return;
    };
    let except = path.child("except");
    for (index, cidr) in block.except.iter().enumerate() {
        let path = except.index(index);
        if let Some(part) = check(cidr, &path, errors)
            && !is_strict_subset(part, network)
        {
            errors.push(Error::invalid(&path, cidr, "must be a strict subset of `cidr`"));
        }
    }
}

fn is_strict_subset(part: Cidr, network: Cidr) -> bool {
    let enclosing = Cidr {
        address: part.network(),
        prefix: network.prefix,
    };
    part.address.is_ipv4() == network.address.is_ipv4()
        && network.prefix < part.prefix
        && enclosing.network() == network.network()
}
