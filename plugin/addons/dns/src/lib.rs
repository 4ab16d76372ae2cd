//! DNS for Services and Pods after the Kubernetes DNS specification.
