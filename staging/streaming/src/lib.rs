//! SPDY/3.1 and WebSocket streams: exec, attach and port-forward, client and server.
