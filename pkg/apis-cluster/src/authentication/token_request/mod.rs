//! `TokenRequest`: a token for a service account, for a while.

use apimachinery::field::{Error, ErrorList, Path};
use k8s_api::authentication::v1::TokenRequest;

/// The shortest life of a token, in seconds.
pub const MIN_SECONDS: i64 = 10 * 60;
/// The longest life that can be asked for, in seconds.
pub const MAX_SECONDS: i64 = 1 << 32;

/// A token lives for an hour if nothing is asked for.
pub fn set_defaults(request: &mut TokenRequest) {
    request.spec.expiration_seconds.get_or_insert(60 * 60);
}

/// Every fault of a request.
#[must_use]
pub fn validate(request: &TokenRequest) -> ErrorList {
    let path = Path::new("spec.expirationSeconds");
    let seconds = request.spec.expiration_seconds.unwrap_or(0);
    let mut errors = ErrorList::new();
    if seconds < MIN_SECONDS {
        errors.push(Error::invalid(
            &path,
            seconds,
            "may not specify a duration less than 10 minutes",
        ));
    }
    if seconds > MAX_SECONDS {
        errors.push(Error::invalid(
            &path,
            seconds,
            "may not specify a duration larger than 2^32 seconds",
        ));
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes() {
        let check = |seconds, expected: &str| {
            let mut request = TokenRequest::default();
            request.spec.expiration_seconds = seconds;
            set_defaults(&mut request);
            assert_eq!(validate(&request).to_string(), expected);
        };
        check(None, "");
        check(Some(600), "");
        check(
            Some(599),
            "spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes",
        );
        check(
            Some((1 << 32) + 1),
            "spec.expirationSeconds: Invalid value: 4294967297: may not specify a duration larger than 2^32 seconds",
        );
    }
}
