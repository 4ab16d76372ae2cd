//! The formats of names (upstream: `util/validation`, `api/validate/content`, `api/validation`).
//!
//! Every check returns all that is wrong, worded as clients know it; an empty list means valid.
//! The messages quote the regular expressions; the matching itself is done by hand.

mod address;
mod format;
mod generate;
#[cfg(test)]
mod tests;

pub use address::{
    Cidr, cidr_warnings, ip_warnings, parse_cidr_sloppy, parse_ip_sloppy, validate_cidr, validate_interface_address,
    validate_ip, validate_legacy_cidr, validate_legacy_ip,
};
pub use format::*;
pub use generate::{MAX_GENERATED_NAME_LENGTH, generate_name, random_suffix};
