//! [`AbsentOwners`]: owners that are known not to exist, the latest few hundred.

use indexmap::IndexSet;

use crate::identity::Identity;

/// How many are remembered.
const CAPACITY: usize = 500;

/// Owners that are known not to exist. A UID never comes back, so what is in here stays true.
#[derive(Debug, Default)]
pub(crate) struct AbsentOwners(IndexSet<Identity>);

impl AbsentOwners {
    /// Remembers one; the one that was of no use for longest is forgotten for it.
    pub(crate) fn add(&mut self, identity: Identity) {
        self.0.shift_remove(&identity);
        if self.0.len() >= CAPACITY {
            self.0.shift_remove_index(0);
        }
        self.0.insert(identity);
    }

    /// Whether this one is known not to exist.
    pub(crate) fn has(&mut self, identity: &Identity) -> bool {
        let Some(index) = self.0.get_index_of(identity) else {
            return false;
        };
        self.0.move_index(index, self.0.len() - 1);
        true
    }
}

#[cfg(test)]
mod tests {
    use k8s_api::meta::v1::OwnerReference;

    use super::{AbsentOwners, CAPACITY};
    use crate::identity::Identity;

    #[test]
    fn the_least_useful_is_forgotten() {
        let identity = |n: usize| {
            let reference = OwnerReference {
                uid: n.to_string(),
                ..OwnerReference::default()
            };
            Identity::claimed(&reference, "ns")
        };
        let mut absent = AbsentOwners::default();
        for n in 0..CAPACITY {
            absent.add(identity(n));
        }
        assert!(absent.has(&identity(0)));
        absent.add(identity(CAPACITY));
        assert!(absent.has(&identity(0)) && absent.has(&identity(CAPACITY)));
        assert!(!absent.has(&identity(1)));
    }
}
