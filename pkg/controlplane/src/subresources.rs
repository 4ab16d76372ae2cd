//! What stands below objects and is not the object under other rules: bindings, evictions, tokens.

use std::{collections::BTreeMap, sync::Arc};

use apiserver::{
    endpoints::{Creater, Endpoint, Subresource},
    registry::ResourceStrategy,
    server::Routes,
};
use component_base::feature_gates::FeatureGates;
use k8s_api::{
    Object,
    core::v1::{Binding, Pod, ServiceAccount},
    policy::v1::PodDisruptionBudget,
};
use kubeapiserver::{OptionError, authentication::Authentication, store_of};
use registry::core::{
    pod::{Bindings, Evictions},
    service_account::Tokens,
};

use crate::install::Installer;

/// Adds them all. The endpoints are not shared yet.
pub(crate) fn install(installer: &mut Installer, authentication: &Authentication) -> Result<(), OptionError> {
    let gates: &Arc<FeatureGates> = &installer.gates;
    let pods = store_of::<Pod>(&installer.routes)?;
    let bindings = Bindings::new(pods.clone(), gates.clone());
    let evictions = Evictions::new(
        (pods, status_of::<Pod>(&installer.routes)?),
        (
            store_of::<PodDisruptionBudget>(&installer.routes)?,
            status_of::<PodDisruptionBudget>(&installer.routes)?,
        ),
    );
    create::<Pod>(&mut installer.routes, "binding", bindings.clone())?;
    create::<Pod>(&mut installer.routes, "eviction", evictions)?;
    installer.install_unstored::<Binding>(bindings);
    if let Some(issuer) = &authentication.issuer {
        create::<ServiceAccount>(&mut installer.routes, "token", Tokens::new(issuer.clone()))?;
    }
    Ok(())
}

fn create<T: Object>(routes: &mut Routes, name: &str, creater: Arc<dyn Creater>) -> Result<(), OptionError> {
    below::<T>(routes)?.insert(name.to_owned(), Subresource::Create(creater));
    Ok(())
}

fn endpoint_of<T: Object>(routes: &Routes) -> Result<&Arc<Endpoint>, OptionError> {
    let key = (T::GROUP.to_owned(), T::VERSION.to_owned(), T::PLURAL.to_owned());
    routes.get(&key).ok_or_else(|| OptionError(format!("no resource {} is served", T::PLURAL)))
}

/// What stands below the objects of a kind.
pub(crate) fn below<T: Object>(routes: &mut Routes) -> Result<&mut BTreeMap<String, Subresource>, OptionError> {
    let key = (T::GROUP.to_owned(), T::VERSION.to_owned(), T::PLURAL.to_owned());
    let endpoint = routes.get_mut(&key).and_then(Arc::get_mut);
    endpoint
        .map(|endpoint| &mut endpoint.subresources)
        .ok_or_else(|| OptionError(format!("no resource {} is served", T::PLURAL)))
}

/// The rules of a kind's status.
fn status_of<T: Object>(routes: &Routes) -> Result<Arc<dyn ResourceStrategy>, OptionError> {
    match endpoint_of::<T>(routes)?.subresources.get("status") {
        Some(Subresource::Update(strategy)) => Ok(strategy.clone()),
        _ => Err(OptionError(format!("{} have no status", T::PLURAL))),
    }
}
