//! Preferences on the program's own commands.

use super::*;
use crate::commands::ROOT;

const HEAD: &str = "apiVersion: kubectl.config.k8s.io/v1beta1\nkind: Preference\n";

/// Applies what the file says to a line; the line afterwards, the options, and what was warned of.
fn applied(text: &str, line: &str) -> Result<(String, String, String), String> {
    let directory = tempfile::tempdir().expect("a folder");
    let file = directory.path().join("kuberc");
    std::fs::write(&file, format!("{HEAD}{text}")).expect("written");
    let flag = format!("--kuberc={}", file.display());
    let mut words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    // Before what is not kubectl's own.
    let end = words.iter().position(|word| word == "--").unwrap_or(words.len());
    words.insert(end, flag.clone());
    let streams = IoStreams::memory(b"");
    let applied = apply(&ROOT, &words, &streams).map_err(|error| error.to_string())?;
    let line: Vec<_> = applied.line.into_iter().filter(|word| *word != flag).collect();
    let (path, _) = find(applied.root, &line);
    let called: Vec<_> = path[1..].iter().map(|command| command.name).collect();
    assert!(line.join(" ").contains(&called.join(" ")), "{called:?} in {line:?}");
    Ok((line.join(" "), applied.options.join(" "), streams.err.take()))
}

#[test]
fn options_have_other_defaults() {
    let text = "defaults:\n- command: get\n  options:\n  - {name: output, default: wide}\n  - {name: show-labels, default: \"true\"}\n- command: delete\n  options: [{name: interactive, default: \"true\"}]\n";
    for (line, options) in [
        ("get pods", "--output=wide --show-labels=true"),
        ("get pods -o json", "--show-labels=true"),
        ("get pods -ojson --show-labels=false", ""),
        ("get pods --output json", "--show-labels=true"),
        ("delete pod p", "--interactive=true"),
        ("describe pod p", ""),
        ("nothing pods", ""),
    ] {
        let told = applied(text, line).expect("they make sense");
        assert_eq!(told, (line.to_owned(), options.to_owned(), String::new()), "{line}");
    }
}

#[test]
fn aliases_stand_for_commands_with_words() {
    let text = "aliases:\n- name: getn\n  command: get\n  prependArgs: [nodes]\n  options: [{name: output, default: wide}]\n- name: runx\n  command: run\n  options: [{name: image, default: nginx}]\n  appendArgs: [--, custom]\n- {name: senv, command: set env}\n- {name: get, command: describe}\ndefaults:\n- command: get\n  options: [{name: show-labels, default: \"true\"}]\n";
    for (line, expanded, options) in [
        ("getn", "getn nodes", "--output=wide"),
        ("getn one", "getn nodes one", "--output=wide"),
        ("getn one -o=json", "getn nodes one -o=json", ""),
        ("runx test", "runx test -- custom", "--image=nginx"),
        ("senv deploy/x A=b", "senv deploy/x A=b", ""),
        ("get pods", "get pods", "--show-labels=true"),
        ("unknown pods", "unknown pods", ""),
    ] {
        let told = applied(text, line).expect("they make sense");
        assert_eq!(told, (expanded.to_owned(), options.to_owned(), String::new()), "{line}");
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let alias = |name: &str| format!("aliases:\n- {{name: {name}, command: get}}\n");
    let defaults = |command: &str, name: &str, value: &str| {
        format!("defaults:\n- command: {command}\n  options: [{{name: {name}, default: \"{value}\"}}]\n")
    };
    let twice = format!("{}- {{name: a, command: get}}\n", alias("a"));
    for (text, line, fault) in [
        (
            alias("get-n"),
            "get pods",
            "invalid alias name, can only include alphabetical characters",
        ),
        (twice, "get pods", "duplicate alias name a"),
        (
            defaults("get", "-o", "wide"),
            "get pods",
            "flag name -o should be in long form without dashes",
        ),
        (
            defaults("get", "nothing", "1"),
            "get pods",
            "invalid flag nothing for command get",
        ),
        (
            defaults("get", "show-labels", "maybe"),
            "get pods",
            "could not apply override value maybe to flag show-labels in command get err: invalid argument \"maybe\" for \"--show-labels\" flag: strconv.ParseBool: parsing \"maybe\": invalid syntax",
        ),
        (
            "aliases:\n- {name: a, command: nothing}\n".to_owned(),
            "a pods",
            "command \"nothing\" not found to set alias \"a\": [nothing]",
        ),
        (
            format!("{}{}", alias("a"), defaults("a", "output", "wide")),
            "a pods",
            "alias a can not be overridden",
        ),
        (
            "credentialPluginPolicy: Allowlist\n".to_owned(),
            "get pods",
            "credential plugin policy set to \"Allowlist\", but allowlist is unspecified",
        ),
    ] {
        assert_eq!(applied(&text, line).expect_err("refused"), fault, "{text}");
    }
    let (_, options, warned) = applied(&defaults("nothing", "output", "wide"), "get pods").expect("only a warning");
    assert_eq!(
        warned,
        "Warning: command \"nothing\" not found to set kuberc override\n"
    );
    assert_eq!(options, "");
}

#[test]
fn the_file_that_was_named_has_to_be_there() {
    let line = |words: &[&str]| -> Vec<String> { words.iter().map(|word| (*word).to_owned()).collect() };
    let streams = IoStreams::memory(b"");
    for (words, fault) in [
        (&["get", "--kuberc"][..], "kuberc file is not found"),
        (&["get", "--kuberc="][..], "kuberc file is not found"),
        (
            &["get", "--kuberc=/not/here"][..],
            "kuberc error kuberc: open /not/here: no such file or directory",
        ),
    ] {
        let error = apply(&ROOT, &line(words), &streams).err().expect("refused");
        assert_eq!(error.to_string(), fault, "{words:?}");
    }
}
