//! Amounts of resources as plain numbers.

use std::sync::Arc;

use apimachinery::names;
use k8s_api::Map;
use k8s_api::primitives::Quantity;

/// CPU.
pub const CPU: &str = "cpu";
/// Memory.
pub const MEMORY: &str = "memory";
/// Local ephemeral storage.
pub const EPHEMERAL_STORAGE: &str = "ephemeral-storage";
/// Number of pods.
pub const PODS: &str = "pods";

/// Amounts of resources: of a pod its requests, of a node what it has or what is used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resource {
    /// Thousandths of a CPU.
    pub milli_cpu: i64,
    /// Bytes of memory.
    pub memory: i64,
    /// Bytes of local storage.
    pub ephemeral_storage: i64,
    /// Of a node's allocatable: how many pods it takes.
    pub allowed_pods: i64,
    /// Everything else the scheduler counts, by name.
    scalars: Vec<(Arc<str>, i64)>,
}

/// Whether a name is of a resource that Kubernetes itself does not know.
#[must_use]
pub fn is_extended(name: &str) -> bool {
    let native = !name.contains('/') || name.contains("kubernetes.io/");
    !native && !name.starts_with("requests.") && names::qualified_name(&format!("requests.{name}")).is_empty()
}

/// Whether the scheduler counts a resource that has no field of its own.
#[must_use]
pub fn is_scalar(name: &str) -> bool {
    name.starts_with("hugepages-")
        || name.starts_with("attachable-volumes-")
        || (name.contains('/') && name.contains("kubernetes.io/"))
        || is_extended(name)
}

impl Resource {
    /// The amounts in a list of quantities. Names that the scheduler does not count are left out.
    #[must_use]
    pub fn from_list(list: &Map<Quantity>) -> Self {
        let mut resource = Self::default();
        for (name, quantity) in list {
            resource.set(name, quantity);
        }
        resource
    }

    /// Sets one amount.
    pub fn set(&mut self, name: &str, quantity: &Quantity) {
        match name {
            CPU => self.milli_cpu = quantity.milli_value(),
            MEMORY => self.memory = quantity.value(),
            EPHEMERAL_STORAGE => self.ephemeral_storage = quantity.value(),
            PODS => self.allowed_pods = quantity.value(),
            other if is_scalar(other) => *self.scalar_mut(other) = quantity.value(),
            _ => {}
        }
    }

    fn scalar_mut(&mut self, name: &str) -> &mut i64 {
        let at = match self.scalars.binary_search_by(|(other, _)| (**other).cmp(name)) {
            Ok(at) => at,
            Err(at) => {
                self.scalars.insert(at, (name.into(), 0));
                at
            }
        };
        &mut self.scalars[at].1
    }

    /// A resource that has no field of its own; `None` if it is not there.
    #[must_use]
    pub fn scalar(&self, name: &str) -> Option<i64> {
        let at = self.scalars.binary_search_by(|(other, _)| (**other).cmp(name)).ok()?;
        Some(self.scalars[at].1)
    }

    /// The resources without a field of their own, by name.
    pub fn scalars(&self) -> impl ExactSizeIterator<Item = (&Arc<str>, i64)> {
        self.scalars.iter().map(|(name, value)| (name, *value))
    }

    /// Any resource by name; 0 if it is not there.
    #[must_use]
    pub fn get(&self, name: &str) -> i64 {
        match name {
            CPU => self.milli_cpu,
            MEMORY => self.memory,
            EPHEMERAL_STORAGE => self.ephemeral_storage,
            PODS => self.allowed_pods,
            other => self.scalar(other).unwrap_or(0),
        }
    }

    fn combine(&mut self, other: &Self, with: impl Fn(i64, i64) -> i64) {
        self.milli_cpu = with(self.milli_cpu, other.milli_cpu);
        self.memory = with(self.memory, other.memory);
        self.ephemeral_storage = with(self.ephemeral_storage, other.ephemeral_storage);
        for (name, value) in &other.scalars {
            let mine = self.scalar_mut(name);
            *mine = with(*mine, *value);
        }
    }

    /// Adds amounts; the number of pods stays.
    pub fn add(&mut self, other: &Self) {
        self.combine(other, i64::saturating_add);
    }

    /// Takes amounts away; the number of pods stays.
    pub fn sub(&mut self, other: &Self) {
        self.combine(other, i64::saturating_sub);
    }

    /// The larger one of each amount; the number of pods stays.
    pub fn max_with(&mut self, other: &Self) {
        self.combine(other, i64::max);
    }

    /// Whether there is nothing of anything. A resource that is named with 0 counts as something, as upstream.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.milli_cpu == 0 && self.memory == 0 && self.ephemeral_storage == 0 && self.scalars.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (name, extended, scalar) in [
            ("cpu", false, false),
            ("storage", false, false),
            ("example.com/gpu", true, true),
            ("requests.example.com/gpu", false, false),
            ("kubernetes.io/batch", false, true),
            ("hugepages-2Mi", false, true),
            ("attachable-volumes-csi-x", false, true),
        ] {
            assert_eq!((is_extended(name), is_scalar(name)), (extended, scalar), "{name}");
        }
    }

    #[test]
    fn amounts() {
        let list =
            |pairs: &[(&str, &str)]| -> Map<Quantity> { pairs.iter().map(|(k, v)| (*k, v.parse().unwrap())).collect() };
        let mut resource = Resource::from_list(&list(&[
            ("cpu", "1500m"),
            ("memory", "1Ki"),
            ("pods", "7"),
            ("example.com/gpu", "2"),
            ("unknown", "9"),
        ]));
        assert_eq!(
            (resource.milli_cpu, resource.memory, resource.allowed_pods),
            (1500, 1024, 7)
        );
        assert_eq!(resource.scalar("example.com/gpu"), Some(2));
        assert_eq!(resource.scalar("unknown"), None);
        resource.add(&Resource::from_list(&list(&[("cpu", "1"), ("hugepages-2Mi", "4Mi")])));
        assert_eq!((resource.milli_cpu, resource.get("hugepages-2Mi")), (2500, 4 << 20));
        resource.max_with(&Resource::from_list(&list(&[("cpu", "1"), ("example.com/gpu", "5")])));
        assert_eq!((resource.milli_cpu, resource.get("example.com/gpu")), (2500, 5));
    }
}
