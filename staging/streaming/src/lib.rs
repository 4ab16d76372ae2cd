//! SPDY/3.1 and WebSocket streams: exec, attach and port-forward, client and server.

mod connections;
mod dial;
mod io;
pub mod portforward;
pub mod relay;
pub mod remotecommand;
pub mod spdy;
mod upgrade;
pub mod websocket;

pub use connections::Connections;
pub use dial::{DialError, Endpoint};
pub use io::{BoxIo, BoxReader, BoxWriter, Connector, Io};
pub use upgrade::{
    ACCEPTED_PROTOCOL_VERSIONS, Body, PROTOCOL_VERSION, is_stream_close_request, is_tunneling_request,
    is_upgrade_request, is_websocket_request, text_error,
};
