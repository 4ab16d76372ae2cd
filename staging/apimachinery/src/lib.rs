//! Machinery of the API without IO: selectors, Status, patches, server-side apply, codecs.

pub mod apply;
pub mod codec;
pub mod field;
pub mod json;
pub mod names;
pub mod normalize;
pub mod selectors;
pub mod status;
pub mod strategic;
pub mod validation;
