//! The list of images, and how an entry of it becomes an [`Image`].

use std::path::Path;

use serde::Deserialize;

use crate::archive::{Image, ImageConfig};
use crate::binaries::{self, BuildOptions};
use crate::busybox;
use crate::error::{Error, Result};
use crate::layer::Layer;
use crate::reference::normalize;

/// The default search path of a container.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// An image as the list describes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// All names of the image.
    pub names: Vec<String>,
    /// A program of the workspace.
    pub binary: Option<Binary>,
    /// Whether busybox with its applets is in it.
    #[serde(default)]
    pub busybox: bool,
    /// The program that always runs.
    #[serde(default)]
    pub entrypoint: Vec<String>,
    /// The program, or the arguments, that a container may replace.
    #[serde(default)]
    pub command: Vec<String>,
    /// Further environment, each as `NAME=value`.
    #[serde(default)]
    pub env: Vec<String>,
    /// User and group.
    #[serde(default)]
    pub user: String,
    /// The directory that it starts in.
    #[serde(default)]
    pub working_dir: String,
}

/// A program of the workspace inside an image.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Binary {
    /// The cargo package.
    pub package: String,
    /// Its program; of the package's name if none is given.
    pub program: Option<String>,
    /// Where it stands in the image.
    pub path: String,
}

/// All images that can be built.
///
/// # Errors
/// [`Error::Catalog`] if the list is malformed.
pub fn definitions() -> Result<Vec<Definition>> {
    parse(include_str!("../catalog.yaml"))
}

fn parse(text: &str) -> Result<Vec<Definition>> {
    let list: Vec<Definition> = serde_saphyr::from_str(text).map_err(|error| Error::Catalog(error.to_string()))?;
    for definition in &list {
        if definition.names.is_empty() {
            return Err(Error::Catalog("an image has no name".to_owned()));
        }
        definition.names.iter().try_for_each(|name| normalize(name).map(drop))?;
    }
    Ok(list)
}

/// Picks the images with the given names, complete or not; all of them if no name is given.
///
/// # Errors
/// [`Error::UnknownImage`] with the names there are.
pub fn select(list: Vec<Definition>, names: &[String]) -> Result<Vec<Definition>> {
    if names.is_empty() {
        return Ok(list);
    }
    let mut picked = Vec::new();
    for name in names {
        let wanted = normalize(name)?;
        let found = list
            .iter()
            .find(|d| d.names.iter().any(|own| normalize(own).is_ok_and(|own| own == wanted)));
        let known = || list.iter().flat_map(|d| d.names.clone()).collect::<Vec<_>>().join(", ");
        picked.push(
            found
                .ok_or_else(|| Error::UnknownImage {
                    name: name.clone(),
                    known: known(),
                })?
                .clone(),
        );
    }
    Ok(picked)
}

impl Definition {
    /// Builds what the image holds.
    ///
    /// # Errors
    /// Whatever building its program or packing busybox fails with.
    pub fn build(&self, options: &BuildOptions) -> Result<Image> {
        let mut layers = Vec::new();
        if self.busybox {
            layers.push(busybox::layer(Path::new(busybox::BUSYBOX))?);
        }
        if let Some(binary) = &self.binary {
            let mut layer = Layer::new();
            let program = binary.program.as_ref().unwrap_or(&binary.package);
            layer.copy(
                &binary.path,
                0o755,
                &binaries::build(&binary.package, program, options)?,
            )?;
            layers.push(layer);
        }
        let mut env = vec![PATH.to_owned()];
        env.extend(self.env.iter().cloned());
        let config = ImageConfig {
            entrypoint: self.entrypoint.clone(),
            command: self.command.clone(),
            env,
            user: self.user.clone(),
            working_dir: self.working_dir.clone(),
        };
        Ok(Image {
            names: self.names.clone(),
            config,
            layers,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_well_formed() {
        let list = definitions().expect("catalog");
        let pause = select(list.clone(), &["registry.k8s.io/pause:3.10.1".to_owned()]).expect("pause");
        assert_eq!(pause[0].entrypoint, ["/pause"]);
        assert_eq!(
            select(list.clone(), &["kubernox/busybox".to_owned()])
                .expect("busybox")
                .len(),
            1
        );
        let error = select(list, &["nginx".to_owned()]).expect_err("unknown");
        assert!(
            error
                .to_string()
                .starts_with("no image \"nginx\" in the catalog, there are: registry.k8s.io/pause:3.10.2, ")
        );
    }

    #[test]
    fn a_malformed_list_is_refused() {
        assert!(
            matches!(parse("- {names: [a], bussybox: true}"), Err(Error::Catalog(words)) if words.contains("bussybox"))
        );
        assert!(matches!(parse("- {names: []}"), Err(Error::Catalog(words)) if words == "an image has no name"));
        assert!(matches!(parse("- {names: [A]}"), Err(Error::Name(name)) if name == "A"));
    }
}
