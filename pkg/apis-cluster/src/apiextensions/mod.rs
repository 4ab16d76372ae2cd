//! `apiextensions.k8s.io`: kinds that are defined by objects.

pub mod custom_resource_definition;
