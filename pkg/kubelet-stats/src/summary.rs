//! The shape of `/stats/summary` (`stats/v1alpha1`).

use jiff::Timestamp;
use serde::Serialize;

macro_rules! shape {
    ($($(#[$doc:meta])* $name:ident { $($(#[$meta:meta])* $field:ident: $type:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Serialize)]
        #[serde(rename_all = "camelCase")]
        pub struct $name {
            $($(#[$meta])* pub $field: $type,)*
        }
    )*};
}

/// A moment as the API shows it.
pub(crate) fn shown(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

shape! {
    /// Everything.
    Summary {
        /// The node.
        node: NodeStats,
        /// Its pods.
        pods: Vec<PodStats>,
    }

    /// What the node uses.
    NodeStats {
        /// Its name.
        node_name: String,
        /// When it started.
        start_time: String,
        /// CPU.
        #[serde(skip_serializing_if = "Option::is_none")]
        cpu: Option<CpuStats>,
        /// Memory.
        #[serde(skip_serializing_if = "Option::is_none")]
        memory: Option<MemoryStats>,
        /// Network.
        #[serde(skip_serializing_if = "Option::is_none")]
        network: Option<NetworkStats>,
        /// The file system of the kubelet's files.
        #[serde(skip_serializing_if = "Option::is_none")]
        fs: Option<FsStats>,
        /// The runtime's file systems.
        #[serde(skip_serializing_if = "Option::is_none")]
        runtime: Option<RuntimeStats>,
        /// Processes.
        #[serde(skip_serializing_if = "Option::is_none")]
        rlimit: Option<RlimitStats>,
    }

    /// The runtime's file systems.
    RuntimeStats {
        /// Of images.
        #[serde(skip_serializing_if = "Option::is_none")]
        image_fs: Option<FsStats>,
        /// Of containers.
        #[serde(skip_serializing_if = "Option::is_none")]
        container_fs: Option<FsStats>,
    }

    /// Which pod.
    PodReference {
        /// Its name.
        name: String,
        /// Its namespace.
        namespace: String,
        /// Its uid.
        uid: String,
    }

    /// What a pod uses.
    PodStats {
        /// Which one.
        pod_ref: PodReference,
        /// When it started.
        start_time: String,
        /// Its containers.
        containers: Vec<ContainerStats>,
        /// CPU.
        #[serde(skip_serializing_if = "Option::is_none")]
        cpu: Option<CpuStats>,
        /// Memory.
        #[serde(skip_serializing_if = "Option::is_none")]
        memory: Option<MemoryStats>,
        /// Network.
        #[serde(skip_serializing_if = "Option::is_none")]
        network: Option<NetworkStats>,
        /// Its volumes.
        #[serde(rename = "volume", skip_serializing_if = "Vec::is_empty")]
        volumes: Vec<VolumeStats>,
        /// All its files on the node.
        #[serde(rename = "ephemeral-storage", skip_serializing_if = "Option::is_none")]
        ephemeral_storage: Option<FsStats>,
        /// Processes.
        #[serde(rename = "process_stats", skip_serializing_if = "Option::is_none")]
        process_stats: Option<ProcessStats>,
    }

    /// Processes.
    ProcessStats {
        /// How many.
        #[serde(rename = "process_count", skip_serializing_if = "Option::is_none")]
        process_count: Option<u64>,
    }

    /// What a container uses.
    ContainerStats {
        /// Its name.
        name: String,
        /// When it started.
        start_time: String,
        /// CPU.
        #[serde(skip_serializing_if = "Option::is_none")]
        cpu: Option<CpuStats>,
        /// Memory.
        #[serde(skip_serializing_if = "Option::is_none")]
        memory: Option<MemoryStats>,
        /// What it has written.
        #[serde(skip_serializing_if = "Option::is_none")]
        rootfs: Option<FsStats>,
        /// Its logs.
        #[serde(skip_serializing_if = "Option::is_none")]
        logs: Option<FsStats>,
    }

    /// CPU time.
    CpuStats {
        /// When it was measured.
        time: String,
        /// Billionths of a CPU, lately.
        #[serde(skip_serializing_if = "Option::is_none")]
        usage_nano_cores: Option<u64>,
        /// Nanoseconds of one CPU, in all.
        #[serde(skip_serializing_if = "Option::is_none")]
        usage_core_nano_seconds: Option<u64>,
    }

    /// Memory in bytes.
    MemoryStats {
        /// When it was measured.
        time: String,
        /// What is left of the limit.
        #[serde(skip_serializing_if = "Option::is_none")]
        available_bytes: Option<u64>,
        /// All, page cache included.
        #[serde(skip_serializing_if = "Option::is_none")]
        usage_bytes: Option<u64>,
        /// What cannot be given back easily.
        #[serde(skip_serializing_if = "Option::is_none")]
        working_set_bytes: Option<u64>,
        /// Anonymous memory.
        #[serde(skip_serializing_if = "Option::is_none")]
        rss_bytes: Option<u64>,
        /// Page faults.
        #[serde(skip_serializing_if = "Option::is_none")]
        page_faults: Option<u64>,
        /// Those that needed a disk.
        #[serde(skip_serializing_if = "Option::is_none")]
        major_page_faults: Option<u64>,
    }

    /// Network.
    NetworkStats {
        /// When it was measured.
        time: String,
        /// The default interface.
        #[serde(flatten)]
        default: InterfaceStats,
        /// All interfaces.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        interfaces: Vec<InterfaceStats>,
    }

    /// An interface.
    InterfaceStats {
        /// Its name.
        name: String,
        /// Received bytes.
        #[serde(skip_serializing_if = "Option::is_none")]
        rx_bytes: Option<u64>,
        /// Errors of receiving.
        #[serde(skip_serializing_if = "Option::is_none")]
        rx_errors: Option<u64>,
        /// Sent bytes.
        #[serde(skip_serializing_if = "Option::is_none")]
        tx_bytes: Option<u64>,
        /// Errors of sending.
        #[serde(skip_serializing_if = "Option::is_none")]
        tx_errors: Option<u64>,
    }

    /// A file system, or a part of one.
    FsStats {
        /// When it was measured.
        time: String,
        /// Free bytes of the file system.
        #[serde(skip_serializing_if = "Option::is_none")]
        available_bytes: Option<u64>,
        /// Bytes of the file system.
        #[serde(skip_serializing_if = "Option::is_none")]
        capacity_bytes: Option<u64>,
        /// Used bytes of the part.
        #[serde(skip_serializing_if = "Option::is_none")]
        used_bytes: Option<u64>,
        /// Free inodes of the file system.
        #[serde(skip_serializing_if = "Option::is_none")]
        inodes_free: Option<u64>,
        /// Inodes of the file system.
        #[serde(skip_serializing_if = "Option::is_none")]
        inodes: Option<u64>,
        /// Used inodes of the part.
        #[serde(skip_serializing_if = "Option::is_none")]
        inodes_used: Option<u64>,
    }

    /// A volume.
    VolumeStats {
        /// The file system.
        #[serde(flatten)]
        fs: FsStats,
        /// The volume's name in the pod.
        name: String,
        /// The claim behind it.
        #[serde(skip_serializing_if = "Option::is_none")]
        pvc_ref: Option<ClaimReference>,
    }

    /// Which claim.
    ClaimReference {
        /// Its name.
        name: String,
        /// Its namespace.
        namespace: String,
    }

    /// Processes of the node.
    RlimitStats {
        /// When it was measured.
        time: String,
        /// How many there may be.
        #[serde(skip_serializing_if = "Option::is_none")]
        maxpid: Option<i64>,
        /// How many there are.
        #[serde(skip_serializing_if = "Option::is_none")]
        curproc: Option<i64>,
    }
}
