//! The generic API server: filters, endpoints, registry store, cacher.
