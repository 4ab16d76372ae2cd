//! `apiextensions.k8s.io`: kinds that are defined by objects. Their table shows name and creation time.

pub mod custom_resource_definition;

#[cfg(test)]
mod tests;
