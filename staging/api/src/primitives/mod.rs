//! The scalars of the API: values that JSON shows as a string, a number or free-form JSON, but that
//! follow rules of their own (upstream: `resource.Quantity`, `metav1.Time`, `intstr.IntOrString`,
//! `runtime.RawExtension`, …).
//!
//! **Invariant:** a value that exists is well-formed. Text is checked once, when it is decoded, and
//! the errors are worded as clients of upstream know them.

mod byte_string;
mod duration;
mod go;
mod int_or_string;
mod quantity;
mod raw;
mod rfc3339;
mod time;

#[cfg(test)]
mod tests;

pub use byte_string::{Base64Error, ByteString};
pub use duration::{Duration, DurationError};
pub use go::quote;
pub use int_or_string::{IntOrString, IntOrStringError};
pub use quantity::{Format, ParseQuantityError, Quantity, Scale};
pub use raw::{FieldsV1, Json, RawExtension};
pub use rfc3339::TimeError;
pub use time::{MicroTime, Time};
