//! The program as it is installed: SIGKILL under load, and kubectl on every kind.

mod etcd;
mod kill;
mod kubectl;
mod server;
