//! Writes images of the catalog as one archive, for `ctr images import`, `docker load`, podman and skopeo.

use std::fs::File;
use std::io::{BufWriter, Write, stdout};
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Parser;
use image_builder::binaries::BuildOptions;
use image_builder::{catalog, write_archive};

/// Builds container images from this workspace's programs and Debian's busybox-static.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Images to build; all of the catalog if none is named.
    names: Vec<String>,
    /// The archive to write.
    #[arg(short, long, default_value = "images.tar")]
    output: PathBuf,
    /// Build the programs without optimisation.
    #[arg(long)]
    dev: bool,
    /// Only print the names of the catalog.
    #[arg(long)]
    list: bool,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let picked = catalog::select(catalog::definitions()?, &arguments.names)?;
    if arguments.list {
        for name in picked.iter().flat_map(|definition| &definition.names) {
            writeln!(stdout(), "{name}")?;
        }
        return Ok(());
    }
    let options = BuildOptions {
        release: !arguments.dev,
        ..BuildOptions::default()
    };
    let mut images = Vec::new();
    for definition in &picked {
        images.push(
            definition
                .build(&options)
                .with_context(|| format!("image {}", definition.names[0]))?,
        );
    }
    // Written aside and renamed, so that a reader never sees half an archive.
    let partial = arguments.output.with_extension("partial");
    let file = File::create(&partial).with_context(|| format!("create {}", partial.display()))?;
    write_archive(&images, BufWriter::new(file))?;
    std::fs::rename(&partial, &arguments.output).with_context(|| format!("write {}", arguments.output.display()))
}
