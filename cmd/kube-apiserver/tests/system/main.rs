//! The program as it is installed: SIGKILL under load.

mod kill;
mod server;
