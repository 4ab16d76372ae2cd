//! The project's own build steps: code generation and repository checks.
fn main() {}
