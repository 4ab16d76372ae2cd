//! Values that are written one way in files and another on command lines.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::{Deref, DerefMut};

use component_base::flags::FlagValue;
use k8s_api::primitives::Quantity;
use serde::{Deserialize, Serialize};

use crate::nested::{MemoryReservation, Taint};

/// An address, checked where it is given as a flag.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IpText(pub String);

impl IpText {
    /// The address; the text of a file may be none.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        self.0.parse().ok()
    }
}

impl FlagValue for IpText {
    fn set(&mut self, text: &str, _first: bool) -> Result<(), String> {
        if !text.is_empty() && text.parse::<IpAddr>().is_err() {
            return Err(format!("{text:?} is not a valid IP address"));
        }
        text.clone_into(&mut self.0);
        Ok(())
    }

    fn to_text(&self) -> String {
        self.0.clone()
    }

    fn type_name(&self) -> &'static str {
        "ip"
    }
}

/// `key<value` pairs on the command line, a map in files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LangleMap(pub BTreeMap<String, String>);

impl Deref for LangleMap {
    type Target = BTreeMap<String, String>;
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for LangleMap {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl FlagValue for LangleMap {
    fn set(&mut self, text: &str, first: bool) -> Result<(), String> {
        if first {
            self.0.clear();
        }
        for pair in text.split(',').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair
                .split_once('<')
                .ok_or_else(|| format!("malformed pair, expect string<string, got {pair}"))?;
            self.0.insert(key.trim().to_owned(), value.trim().to_owned());
        }
        Ok(())
    }

    fn to_text(&self) -> String {
        let pairs: Vec<_> = self.0.iter().map(|(key, value)| format!("{key}<{value}")).collect();
        pairs.join(",")
    }

    fn type_name(&self) -> &'static str {
        "mapStringString"
    }
}

/// `key=value:effect` taints on the command line, a list in files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Taints(pub Vec<Taint>);

fn taint(text: &str) -> Result<Taint, String> {
    let invalid = || format!("invalid taint spec: {text}");
    let (front, effect) = text.split_once(':').ok_or_else(invalid)?;
    if effect.contains(':') {
        return Err(invalid());
    }
    if !matches!(effect, "NoSchedule" | "PreferNoSchedule" | "NoExecute") {
        return Err(format!("invalid taint effect: {effect}, unsupported taint effect"));
    }
    let (key, value) = front.split_once('=').unwrap_or((front, ""));
    let errors = apimachinery::names::qualified_name(key);
    if !errors.is_empty() || value.contains('=') {
        return Err(format!("invalid taint spec: {text}, {}", errors.join("; ")));
    }
    let errors = apimachinery::names::label_value(value);
    if !errors.is_empty() {
        return Err(format!("invalid taint spec: {text}, {}", errors.join("; ")));
    }
    Ok(Taint {
        key: key.to_owned(),
        value: value.to_owned(),
        effect: effect.to_owned(),
        time_added: None,
    })
}

impl FlagValue for Taints {
    fn set(&mut self, text: &str, _first: bool) -> Result<(), String> {
        let words = text.split(',').filter(|word| !word.is_empty());
        self.0 = words.map(taint).collect::<Result<_, _>>()?;
        Ok(())
    }

    fn to_text(&self) -> String {
        let shown = |taint: &Taint| match taint.value.as_str() {
            "" => format!("{}:{}", taint.key, taint.effect),
            value => format!("{}={value}:{}", taint.key, taint.effect),
        };
        self.0.iter().map(shown).collect::<Vec<_>>().join(",")
    }

    fn type_name(&self) -> &'static str {
        "[]v1.Taint"
    }
}

/// `node:memory=1Gi,hugepages-2Mi=...` reservations on the command line, a list in files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MemoryReservations(pub Vec<MemoryReservation>);

impl FlagValue for MemoryReservations {
    fn set(&mut self, text: &str, first: bool) -> Result<(), String> {
        if first {
            self.0.clear();
        }
        let (node, rest) = text.split_once(':').ok_or_else(|| {
            format!("the reserved memory has incorrect format, expected numaNodeID:type=quantity[,type=quantity...], got {text}")
        })?;
        let numa_node = node
            .parse()
            .map_err(|_| format!("failed to convert the NUMA node ID, exptected integer, got {node}"))?;
        let mut limits = BTreeMap::new();
        for pair in rest.split(',') {
            let (name, amount) = pair
                .split_once('=')
                .ok_or_else(|| format!("the reserved limit has incorrect value {pair}, expected type=quantatity"))?;
            if name != "memory" && !name.starts_with("hugepages-") {
                return Err(format!("memory type conversion error, unknown type: {name:?}"));
            }
            amount.parse::<Quantity>().map_err(|error| {
                format!("failed to parse the quantatity, expected quantatity, got {amount}: {error}")
            })?;
            limits.insert(name.to_owned(), amount.to_owned());
        }
        self.0.push(MemoryReservation { numa_node, limits });
        Ok(())
    }

    fn to_text(&self) -> String {
        let shown = |it: &MemoryReservation| {
            let limits: Vec<_> = it
                .limits
                .iter()
                .map(|(name, amount)| format!("{name}={amount}"))
                .collect();
            format!("{}:{}", it.numa_node, limits.join(","))
        };
        self.0.iter().map(shown).collect::<Vec<_>>().join(",")
    }

    fn type_name(&self) -> &'static str {
        "reserved-memory"
    }
}

/// The amounts of `kubeReserved` and `systemReserved`.
///
/// # Errors
/// If a resource cannot be reserved, or an amount is none.
pub fn resource_list(reserved: &BTreeMap<String, String>) -> Result<BTreeMap<String, Quantity>, String> {
    let mut amounts = BTreeMap::new();
    for (name, text) in reserved {
        if !matches!(name.as_str(), "cpu" | "memory" | "ephemeral-storage" | "pid") {
            return Err(format!("cannot reserve {name:?} resource"));
        }
        let amount: Quantity = text
            .parse()
            .map_err(|error| format!("failed to parse quantity {text:?} for {name:?} resource: {error}"))?;
        if amount.signum() < 0 {
            return Err(format!("resource quantity for {name:?} cannot be negative: {text}"));
        }
        amounts.insert(name.clone(), amount);
    }
    Ok(amounts)
}
