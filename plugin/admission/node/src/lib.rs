//! Admission of nodes, and of what nodes write.
//!
//! [`NodeRestriction`] keeps a kubelet to its own node and the pods on it; [`TaintNodesByCondition`] keeps
//! new nodes free until they are ready; [`NodeDeclaredFeatureValidator`] keeps pods from changing in ways
//! that their node does not know.

mod declared_features;
mod restriction;
mod taint;
#[cfg(test)]
mod tests;

pub use declared_features::NodeDeclaredFeatureValidator;
pub use restriction::{NodeObjects, NodeRestriction};
pub use taint::TaintNodesByCondition;
