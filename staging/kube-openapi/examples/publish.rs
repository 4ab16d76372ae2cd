//! Writes the documents into a folder, one file a document.
//!
//! `publish discovery <folder>` writes what stands in `api/discovery`; a test holds the two
//! together. `publish openapi <folder>` writes the OpenAPI documents, for looking at them or
//! comparing them; their descriptions come out of `k8s-openapi` and are not kept in the repository.

use std::{env, error::Error, fs, path::Path, time::Instant};

use kube_openapi::{
    discovery::{ApiGroups, legacy},
    negotiation::Representation,
    openapi::{OpenApi, ServerRelativePath},
};
use serde_json::Value;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["discovery", folder] => discovery(Path::new(folder)),
        ["openapi", folder] => openapi(Path::new(folder)),
        _ => Err("usage: publish discovery|openapi <folder>".into()),
    }
}

fn write(folder: &Path, name: &str, value: &Value) -> Result<(), Box<dyn Error>> {
    fs::write(folder.join(name), format!("{value:#}\n"))?;
    Ok(())
}

fn discovery(folder: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    let registry = ApiGroups::with_builtin();
    let groups = registry.groups();
    let aggregated = registry.aggregated();
    write(folder, "aggregated_v2_api.json", &aggregated.api.value)?;
    write(folder, "aggregated_v2_apis.json", &aggregated.apis.value)?;
    write(folder, "apis.json", &legacy::api_group_list(&groups))?;
    for group in groups.iter() {
        let root = if group.name.is_empty() {
            "api".to_owned()
        } else {
            format!("apis__{}", group.name)
        };
        if !group.name.is_empty() {
            write(folder, &format!("{root}.json"), &legacy::api_group(group))?;
        }
        for version in &group.versions {
            let list = legacy::api_resource_list(&group.name, version);
            write(folder, &format!("{root}__{}.json", version.version), &list)?;
        }
    }
    Ok(())
}

fn openapi(folder: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    let service = OpenApi::new("unversioned");
    let mut report = String::new();
    let mut line = |what: &str, start: Instant, length: usize, gzip: usize| {
        report.push_str(&format!(
            "{what}: {length} bytes, {gzip} with gzip, {:?}\n",
            start.elapsed()
        ));
    };
    for (name, representation) in [("v2.json", Representation::Json), ("v2.pb", Representation::Protobuf)] {
        let start = Instant::now();
        let artifact = service.v2(representation);
        line(name, start, artifact.length, artifact.gzip.len());
        fs::write(folder.join(name), artifact.identity())?;
    }
    let start = Instant::now();
    let index = service.v3_index();
    line("v3 index", start, index.length, index.gzip.len());
    let index = index.identity();
    fs::write(folder.join("v3.json"), &index)?;
    let index: Value = serde_json::from_slice(&index)?;
    let (mut length, mut gzip, start) = (0, 0, Instant::now());
    for name in index["paths"].as_object().ok_or("the index has no paths")?.keys() {
        for (ending, representation) in [("json", Representation::Json), ("pb", Representation::Protobuf)] {
            let ServerRelativePath::Document { artifact, .. } = service.v3(name, "", representation) else {
                return Err(format!("{name} stands in the index, but is not served").into());
            };
            length += artifact.length;
            gzip += artifact.gzip.len();
            fs::write(
                folder.join(format!("v3__{}.{ending}", name.replace('/', "__"))),
                artifact.identity(),
            )?;
        }
    }
    line("v3 documents, JSON and protobuf", start, length, gzip);
    fs::write(folder.join("report.txt"), report)?;
    Ok(())
}
