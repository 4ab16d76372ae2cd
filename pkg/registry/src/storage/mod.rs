//! `storage.k8s.io`: classes of volumes, the drivers behind them, and attachments.

pub mod csi_driver;
pub mod csi_node;
pub mod csi_storage_capacity;
pub mod storage_class;
pub mod volume_attachment;
pub mod volume_attributes_class;

#[cfg(test)]
mod tests;
