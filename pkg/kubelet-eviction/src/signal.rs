//! What is observed.

use kubelet_types::pressure::Pressure;

/// Which of a pod's files lie on the file system that a signal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Files {
    /// What its containers have written, beside images.
    pub layers: bool,
    /// Its logs and local volumes, beside the kubelet's files.
    pub local: bool,
}

/// Something that can run short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Signal {
    /// Memory of the node.
    Memory,
    /// Memory of all pods together.
    AllocatableMemory,
    /// Bytes where the kubelet's files lie.
    NodeFs,
    /// Inodes there.
    NodeFsInodes,
    /// Bytes where images lie.
    ImageFs,
    /// Inodes there.
    ImageFsInodes,
    /// Bytes where containers write.
    ContainerFs,
    /// Inodes there.
    ContainerFsInodes,
    /// Process ids.
    Pid,
}

impl Signal {
    /// All of them; memory is looked at first.
    pub const ALL: [Self; 9] = [
        Self::Memory,
        Self::AllocatableMemory,
        Self::NodeFs,
        Self::NodeFsInodes,
        Self::ImageFs,
        Self::ImageFsInodes,
        Self::ContainerFs,
        Self::ContainerFsInodes,
        Self::Pid,
    ];

    /// The name in configurations.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory.available",
            Self::AllocatableMemory => "allocatableMemory.available",
            Self::NodeFs => "nodefs.available",
            Self::NodeFsInodes => "nodefs.inodesFree",
            Self::ImageFs => "imagefs.available",
            Self::ImageFsInodes => "imagefs.inodesFree",
            Self::ContainerFs => "containerfs.available",
            Self::ContainerFsInodes => "containerfs.inodesFree",
            Self::Pid => "pid.available",
        }
    }

    /// By name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|signal| signal.name() == name)
    }

    /// The resource of messages.
    #[must_use]
    pub const fn resource(self) -> &'static str {
        match self {
            Self::Memory | Self::AllocatableMemory => "memory",
            Self::NodeFs | Self::ImageFs | Self::ContainerFs => "ephemeral-storage",
            Self::NodeFsInodes | Self::ImageFsInodes | Self::ContainerFsInodes => "inodes",
            Self::Pid => "pids",
        }
    }

    /// What the node is short of then.
    #[must_use]
    pub const fn pressure(self) -> Pressure {
        match self {
            Self::Memory | Self::AllocatableMemory => Pressure::Memory,
            Self::Pid => Pressure::Pid,
            _ => Pressure::Disk,
        }
    }

    /// Which files of pods lie there, where images have a file system of their own or share the kubelet's. Where written layers
    /// do, so do images and dead containers, and removing these helps.
    #[must_use]
    pub const fn files(self, images_apart: bool) -> Files {
        match self {
            Self::NodeFs | Self::NodeFsInodes => Files {
                layers: !images_apart,
                local: true,
            },
            Self::ImageFs | Self::ImageFsInodes | Self::ContainerFs | Self::ContainerFsInodes => Files {
                layers: true,
                local: !images_apart,
            },
            Self::Memory | Self::AllocatableMemory | Self::Pid => Files {
                layers: false,
                local: false,
            },
        }
    }

    /// Whether the amount is one of bytes.
    #[must_use]
    pub const fn is_bytes(self) -> bool {
        !matches!(
            self,
            Self::NodeFsInodes | Self::ImageFsInodes | Self::ContainerFsInodes | Self::Pid
        )
    }
}

/// How much of it there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observation {
    /// Still.
    pub available: i64,
    /// In all.
    pub capacity: i64,
}
