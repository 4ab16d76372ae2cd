//! Why a volume cannot be set up or removed. The words end up in events.

use std::io;
use std::path::Path;

use kubelet_types::seams::ApiError;

/// A volume cannot be set up or removed.
#[derive(Debug, thiserror::Error)]
pub enum VolumeError {
    /// Setting up failed.
    #[error("MountVolume.SetUp failed for volume {volume:?} : {source}")]
    SetUp {
        /// The volume's name in the pod.
        volume: String,
        /// Why.
        source: Box<VolumeError>,
    },
    /// An object that the volume shows cannot be read.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The volume asks for something impossible.
    #[error("{0}")]
    Invalid(String),
    /// A system call failed.
    #[error("{action} {path}: {reason}")]
    System {
        /// What was tried.
        action: &'static str,
        /// On which path.
        path: String,
        /// The system's words.
        reason: String,
    },
}

impl VolumeError {
    /// A failed system call.
    pub(crate) fn system(action: &'static str, path: &Path, error: impl Into<io::Error>) -> Self {
        Self::System {
            action,
            path: path.display().to_string(),
            reason: error.into().to_string(),
        }
    }
}
