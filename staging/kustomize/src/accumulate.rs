//! The build itself: the resources of a kustomization and its bases, step by step (upstream: `KustTarget`).

use std::path::Path;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::config::Config;
use crate::error::refuse;
use crate::fields::{self, FieldSpec};
use crate::files::Folder;
use crate::generators::{Generated, generate};
use crate::kustomization::{Kustomization, Label};
use crate::origin::{ORIGIN, Origin, TRANSFORMATIONS, list_text};
use crate::patches::{JsonPatch, PatchStep};
use crate::resource::{Resource, member_mut};
use crate::resources::Resources;
use crate::transformers::{Namespace, Subjects, Transformer, add_hashes};
use crate::vars::Vars;
use crate::{BuildError, Built, Options, Result, plugins, references, sort, vars, yaml};

/// The label that says who built an object, and with which release of kustomize.
const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "kustomize-v5.8.1");
/// Resources with this annotation are for kustomize only.
const LOCAL: &str = "config.kubernetes.io/local-config";

/// What the kustomizations so far came to.
#[derive(Default)]
struct Accumulator {
    resources: Resources,
    config: Config,
    vars: Vars,
}

/// One kustomization.
struct Target {
    folder: Folder,
    kustomization: Kustomization,
    file: &'static str,
    origin: Option<Origin>,
    options: Options,
}

/// Builds the kustomization in a folder.
pub(crate) fn build(path: &Path, options: Options) -> Built {
    let mut warnings = Vec::new();
    let objects = objects(path, options, &mut warnings);
    Built { objects, warnings }
}

fn objects(path: &Path, options: Options, warnings: &mut Vec<String>) -> Result<Vec<Value>> {
    let folder = Folder::new(path, options)?;
    let (kustomization, file, more) = Kustomization::load(&folder)?;
    warnings.extend(more);
    let origin = kustomization
        .build_metadata
        .as_ref()
        .filter(|wanted| !wanted.is_empty());
    let target = Target {
        origin: origin.map(|_| Origin::default()),
        folder,
        kustomization,
        file,
        options,
    };
    let mut all = target.accumulate(Accumulator::default(), warnings)?;
    add_hashes(&mut all.resources)?;
    references::fix(&mut all.resources, &all.config)?;
    let unused = vars::resolve(&all.vars, &mut all.resources, &all.config.var_reference)?;
    if !unused.is_empty() {
        warnings.push(format!(
            "well-defined vars that were never replaced: {}",
            unused.join(",")
        ));
    }
    all.resources.0.retain(|resource| {
        let annotations = resource.pairs("annotations");
        annotations.get(LOCAL).is_none_or(|text| text == "false")
    });
    if !options.unsorted || target.kustomization.sort_options.is_some() {
        sort::sort(&mut all.resources, target.kustomization.sort_options.as_ref())?;
    }
    if options.managed_by_label || target.kustomization.wants("managedByLabel") {
        let pairs = [(MANAGED_BY.0.to_owned(), MANAGED_BY.1.to_owned())].into();
        Transformer::Labels(pairs, vec![FieldSpec::of_any("metadata/labels", true)]).transform(&mut all.resources)?;
    }
    let finish = |resource: Resource| finished(resource, &target.kustomization);
    Ok(all.resources.0.into_iter().map(finish).collect())
}

/// The object with the annotations that are wanted, and without an empty map of them.
fn finished(mut resource: Resource, kustomization: &Kustomization) -> Value {
    let mut annotations = Map::new();
    if kustomization.wants("originAnnotations")
        && let Some(origin) = &resource.origin
    {
        annotations.insert(ORIGIN.to_owned(), origin.text().into());
    }
    if kustomization.wants("transformerAnnotations") && !resource.transformations.is_empty() {
        annotations.insert(TRANSFORMATIONS.to_owned(), list_text(&resource.transformations).into());
    }
    let metadata = member_mut(&mut resource.object, "metadata");
    match metadata.get_mut("annotations").and_then(Value::as_object_mut) {
        Some(known) => {
            // Whatever they were written as, annotations are texts.
            for value in known.values_mut() {
                if let Some(text) = yaml::scalar_text(value) {
                    *value = text.into();
                }
            }
            known.extend(annotations);
        }
        None if !annotations.is_empty() => {
            metadata.insert("annotations".to_owned(), annotations.into());
        }
        None => {}
    }
    if metadata
        .get("annotations")
        .and_then(Value::as_object)
        .is_some_and(Map::is_empty)
    {
        metadata.remove("annotations");
    }
    yaml::whole_numbers(&mut resource.object);
    resource.object
}

