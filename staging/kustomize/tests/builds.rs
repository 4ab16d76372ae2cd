//! Folders and what they are built to: each file of `tests/golden` lays out a tree (`## PATH` before every file) and names
//! the folders of it to build (`## build PATH`), with what each comes to: warnings behind `! `, then the objects, or the
//! reason why there are none behind `= `. After a change on purpose, run with `UPDATE_GOLDEN=1` and read the difference.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use kustomize::{Options, build, to_yaml};

/// The files of a tree, and the folders to build.
fn parse(text: &str) -> (Vec<(String, String)>, Vec<String>) {
    let (mut files, mut builds): (Vec<(String, String)>, Vec<String>) = (Vec::new(), Vec::new());
    for line in text.split_inclusive('\n') {
        if let Some(folder) = line.strip_prefix("## build ") {
            builds.push(folder.trim().to_owned());
        } else if let Some(path) = line.strip_prefix("## ") {
            files.push((path.trim().to_owned(), String::new()));
        } else if builds.is_empty()
            && let Some((_, content)) = files.last_mut()
        {
            content.push_str(line);
        }
    }
    (files, builds)
}

/// What a folder comes to.
fn outcome(root: &Path, folder: &str) -> String {
    let built = build(&root.join(folder), Options::default());
    let mut text = String::new();
    for warning in &built.warnings {
        writeln!(text, "! {warning}").expect("a text");
    }
    match built.objects {
        Ok(objects) => text.push_str(&to_yaml(&objects)),
        Err(error) => {
            for line in error.to_string().trim_end().lines() {
                writeln!(text, "= {line}").expect("a text");
            }
        }
    }
    let root = fs::canonicalize(root).expect("the folder");
    text.replace(&root.display().to_string(), "%ROOT")
}

#[test]
fn folders_are_built() {
    let golden = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut paths: Vec<PathBuf> = fs::read_dir(&golden)
        .expect("the golden files")
        .map(|entry| entry.expect("a file").path())
        .collect();
    paths.sort();
    assert!(paths.len() > 20, "the golden files are gone");
    for path in paths {
        let text = fs::read_to_string(&path).expect("a golden file");
        let (files, builds) = parse(&text);
        let root = tempfile::tempdir().expect("a folder");
        let mut actual = String::new();
        for (name, content) in &files {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a folder");
            fs::write(&path, content).expect("a file");
            write!(actual, "## {name}\n{content}").expect("a text");
        }
        assert!(!builds.is_empty(), "{} builds nothing", path.display());
        for folder in &builds {
            write!(actual, "## build {folder}\n{}", outcome(root.path(), folder)).expect("a text");
        }
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, actual).expect("a golden file");
            continue;
        }
        for (number, (expected, actual)) in (1..).zip(text.lines().zip(actual.lines())) {
            assert_eq!(actual, expected, "{}, line {number}", path.display());
        }
        assert_eq!(actual, text, "{}", path.display());
    }
}

#[test]
fn files_may_lie_elsewhere_if_that_is_wanted() {
    let root = tempfile::tempdir().expect("a folder");
    fs::create_dir(root.path().join("k")).expect("a folder");
    fs::write(
        root.path().join("c.yaml"),
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n",
    )
    .expect("a file");
    fs::write(root.path().join("k/kustomization.yaml"), "resources: [../c.yaml]\n").expect("a file");
    for (load_anywhere, fine) in [(false, false), (true, true)] {
        let options = Options {
            load_anywhere,
            ..Options::default()
        };
        let built = build(&root.path().join("k"), options).objects;
        assert_eq!(built.is_ok(), fine, "{built:?}");
        if let Err(error) = built {
            assert!(error.to_string().contains("security; file '"), "{error}");
        }
    }
}
