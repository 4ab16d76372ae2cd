//! Machinery of the API without IO: selectors, Status, patches, server-side apply, codecs.

pub mod apply;
pub mod codec;
pub mod normalize;
pub mod strategic;
