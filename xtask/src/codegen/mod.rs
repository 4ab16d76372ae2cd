//! Generates `staging/api/src/generated` from `api/types/*.txt` and `api/resources.tsv`.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

mod reflection;
mod resources;
mod structs;
mod table;

use table::Package;

/// Writes the generated files, or with `check` compares them with what is committed.
pub(crate) fn run(root: &Path, check: bool) -> Result<()> {
    let packages = read_packages(&root.join("api/types"))?;
    let resources = resources::read(&root.join("api/resources.tsv"))?;
    let target = root.join("staging/api/src/generated");
    let mut files = BTreeMap::new();
    for package in &packages {
        files.insert(
            format!("{}.rs", package.module_file()),
            structs::render(package, &packages, &resources)?,
        );
    }
    files.insert("mod.rs".to_owned(), structs::render_modules(&packages));
    files.insert("reflection.rs".to_owned(), reflection::render(&packages)?);
    files.insert("resources.rs".to_owned(), resources::render(&resources, &packages)?);
    let mut stale = Vec::new();
    for (name, text) in &files {
        let path = target.join(name);
        // The tables read better with a row a line; `mod.rs` tells rustfmt to leave them alone.
        let table = matches!(name.as_str(), "reflection.rs" | "resources.rs");
        let text = if table {
            text.clone()
        } else {
            format_rust(text).with_context(|| format!("formatting {name}"))?
        };
        if check {
            if fs::read_to_string(&path).ok().as_deref() != Some(&text) {
                stale.push(name.clone());
            }
        } else {
            fs::create_dir_all(&target)?;
            fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        }
    }
    if !stale.is_empty() {
        bail!(
            "generated files are stale (run `cargo xtask codegen`): {}",
            stale.join(", ")
        );
    }
    Ok(())
}

fn read_packages(folder: &Path) -> Result<Vec<Package>> {
    let mut paths: Vec<_> = fs::read_dir(folder)
        .with_context(|| format!("reading {}", folder.display()))?
        .map(|entry| entry.map(|e| e.path()))
        .collect::<Result<_, _>>()?;
    paths.retain(|p| p.extension().is_some_and(|e| e == "txt"));
    paths.sort();
    paths
        .iter()
        .map(|path| {
            let text = fs::read_to_string(path)?;
            Package::parse(&text).with_context(|| format!("in {}", path.display()))
        })
        .collect()
}

fn format_rust(text: &str) -> Result<String> {
    let mut child = Command::new("rustfmt")
        .args(["--edition", "2024", "--config", "max_width=120"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("starting rustfmt")?;
    let mut stdin = child.stdin.take().expect("stdin is piped");
    let input = text.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output()?;
    writer.join().expect("the writer does not panic")?;
    if !output.status.success() {
        bail!("rustfmt refused the text");
    }
    Ok(String::from_utf8(output.stdout)?)
}
