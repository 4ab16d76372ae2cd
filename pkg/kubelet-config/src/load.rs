//! From command line, file and drop-in files to one configuration.
//!
//! A file goes over the defaults, drop-in files over it in the order of their names, and flags over all; feature gates are
//! merged, everything else replaced.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use component_base::config::{self, DecodeError};
use component_base::feature_gates::FeatureGateError;
use component_base::flags::{Command, FlagError, Invocation};
use serde_json::Value;

use crate::configuration::KubeletConfiguration;
use crate::flags::KubeletOptions;
use crate::validation::{ValidationError, validate};

/// Group and version of the kind.
pub const API_VERSION: &str = "kubelet.config.k8s.io/v1beta1";
/// The kind.
pub const KIND: &str = "KubeletConfiguration";

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The command line is wrong.
    #[error(transparent)]
    Flag(#[from] FlagError),
    /// A file cannot be read.
    #[error("failed to load kubelet config file, path: {path}, error: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is no configuration.
    #[error("failed to load kubelet config file, path: {path}, error: {source}")]
    Decode {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// A feature gate cannot be set.
    #[error("failed to set feature gates from initial flags-based config: {0}")]
    Gates(#[from] FeatureGateError),
    /// The configuration makes no sense.
    #[error("failed to validate kubelet configuration, error: {0}, path: {1}")]
    Invalid(ValidationError, String),
}

/// Loads a file and the drop-in files of a directory over it; either may be missing (`None`).
///
/// # Errors
/// A file cannot be read, or is no configuration.
pub fn load(file: Option<&Path>, directory: Option<&Path>) -> Result<KubeletConfiguration, LoadError> {
    let mut merged = match file {
        Some(file) => read(file)?,
        None => serde_json::json!({"apiVersion": API_VERSION, "kind": KIND}),
    };
    let mut last = file.unwrap_or(Path::new("")).to_owned();
    for path in directory.map(drop_ins).transpose()?.unwrap_or_default() {
        merge(&mut merged, read(&path)?);
        last = path;
    }
    drop_nulls(&mut merged);
    let decoded: Result<KubeletConfiguration, _> = config::from_slice(merged.to_string().as_bytes());
    let configuration = decoded.map_err(|source| LoadError::Decode { path: last, source })?;
    Ok(configuration.complete())
}

fn read(path: &Path) -> Result<Value, LoadError> {
    let bytes = fs::read(path).map_err(|source| LoadError::Read {
        path: path.to_owned(),
        source,
    })?;
    let decoded = config::from_slice_of_kind(&bytes, &[(API_VERSION, KIND)]);
    let value: Value = decoded.map_err(|source| LoadError::Decode {
        path: path.to_owned(),
        source,
    })?;
    // Checked alone as well, so that an error names the file that it stands in.
    let mut alone = value.clone();
    drop_nulls(&mut alone);
    config::from_slice::<KubeletConfiguration>(alone.to_string().as_bytes()).map_err(|source| LoadError::Decode {
        path: path.to_owned(),
        source,
    })?;
    Ok(value)
}

/// The `.conf` files of a directory and those below it, in order.
fn drop_ins(directory: &Path) -> Result<Vec<PathBuf>, LoadError> {
    let failed = |source| LoadError::Read {
        path: directory.to_owned(),
        source,
    };
    let mut found = Vec::new();
    let mut entries: Vec<_> = fs::read_dir(directory)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect())
        .map_err(failed)?;
    entries.sort();
    for path in entries {
        if path.is_dir() {
            found.extend(drop_ins(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "conf") {
            found.push(path);
        }
    }
    Ok(found)
}

/// RFC 7386.
fn merge(into: &mut Value, patch: Value) {
    let (Value::Object(members), true) = (&patch, into.is_object()) else {
        *into = patch;
        return;
    };
    for (name, value) in members {
        if value.is_null() {
            if let Some(into) = into.as_object_mut() {
                into.remove(name);
            }
        } else {
            merge(&mut into[name.as_str()], value.clone());
        }
    }
}

/// An absent member and `null` are the same.
fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

/// Reads the command line, the files it names, and the command line again over them.
///
/// # Errors
/// See [`LoadError`].
pub fn parse_command_line(command: &Command, arguments: &[String]) -> Result<(Invocation, KubeletOptions), LoadError> {
    let mut options = KubeletOptions::default();
    let mut given = Vec::new();
    let invocation = command.parse(&mut options, arguments, &mut given)?;
    if matches!(invocation, Invocation::Print(_)) {
        return Ok((invocation, options));
    }
    let (file, directory) = (
        options.flags.config_file.clone(),
        options.flags.config_directory.clone(),
    );
    let path = |text: &str| (!text.is_empty()).then(|| PathBuf::from(text));
    if !file.is_empty() || !directory.is_empty() {
        let by_flag = options.configuration.feature_gates.clone();
        options = KubeletOptions::default();
        options.configuration = load(path(&file).as_deref(), path(&directory).as_deref())?;
        let by_file = options.configuration.feature_gates.clone();
        command.parse(&mut options, arguments, &mut Vec::new())?;
        options.configuration.feature_gates = by_file;
        options.configuration.feature_gates.extend(by_flag.0);
    }
    options.configuration = options.configuration.complete();
    options.given = given;
    options.gates.set_from_map(&options.configuration.feature_gates.0)?;
    validate(&options.configuration, &options.gates).map_err(|error| LoadError::Invalid(error, file))?;
    crate::node_labels::validate(&options.flags.node_labels)
        .map_err(|reason| LoadError::Invalid(ValidationError(vec![reason]), String::new()))?;
    Ok((invocation, options))
}