/// The resources of a text.
///
/// # Errors
/// It is no YAML, or a document in it is no resource.
pub(crate) fn resources_of(text: &str) -> Result<Vec<Resource>> {
    let mut found = Vec::new();
    let mut left: std::collections::VecDeque<Value> = checked(yaml::documents(text)?)?.into();
    while let Some(mut object) = left.pop_front() {
        let kind = object["kind"].as_str().unwrap_or_default().to_owned();
        match object.get_mut("items").map(Value::take) {
            Some(Value::Array(items)) if kind.ends_with("List") => left.extend(checked(items)?),
            Some(Value::Null) if kind.ends_with("List") => {}
            Some(items) if kind.ends_with("List") => {
                let found = match items {
                    Value::Object(_) => "map[string]interface {}",
                    Value::String(_) => "string",
                    Value::Bool(_) => "bool",
                    _ => "int",
                };
                return Err(refuse!("expected array in {kind}/items, but found {found}"));
            }
            Some(items) => {
                object["items"] = items;
                found.push(Resource::new(object));
            }
            None => found.push(Resource::new(object)),
        }
    }
    Ok(found)
}

/// Documents that have what every resource has; empty ones are left out.
fn checked(documents: Vec<Value>) -> Result<Vec<Value>> {
    let mut found = Vec::with_capacity(documents.len());
    for document in documents {
        let Value::Object(members) = &document else {
            return Err(crate::fields::wrong_kind("MappingNode", &document));
        };
        if members.is_empty() {
            continue;
        }
        let text = |value: &Value| yaml::scalar_text(value).unwrap_or_default();
        let (kind, name) = (text(&document["kind"]), text(&document["metadata"]["name"]));
        let missing = match (kind.as_str(), name.as_str()) {
            ("", _) => "kind",
            (kind, "") if !kind.ends_with("List") => "metadata.name",
            _ => "",
        };
        if !missing.is_empty() {
            let pairs = |member: &str| {
                let pairs = document["metadata"][member].as_object().into_iter().flatten();
                let pairs: Vec<String> = pairs.map(|(key, value)| format!("{key}:{}", text(value))).collect();
                format!("map[{}]", pairs.join(" "))
            };
            return Err(refuse!(
                "missing {missing} in object {{{{{} {kind}}} {{{{{name} {}}} {} {}}}}}",
                text(&document["apiVersion"]),
                text(&document["metadata"]["namespace"]),
                pairs("labels"),
                pairs("annotations")
            ));
        }
        found.push(document);
    }
    Ok(found)
}

/// The strategic merge patches that these paths mean, or are themselves.
pub(crate) fn patches(folder: &Folder, paths: &[String]) -> Result<Vec<Resource>> {
    let mut found = Vec::new();
    for path in paths {
        match resources_of(path) {
            Ok(patches) => found.extend(patches),
            Err(_) => {
                let text = folder.read_text(path)?;
                found.extend(resources_of(&text).map_err(|error| in_file(error, path))?);
            }
        }
    }
    Ok(found)
}

/// Names the file that is no YAML.
fn in_file(error: BuildError, path: &str) -> BuildError {
    if !error.is_malformed() {
        return error;
    }
    let text = format!("{error} in File: {path}");
    error.with_text(text)
}

