//! Installs every built-in resource.

use std::sync::Arc;

use apiserver::registry::Store;
use registry::Settings;

use crate::install::Installer;

/// Installs every built-in resource; returns the store of namespaces, which admission looks into.
pub(crate) fn install_all(installer: &mut Installer, settings: &Settings) -> Arc<Store> {
    let mut namespaces = None;
    for registration in registry::all(settings) {
        let is_namespaces = registration.group_resource() == ("", "namespaces");
        let store = installer.install(registration);
        if is_namespaces {
            namespaces = Some(store);
        }
    }
    namespaces.expect("namespaces are among the built-in resources")
}
