//! Which kubeconfig files are read and how several become one (upstream: `clientcmd.ClientConfigLoadingRules`).
//!
//! The first file that names a cluster, user or context wins; relative paths in a file are relative to its folder.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};

use super::kubeconfig::{AuthInfo, Cluster};
use super::{ConfigError, Kubeconfig, aggregate};

/// The files a kubeconfig is put together from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadingRules {
    /// The only file, and one that must exist.
    pub explicit: Option<PathBuf>,
    /// Without it: these, as far as they exist.
    pub precedence: Vec<PathBuf>,
}

/// `~/.kube/config`.
#[must_use]
pub fn home_file() -> PathBuf {
    let home = env::var_os("HOME").map_or_else(|| PathBuf::from("/"), PathBuf::from);
    home.join(".kube").join("config")
}

impl LoadingRules {
    /// The files of `KUBECONFIG`, or the one in the home folder.
    #[must_use]
    pub fn from_environment() -> Self {
        let variable = env::var_os("KUBECONFIG").filter(|value| !value.is_empty());
        let mut precedence = Vec::new();
        for path in variable.map_or_else(|| vec![home_file()], |list| env::split_paths(&list).collect()) {
            if !precedence.contains(&path) {
                precedence.push(path);
            }
        }
        Self {
            explicit: None,
            precedence,
        }
    }

    /// Only this file.
    #[must_use]
    pub fn explicit(path: impl Into<PathBuf>) -> Self {
        Self {
            explicit: Some(path.into()),
            precedence: Vec::new(),
        }
    }

    /// Reads and merges the files; paths in the result are absolute.
    ///
    /// # Errors
    /// The explicit file does not exist, or a file is unreadable or malformed.
    pub fn load(&self) -> Result<Kubeconfig, ConfigError> {
        let mut merged = self.load_raw()?;
        merged.resolve_paths()?;
        Ok(merged)
    }

    /// Reads and merges the files; paths stay as they are written, as it takes to write them back.
    ///
    /// # Errors
    /// Like [`LoadingRules::load`].
    pub fn load_raw(&self) -> Result<Kubeconfig, ConfigError> {
        if let Some(path) = &self.explicit
            && let Err(source) = std::fs::metadata(path)
        {
            return Err(ConfigError::Read {
                path: path.clone(),
                source,
            });
        }
        let (mut merged, mut errors) = (Kubeconfig::default(), Vec::new());
        let mut missing = Vec::new();
        for path in self.files().iter().filter(|path| !path.as_os_str().is_empty()) {
            match Kubeconfig::load(path) {
                Ok(config) => merged.merge(config),
                Err(ConfigError::Read { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                    missing.push(path.display().to_string());
                }
                Err(error) => errors.push(ConfigError::Load {
                    path: path.clone(),
                    source: Box::new(error),
                }),
            }
        }
        if errors.len() > 1 {
            let messages: Vec<_> = errors.iter().map(ToString::to_string).collect();
            return Err(ConfigError::Syntax(aggregate(&messages)));
        }
        if let Some(error) = errors.pop() {
            return Err(error);
        }
        if merged.is_empty() && !missing.is_empty() {
            tracing::debug!(files = missing.join(", "), "config not found");
        }
        Ok(merged)
    }

    /// The files in the order of their precedence.
    #[must_use]
    pub fn files(&self) -> &[PathBuf] {
        self.explicit.as_ref().map_or(&self.precedence, std::slice::from_ref)
    }

    /// The file that new entries are written to: the explicit one, else the first that exists, else the last named one.
    #[must_use]
    pub fn default_file(&self) -> PathBuf {
        let files = self.files();
        files
            .iter()
            .find(|path| path.exists())
            .or(files.last())
            .cloned()
            .unwrap_or_else(home_file)
    }

    /// Writes what differs between the files' present content and `changed`, each entry to the file it came from, new ones
    /// to [`LoadingRules::default_file`]. Paths in `changed` stand as in the files ([`LoadingRules::load_raw`]).
    ///
    /// # Errors
    /// A file cannot be read or written.
    pub fn modify(&self, changed: &Kubeconfig) -> Result<(), ConfigError> {
        let present = self.load_raw()?;
        let default_file = self.default_file();
        let mut files = Files(BTreeMap::new());
        if present.current_context != changed.current_context {
            let holder = self.holder(|config| !config.current_context.is_empty())?;
            files
                .open(&holder)?
                .current_context
                .clone_from(&changed.current_context);
        }
        if present.preferences != changed.preferences {
            let holder = self.holder(|config| config.preferences != super::kubeconfig::Preferences::default())?;
            files.open(&holder)?.preferences.clone_from(&changed.preferences);
        }
        if present.extensions != changed.extensions {
            files.open(&default_file)?.extensions.clone_from(&changed.extensions);
        }
        macro_rules! entries {
            ($member:ident) => {
                for (name, entry) in &changed.$member {
                    let before = present.$member.get(name);
                    if before != Some(entry) {
                        let origin = entry
                            .location_of_origin
                            .as_ref()
                            .or(before.and_then(|b| b.location_of_origin.as_ref()));
                        files
                            .open(origin.unwrap_or(&default_file))?
                            .$member
                            .insert(name.clone(), entry.clone());
                    }
                }
                for (name, entry) in present
                    .$member
                    .iter()
                    .filter(|(name, _)| !changed.$member.contains_key(*name))
                {
                    files
                        .open(entry.location_of_origin.as_ref().unwrap_or(&default_file))?
                        .$member
                        .remove(name);
                }
            };
        }
        entries!(clusters);
        entries!(auth_infos);
        entries!(contexts);
        files.0.iter().try_for_each(|(path, config)| config.write(path))
    }

    /// The first file whose content has something, else the default one.
    fn holder(&self, has: impl Fn(&Kubeconfig) -> bool) -> Result<PathBuf, ConfigError> {
        for path in self.files().iter().filter(|path| path.exists()) {
            if has(&Kubeconfig::load(path)?) {
                return Ok(path.clone());
            }
        }
        Ok(self.default_file())
    }
}

/// Files that are about to be written.
struct Files(BTreeMap<PathBuf, Kubeconfig>);

impl Files {
    fn open(&mut self, path: &Path) -> Result<&mut Kubeconfig, ConfigError> {
        if !self.0.contains_key(path) {
            let config = if path.exists() {
                Kubeconfig::load(path)?
            } else {
                Kubeconfig::default()
            };
            self.0.insert(path.to_owned(), config);
        }
        Ok(self.0.get_mut(path).expect("the file was put there above"))
    }
}

impl Kubeconfig {
    /// Adds what is not there yet.
    pub fn merge(&mut self, other: Self) {
        fn fill<T>(into: &mut BTreeMap<String, T>, from: BTreeMap<String, T>) {
            for (name, entry) in from {
                into.entry(name).or_insert(entry);
            }
        }
        fill(&mut self.clusters, other.clusters);
        fill(&mut self.auth_infos, other.auth_infos);
        fill(&mut self.contexts, other.contexts);
        fill(&mut self.extensions, other.extensions);
        fill(&mut self.preferences.extensions, other.preferences.extensions);
        self.preferences.colors |= other.preferences.colors;
        if self.current_context.is_empty() {
            self.current_context = other.current_context;
        }
    }

