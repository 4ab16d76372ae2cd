//! What the node has, and what of it pods may have.

use std::collections::BTreeMap;

use k8s_api::Map;
use k8s_api::primitives::Quantity;

use crate::machine::Machine;

/// What pods do not get, by resource.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reservations {
    /// `systemReserved`.
    pub system: BTreeMap<String, Quantity>,
    /// `kubeReserved`.
    pub kube: BTreeMap<String, Quantity>,
    /// Below which hard eviction begins.
    pub eviction: BTreeMap<String, Quantity>,
}

impl Reservations {
    /// All of it together.
    #[must_use]
    pub fn total(&self) -> BTreeMap<String, Quantity> {
        let mut total: BTreeMap<String, Quantity> = BTreeMap::new();
        for (name, amount) in self.system.iter().chain(&self.kube).chain(&self.eviction) {
            match total.get_mut(name) {
                Some(sum) => sum.add(amount),
                None => drop(total.insert(name.clone(), amount.clone())),
            }
        }
        total
    }
}

/// What there is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resources {
    /// All of it.
    pub capacity: Map<Quantity>,
    /// What pods may request.
    pub allocatable: Map<Quantity>,
}

fn quantity(text: String) -> Quantity {
    text.parse().expect("numbers with a suffix are quantities")
}

/// An amount of bytes as the API shows it.
fn bytes(amount: i64) -> Quantity {
    if amount % 1024 == 0 {
        quantity(format!("{}Ki", amount / 1024))
    } else {
        quantity(amount.to_string())
    }
}

/// How many pods fit.
#[derive(Clone, Copy, Debug)]
pub struct PodLimits {
    /// In all.
    pub max: i64,
    /// By core; 0 is without limit.
    pub per_core: i64,
}

impl Resources {
    /// Of this machine. `storage` is the size of the file system that pods' files lie on, if it is accounted for.
    #[must_use]
    pub fn new(machine: &Machine, storage: Option<i64>, pods: PodLimits, reservations: &Reservations) -> Self {
        let mut capacity = Map::new();
        capacity.insert("cpu", quantity(machine.cores.to_string()));
        capacity.insert("memory", bytes(machine.memory));
        if let Some(storage) = storage {
            capacity.insert("ephemeral-storage", bytes(storage));
        }
        for (size, amount) in &machine.huge_pages {
            capacity.insert(format!("hugepages-{size}"), bytes(*amount));
        }
        let most = match pods.per_core {
            0 => pods.max,
            per_core => pods.max.min(per_core * machine.cores),
        };
        capacity.insert("pods", quantity(most.to_string()));
        let allocatable = allocatable(&capacity, reservations);
        Self { capacity, allocatable }
    }
}

fn subtract(from: &mut Quantity, amount: &Quantity) {
    from.sub(amount);
    if from.signum() < 0 {
        *from = quantity("0".to_owned());
    }
}

/// Capacity less what is reserved; huge pages are taken from memory.
fn allocatable(capacity: &Map<Quantity>, reservations: &Reservations) -> Map<Quantity> {
    let reserved = reservations.total();
    let mut left = Map::new();
    for (name, amount) in capacity {
        let mut amount = amount.clone();
        if let Some(reserved) = reserved.get(name) {
            subtract(&mut amount, reserved);
        }
        left.insert(name.clone(), amount);
    }
    let pages: Vec<Quantity> = capacity
        .iter()
        .filter(|(name, _)| name.starts_with("hugepages-"))
        .map(|(_, amount)| amount.clone())
        .collect();
    if let Some(mut memory) = left.get("memory").cloned() {
        pages.iter().for_each(|pages| subtract(&mut memory, pages));
        left.insert("memory", memory);
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reservations_and_huge_pages_are_taken_off() {
        let machine = Machine {
            cores: 2,
            memory: 4 << 30,
            huge_pages: [("2Mi".to_owned(), 1 << 30)].into(),
            ..Default::default()
        };
        let of = |pairs: &[(&str, &str)]| -> BTreeMap<String, Quantity> {
            pairs
                .iter()
                .map(|(name, text)| ((*name).to_owned(), quantity((*text).to_owned())))
                .collect()
        };
        let reservations = Reservations {
            system: of(&[("cpu", "200m"), ("ephemeral-storage", "100Gi")]),
            kube: of(&[("cpu", "300m"), ("memory", "1Gi")]),
            eviction: of(&[("memory", "100Mi")]),
        };
        let pods = PodLimits { max: 110, per_core: 10 };
        let found = Resources::new(&machine, Some(10 << 30), pods, &reservations);
        let shown = |map: &Map<Quantity>, name: &str| map.get(name).map(ToString::to_string);
        assert_eq!(shown(&found.capacity, "memory").as_deref(), Some("4Gi"));
        assert_eq!(shown(&found.capacity, "pods").as_deref(), Some("20"));
        assert_eq!(shown(&found.allocatable, "cpu").as_deref(), Some("1500m"));
        assert_eq!(shown(&found.allocatable, "memory").as_deref(), Some("1948Mi"));
        assert_eq!(shown(&found.allocatable, "ephemeral-storage").as_deref(), Some("0"));
    }
}
