//! WebSockets: numbered channels for exec, attach and port-forward, the tunnel for SPDY, and those on which only the server
//! speaks.

pub mod channels;
pub mod sender;
mod tunnel;

use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use crate::io::BoxIo;

pub(crate) use tunnel::Tunnel;

/// An open WebSocket.
pub(crate) type Socket = WebSocketStream<BoxIo>;

/// The longest message that is taken, as Go's `x/net/websocket` has it: clients send what one write gave them.
const MAX_MESSAGE: usize = 32 * 1024 * 1024;

/// A WebSocket on a connection whose HTTP exchange is done.
pub(crate) async fn open(io: BoxIo, role: Role) -> Socket {
    let config = WebSocketConfig::default()
        .read_buffer_size(16 * 1024)
        .write_buffer_size(0)
        .max_write_buffer_size(256 * 1024)
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    WebSocketStream::from_raw_socket(io, role, Some(config)).await
}
