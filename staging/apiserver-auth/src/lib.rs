//! Who makes a request, and whether it may.
//!
//! Authentication turns a certificate, a token or a front proxy's headers into a [`user::UserInfo`];
//! authorization answers [`authorization::Attributes`] with a decision. Neither knows the server's
//! endpoints: the caller hands in what it parsed, and the look-ups that tokens need are small traits.
//!
//! **Invariants:** no token, key or header value that carries a credential reaches a log or an error;
//! secrets are compared in constant time; an authenticator that cannot decide refuses.

pub mod authentication;
pub mod authorization;
pub mod jose;
pub mod serviceaccount;
pub mod user;

mod aggregate;
