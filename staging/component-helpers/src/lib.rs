//! What servers and clients reckon alike about API objects (upstream: `component-helpers`).

pub mod resource;
