//! The API server's revisioned key space: the Storage trait, its embedded and etcd3 backends, encryption at rest.
