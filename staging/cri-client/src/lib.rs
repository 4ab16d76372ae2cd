//! A client of the Container Runtime Interface v1 over gRPC.
