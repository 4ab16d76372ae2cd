//! Takes the descriptions of the built-in types from the `k8s-openapi` package.
//!
//! The package is a dependency under a condition that never holds: cargo locks, fetches and
//! vendors it, but does not compile it. Its sources carry, beside the Rust types, the JSON schema
//! of every definition; [`source`] reads the descriptions out of that text and [`table`] writes
//! them as one file of bytes, which the crate includes.

#![expect(clippy::print_stdout, reason = "build scripts speak to cargo on standard output")]

mod source;
mod table;

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The folder inside the package that describes this project's version of the API.
const API_VERSION: &str = "v1_36";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed=Cargo.toml");
    let manifest = manifest_of("k8s-openapi")?;
    println!("cargo::rerun-if-changed={}", manifest.display());
    let package = manifest.parent().ok_or("a manifest path without a folder")?;
    let definitions = source::read(&package.join("src").join(API_VERSION))?;
    if definitions.len() < 500 {
        return Err(format!(
            "{} holds only {} definitions; the layout of k8s-openapi has changed",
            package.display(),
            definitions.len()
        )
        .into());
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    fs::write(out.join("descriptions.bin"), table::encode(&definitions)?)?;
    Ok(())
}

/// The path of a dependency's `Cargo.toml`, as cargo resolves it: registry, vendored or patched.
///
/// Without the network first, because a build normally has fetched everything; then with it,
/// because a build on an empty cache has only fetched what it compiles.
fn manifest_of(package: &str) -> Result<PathBuf, Box<dyn Error>> {
    let mut failures = String::new();
    for offline in [true, false] {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["metadata", "--format-version=1", "--locked"]);
        cargo.current_dir(env::var_os("CARGO_MANIFEST_DIR").ok_or("CARGO_MANIFEST_DIR is not set")?);
        if offline {
            cargo.arg("--offline");
        }
        let output = cargo.output()?;
        if output.status.success() {
            return find_manifest(&String::from_utf8(output.stdout)?, package);
        }
        failures.push_str(&String::from_utf8_lossy(&output.stderr));
    }
    Err(format!("cargo metadata fails:\n{failures}").into())
}

/// Finds `"manifest_path":"…/package-version/Cargo.toml"` in cargo's JSON.
///
/// A text search instead of a JSON parser, which would have to be compiled for the build first.
fn find_manifest(metadata: &str, package: &str) -> Result<PathBuf, Box<dyn Error>> {
    for part in metadata.split("\"manifest_path\":\"").skip(1) {
        let path = part.split('"').next().unwrap_or_default().replace("\\\\", "\\");
        let path = Path::new(&path);
        let folder = path.parent().and_then(Path::file_name).and_then(|name| name.to_str());
        let version = folder.and_then(|name| name.strip_prefix(package));
        // Vendored folders may go without the version.
        if version
            .is_some_and(|v| v.is_empty() || v.starts_with('-') && v[1..].starts_with(|c: char| c.is_ascii_digit()))
        {
            return Ok(path.to_owned());
        }
    }
    Err(format!("cargo metadata does not name the package {package}").into())
}