    /// Makes relative paths absolute, each from the folder of the file it stands in.
    ///
    /// # Errors
    /// There is no working folder to start from.
    pub fn resolve_paths(&mut self) -> Result<(), ConfigError> {
        for cluster in self.clusters.values_mut() {
            if let Some(base) = base(cluster.location_of_origin.as_deref())? {
                resolve(&mut cluster.certificate_authority, &base);
            }
        }
        for user in self.auth_infos.values_mut() {
            let Some(base) = base(user.location_of_origin.as_deref())? else {
                continue;
            };
            for path in user.file_references() {
                resolve(path, &base);
            }
        }
        Ok(())
    }

    /// Keeps only what the current context needs.
    ///
    /// # Errors
    /// The context, its cluster or its user does not exist.
    pub fn minify(&mut self) -> Result<(), ConfigError> {
        if self.current_context.is_empty() {
            return Err(ConfigError::Value(
                "current-context must exist in order to minify".to_owned(),
            ));
        }
        let missing = |kind, name: &str| ConfigError::Value(format!("cannot locate {kind} {name}"));
        let current = self.current_context.clone();
        let context = self
            .contexts
            .get(&current)
            .ok_or_else(|| missing("context", &current))?
            .clone();
        if !context.auth_info.is_empty() && !self.auth_infos.contains_key(&context.auth_info) {
            return Err(missing("user", &context.auth_info));
        }
        if !context.cluster.is_empty() && !self.clusters.contains_key(&context.cluster) {
            return Err(missing("cluster", &context.cluster));
        }
        self.contexts.retain(|name, _| *name == current);
        self.auth_infos.retain(|name, _| *name == context.auth_info);
        self.clusters.retain(|name, _| *name == context.cluster);
        Ok(())
    }

    /// Puts the content of named files in their place.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn flatten(&mut self) -> Result<(), ConfigError> {
        for Cluster {
            certificate_authority,
            certificate_authority_data,
            location_of_origin,
            ..
        } in self.clusters.values_mut()
        {
            embed(
                certificate_authority,
                certificate_authority_data,
                location_of_origin.as_deref(),
            )?;
        }
        for AuthInfo {
            client_certificate,
            client_certificate_data,
            client_key,
            client_key_data,
            location_of_origin,
            ..
        } in self.auth_infos.values_mut()
        {
            embed(
                client_certificate,
                client_certificate_data,
                location_of_origin.as_deref(),
            )?;
            embed(client_key, client_key_data, location_of_origin.as_deref())?;
        }
        Ok(())
    }
}

impl AuthInfo {
    fn file_references(&mut self) -> impl Iterator<Item = &mut String> {
        // A bare command is looked up in PATH; one with a folder is a file next to the kubeconfig.
        let command = self
            .exec
            .as_mut()
            .map(|exec| &mut exec.command)
            .filter(|command| command.contains('/'));
        [&mut self.client_certificate, &mut self.client_key, &mut self.token_file]
            .into_iter()
            .chain(command)
    }
}

fn base(origin: Option<&Path>) -> Result<Option<PathBuf>, ConfigError> {
    let Some(origin) = origin else { return Ok(None) };
    let path = std::path::absolute(origin).map_err(|error| {
        let origin = origin.display();
        ConfigError::Value(format!(
            "could not determine the absolute path of config file {origin}: {error}"
        ))
    })?;
    Ok(path.parent().map(Path::to_owned))
}

fn resolve(path: &mut String, base: &Path) {
    if !path.is_empty() && Path::new(path).is_relative() {
        *path = base.join(&*path).to_string_lossy().into_owned();
    }
}

fn embed(
    path: &mut String,
    data: &mut k8s_api::primitives::ByteString,
    origin: Option<&Path>,
) -> Result<(), ConfigError> {
    if !data.is_empty() {
        path.clear();
        return Ok(());
    }
    if path.is_empty() {
        return Ok(());
    }
    if let Some(base) = base(origin)? {
        resolve(path, &base);
    }
    let content = std::fs::read(&*path).map_err(|source| ConfigError::Read {
        path: PathBuf::from(&*path),
        source,
    })?;
    *data = content.into();
    path.clear();
    Ok(())
}