/// A step that cannot be configured, with what it was configured by.
fn configured<T>(kind: &str, config: &impl Serialize, made: impl FnOnce(&str) -> Result<T>) -> Result<T> {
    let value = serde_json::to_value(config).map_err(|error| refuse!("builtin {kind} marshal: {error}"))?;
    let text = yaml::to_yaml(&[value]);
    made(&text).map_err(|error| error.context(format!("trouble configuring builtin {kind} with config: `\n{text}`")))
}

impl Target {
    /// The resources of this kustomization; a component changes what is there already.
    fn accumulate(&self, mut all: Accumulator, warnings: &mut Vec<String>) -> Result<Accumulator> {
        let kustomization = &self.kustomization;
        let list = |list: &Option<Vec<String>>| list.clone().unwrap_or_default();
        self.add_resources(&mut all, &list(&kustomization.resources), warnings)
            .map_err(|error| error.context("accumulating resources"))?;
        let config = Config::load(&self.folder, &list(&kustomization.configurations))?;
        all.config.merge(&config)?;
        self.refuse_unsupported()?;
        self.generate(&mut all, warnings)?;
        for path in list(&kustomization.components) {
            let folder = self
                .folder
                .base(&path)
                .map_err(|error| refuse!("accumulating components: loader.New {:?}", error.to_string()))?;
            self.add_folder(&mut all, folder, &path, true, warnings)
                .map_err(|error| refuse!("accumulating components: accumulateDirectory: {:?}", error.to_string()))?;
        }
        let mut steps = self.transformers(&all.config)?;
        for plugin in self.plugins(&list(&kustomization.transformers), warnings)? {
            steps.push(plugins::transformer(&self.folder, &plugin)?);
        }
        for step in steps {
            step.transform(&mut all.resources)?;
            if let Some(origin) = &self.origin {
                let origin = origin.step(self.file, step.kind());
                for resource in &mut all.resources.0 {
                    resource.transformations.push(origin.clone());
                }
            }
            all.resources
                .0
                .retain(|resource| resource.object.as_object().is_some_and(|members| !members.is_empty()));
        }
        for plugin in self.plugins(&list(&kustomization.validators), warnings)? {
            let before = all.resources.clone();
            plugins::transformer(&self.folder, &plugin)?.transform(&mut all.resources)?;
            if before != all.resources {
                return Err(refuse!("validator shouldn't modify the resource map: nodes unequal"));
            }
        }
        let incoming = kustomization.vars.clone().unwrap_or_default();
        vars::add(&mut all.vars, &incoming, &mut all.resources).map_err(|error| {
            let names: Vec<&str> = incoming.iter().map(|var| var.name.as_str()).collect();
            error.context(format!("merging vars [{}]", names.join(" ")))
        })?;
        Ok(all)
    }

    /// What needs another program, or a schema that is not built in.
    fn refuse_unsupported(&self) -> Result<()> {
        if let Some(chart) = self.kustomization.helm_charts.iter().flatten().next() {
            if self.options.helm {
                return Err(refuse!(
                    "unable to run: 'helm version --short' with env=[] (is 'helm' installed?): exec: \"helm\": executable file not found in $PATH"
                ));
            }
            let mut shown = self.kustomization.helm_globals.clone().unwrap_or_default();
            if let (Some(shown), Some(chart)) = (shown.as_object_mut(), chart.as_object()) {
                shown.extend(chart.clone());
            } else {
                shown = chart.clone();
            }
            return configured("HelmChartInflationGenerator", &shown, |_| {
                Err(refuse!("must specify --enable-helm"))
            });
        }
        for (given, field) in [
            (self.kustomization.crds.is_some(), "crds"),
            (self.kustomization.openapi.is_some(), "openapi"),
        ] {
            if given {
                return Err(refuse!(
                    "the field '{field}' is not supported: schemas are the built-in ones"
                ));
            }
        }
        Ok(())
    }

    fn add_resources(&self, all: &mut Accumulator, paths: &[String], warnings: &mut Vec<String>) -> Result<()> {
        for path in paths {
            let Err(of_file) = self.add_file(all, path) else {
                continue;
            };
            let context = format!("accumulation err='{of_file}'");
            match self.folder.base(path) {
                Ok(folder) => self
                    .add_folder(all, folder, path, false, warnings)
                    .map_err(|error| error.context(&context))?,
                // What is no YAML is a file, and that it is no folder is no news.
                Err(_) if of_file.is_malformed() => return Err(of_file),
                Err(error) => return Err(error.context(&context)),
            }
        }
        Ok(())
    }

