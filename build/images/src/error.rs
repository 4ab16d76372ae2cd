//! What can go wrong while an image is built.

use std::path::PathBuf;

/// The result of a build step.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an image could not be built.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read or written.
    #[error("{action} {}", path.display())]
    File {
        /// What was tried, such as "read".
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The tar format refused an entry.
    #[error("pack {path}")]
    Pack {
        /// The entry.
        path: String,
        /// The reason.
        source: std::io::Error,
    },
    /// Two entries of an image have the same path.
    #[error("{0} stands twice in the image")]
    Duplicate(String),
    /// The catalog is malformed.
    #[error("image catalog: {0}")]
    Catalog(String),
    /// No image of that name is known.
    #[error("no image {name:?} in the catalog, there are: {known}")]
    UnknownImage {
        /// What was asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// A name that is no image reference.
    #[error("invalid image name {0:?}")]
    Name(String),
    /// A program could not be built.
    #[error("cargo could not build {package}:\n{output}")]
    Cargo {
        /// The package.
        package: String,
        /// What cargo wrote.
        output: String,
    },
    /// A program could not be run at all.
    #[error("run {program}")]
    Run {
        /// The program.
        program: String,
        /// The system's error.
        source: std::io::Error,
    },
    /// Debian's static busybox is not installed.
    #[error("{} is missing or not static: apt-get install busybox-static", .0.display())]
    NoBusybox(PathBuf),
}