    fn add_file(&self, all: &mut Accumulator, path: &str) -> Result<()> {
        let read = || -> Result<Resources> {
            let text = self.folder.read_text(path)?;
            let mut resources = Resources::default();
            resources.append_all(resources_of(&text).map_err(|error| in_file(error, path))?)?;
            Ok(resources)
        };
        let mut resources = read().map_err(|error| error.context(format!("accumulating resources from '{path}'")))?;
        if let Some(origin) = &self.origin {
            for resource in &mut resources.0 {
                resource.origin = Some(origin.join(path));
            }
        }
        all.resources
            .append_all(resources.0)
            .map_err(|error| error.context(format!("merging resources from '{path}'")))
    }

    fn add_folder(
        &self,
        all: &mut Accumulator,
        folder: Folder,
        path: &str,
        is_component: bool,
        warnings: &mut Vec<String>,
    ) -> Result<()> {
        let root = folder.root();
        let (mut kustomization, file, more) = Kustomization::load(&folder)
            .map_err(|error| error.context(format!("couldn't make target for path '{root}'")))?;
        warnings.extend(more);
        kustomization
            .build_metadata
            .clone_from(&self.kustomization.build_metadata);
        match (is_component, kustomization.kind == "Component") {
            (true, false) => {
                return Err(refuse!(
                    "expected kind 'Component' for path '{root}' but got '{}'",
                    kustomization.kind
                ));
            }
            (false, true) => return Err(refuse!("expected kind != 'Component' for path '{root}'")),
            _ => {}
        }
        let target = Self {
            folder,
            kustomization,
            file,
            origin: self.origin.as_ref().map(|origin| origin.join(path)),
            options: self.options,
        };
        let recursed = |error: BuildError| error.context(format!("recursed accumulation of path '{root}'"));
        if is_component {
            *all = target.accumulate(std::mem::take(all), warnings).map_err(recursed)?;
            return Ok(());
        }
        let base = target.accumulate(Accumulator::default(), warnings).map_err(recursed)?;
        let merge = || -> Result<()> {
            all.resources.append_all(base.resources.0)?;
            all.config.merge(&base.config)?;
            vars::merge(&mut all.vars, base.vars.into_values())
        };
        merge().map_err(|error| error.context(format!("recursed merging from path '{root}'")))
    }

    fn generate(&self, all: &mut Accumulator, warnings: &mut Vec<String>) -> Result<()> {
        let kustomization = &self.kustomization;
        let mut made = Vec::new();
        for (kind, name, list) in [
            (
                Generated::ConfigMap,
                "ConfigMapGenerator",
                &kustomization.config_map_generator,
            ),
            (Generated::Secret, "SecretGenerator", &kustomization.secret_generator),
        ] {
            for arguments in list.iter().flatten() {
                let options = kustomization.generator_options.as_ref();
                let mut resource = generate(&self.folder, kind, arguments, options)?;
                resource.origin = self.origin.as_ref().map(|origin| origin.step(self.file, name));
                made.push(resource);
            }
        }
        let paths = kustomization.generators.clone().unwrap_or_default();
        for plugin in self.plugins(&paths, warnings)? {
            let generated = plugins::generated(&self.folder, &plugin);
            made.push(generated.map_err(|error| error.context("loading generator plugins"))?);
        }
        for resource in made {
            all.resources
                .absorb(resource)
                .map_err(|error| error.context("merging from generator"))?;
        }
        Ok(())
    }

    /// The resources that configure steps: texts, files, or kustomizations.
    fn plugins(&self, entries: &[String], warnings: &mut Vec<String>) -> Result<Vec<Resource>> {
        let (mut all, mut paths) = (Accumulator::default(), Vec::new());
        for entry in entries {
            match resources_of(entry) {
                Ok(resources) => all.resources.append_all(resources)?,
                Err(_) => paths.push(entry.clone()),
            }
        }
        self.add_resources(&mut all, &paths, warnings)?;
        Ok(all.resources.0)
    }

    /// The steps, in their fixed order.
    fn transformers(&self, config: &Config) -> Result<Vec<Transformer>> {
        let kustomization = &self.kustomization;
        let mut steps = Vec::new();
        if let Some(paths) = kustomization
            .patches_strategic_merge
            .as_ref()
            .filter(|paths| !paths.is_empty())
        {
            let shown = serde_json::json!({"paths": paths});
            steps.push(configured("PatchStrategicMergeTransformer", &shown, |_| {
                Ok(Transformer::StrategicPatches(patches(&self.folder, paths)?))
            })?);
        }
        for patch in kustomization.patches.iter().flatten() {
            steps.push(configured("PatchTransformer", patch, |text| {
                Ok(Transformer::Patch(PatchStep::new(&self.folder, patch, text)?))
            })?);
        }
        if !kustomization.namespace.is_empty() {
            steps.push(Transformer::Namespace(Namespace {
                name: kustomization.namespace.clone(),
                fields: config.namespace.clone(),
                unset_only: false,
                subjects: Subjects::Default,
            }));
        }
        if !kustomization.name_prefix.is_empty() {
            steps.push(Transformer::Prefix(
                kustomization.name_prefix.clone(),
                config.name_prefix.clone(),
            ));
        }
        if !kustomization.name_suffix.is_empty() {
            steps.push(Transformer::Suffix(
                kustomization.name_suffix.clone(),
                config.name_suffix.clone(),
            ));
        }
        for label in kustomization.labels.iter().flatten() {
            let fields = label_fields(label, config).map_err(|error| error.context("failed to merge labels"))?;
            steps.push(Transformer::Labels(label.pairs.clone(), fields));
        }
        if let Some(labels) = kustomization.common_labels.as_ref().filter(|labels| !labels.is_empty()) {
            steps.push(Transformer::Labels(labels.clone(), config.common_labels.clone()));
        }
        if let Some(annotations) = kustomization
            .common_annotations
            .as_ref()
            .filter(|pairs| !pairs.is_empty())
        {
            steps.push(Transformer::Annotations(
                annotations.clone(),
                config.common_annotations.clone(),
            ));
        }
        for patch in kustomization.patches_json.iter().flatten() {
            let shown = serde_json::json!({"target": patch.target, "path": patch.path, "jsonOp": patch.patch});
            steps.push(configured("PatchJson6902Transformer", &without_empty(shown), |_| {
                Ok(Transformer::JsonPatch(JsonPatch::new(&self.folder, patch)?))
            })?);
        }
        for replica in kustomization.replicas.iter().flatten() {
            steps.push(Transformer::Replicas(replica.clone(), config.replicas.clone()));
        }
        for image in kustomization.images.iter().flatten() {
            steps.push(Transformer::Images(image.clone(), config.images.clone()));
        }
        let mut list = Vec::new();
        for field in kustomization.replacements.iter().flatten() {
            list.extend(field.load(&self.folder)?);
        }
        if !list.is_empty() {
            steps.push(Transformer::Replacements(list));
        }
        Ok(steps)
    }
}

/// Where the labels of an entry go.
fn label_fields(label: &Label, config: &Config) -> Result<Vec<FieldSpec>> {
    let mut all = label.fields.clone();
    fields::merge(&mut all, &config.labels)?;
    if label.include_selectors {
        fields::merge(&mut all, &config.common_labels)?;
    } else {
        if label.include_templates {
            fields::merge(&mut all, &config.template_labels)?;
        }
        fields::merge(&mut all, &[FieldSpec::of_any("metadata/labels", true)])?;
    }
    Ok(all)
}

fn without_empty(mut value: Value) -> Value {
    if let Some(members) = value.as_object_mut() {
        members.retain(|_, member| !member.is_null() && *member != "");
    }
    value
}
