//! `kubectl __complete`: what may stand at the end of a line (upstream: cobra's completions, `util/completion`).
//!
//! Every candidate is a line `word<TAB>what it is`, the last line is `:` and a [`Directive`]. **Invariant:** whatever goes
//! wrong (no server, no kubeconfig) there are no candidates, and no error either.

use cli_runtime::{CommandError, ConfigFlags, Factory, IoStreams, RestMapping, Result};
use component_base::flags::{FlagSet, Flags as _};
use http::Method;
use serde_json::Value;

use super::{Command, Completion, GlobalFlags, find};

/// What a shell does behind the candidates; the numbers add up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Directive(u8);

impl Directive {
    const DEFAULT: Self = Self(0);
    const NO_SPACE: Self = Self(2);
    const NO_FILES: Self = Self(4);
    const NO_SPACE_NO_FILES: Self = Self(Self::NO_SPACE.0 | Self::NO_FILES.0);

    fn name(self) -> String {
        let names = [(2, "ShellCompDirectiveNoSpace"), (4, "ShellCompDirectiveNoFileComp")];
        let set: Vec<_> = names
            .iter()
            .filter(|(bit, _)| self.0 & bit != 0)
            .map(|(_, name)| *name)
            .collect();
        if set.is_empty() {
            "ShellCompDirectiveDefault".to_owned()
        } else {
            set.join(", ")
        }
    }
}

/// Candidates and what a shell does behind them.
type Candidates = (Vec<(String, String)>, Directive);

/// Metadata is all that names need.
const NAMES: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";

/// Prints the candidates for the last word of the line.
pub(super) async fn complete(root: &'static Command, line: &[&str], describe: bool, streams: &IoStreams) -> Result<()> {
    let (before, word) = line
        .split_last()
        .map_or((&[][..], ""), |(last, before)| (before, *last));
    let (candidates, directive) = candidates(root, before, word).await;
    let mut text = String::new();
    // Of `--flag=value` the candidates are values.
    let begun = match word.split_once('=') {
        Some((flag, value)) if flag.starts_with("--") => value,
        _ => word,
    };
    for (name, what) in candidates.iter().filter(|(name, _)| name.starts_with(begun)) {
        text.push_str(name);
        if describe && !what.is_empty() {
            text.push_str(&format!("\t{}", what.lines().next().unwrap_or_default()));
        }
        text.push('\n');
    }
    streams.out.print(format!("{text}:{}\n", directive.0))?;
    Ok(streams
        .err
        .print(format!("Completion ended with directive: {}\n", directive.name()))?)
}

async fn candidates(root: &'static Command, before: &[&str], word: &str) -> Candidates {
    let before: Vec<String> = before.iter().map(|word| (*word).to_owned()).collect();
    let (path, rest) = find(root, &before);
    let command = *path.last().expect("a path has a command");
    let (mut global, mut options) = (GlobalFlags::default(), command.options.map(|make| make()));
    let mut help = false;
    let mut flags = FlagSet::new();
    flags.section("local");
    if let Some(options) = &mut options {
        options.add_flags(&mut flags);
    }
    global.add_flags(&mut flags);
    flags.inherit("help", Some('h'), &mut help, format!("help for {}", command.name));
    // A flag that waits for its value takes the word.
    let mut parsed: Vec<&str> = rest.clone();
    let waiting = rest.last().and_then(|last| waiting_flag(&flags, last));
    if waiting.is_some() {
        parsed.pop();
    }
    if waiting.is_none() && word.starts_with('-') && !word.contains('=') && !before.iter().any(|word| word == "--") {
        return (flag_names(&flags, word), Directive::NO_FILES);
    }
    // What is wrong so far is told when the line is run.
    let words = flags
        .parse_positional(parsed)
        .map(|positional| positional.words)
        .unwrap_or_default();
    drop(flags);
    let ask = Ask {
        config: global.config,
        words,
    };
    if let Some(flag) = waiting {
        return ask.flag_value(&flag, word).await;
    }
    if let Some((flag, value)) = word.strip_prefix("--").and_then(|flag| flag.split_once('=')) {
        return ask.flag_value(flag, value).await;
    }
    if !command.subcommands.is_empty() && ask.words.is_empty() {
        let mut found: Vec<_> = command
            .subcommands
            .iter()
            .filter(|known| !known.hidden)
            .map(|known| (known.name.to_owned(), known.short.to_owned()))
            .collect();
        if path.len() == 1 {
            found.push(("help".to_owned(), "Help about any command".to_owned()));
        }
        found.sort();
        if command.completion == Completion::None {
            return (found, Directive::NO_FILES);
        }
    }
    ask.words_of(command.completion, word).await
}

/// The flag whose value the next word is.
fn waiting_flag(flags: &FlagSet<'_>, last: &str) -> Option<String> {
    let found = match last.strip_prefix("--") {
        Some(name) if !name.is_empty() && !name.contains('=') => flags.infos().find(|info| info.name == name),
        Some(_) => None,
        None => {
            let letter = last.strip_prefix('-')?.chars().last()?;
            flags.infos().find(|info| info.shorthand == Some(letter))
        }
    }?;
    found.implied.is_none().then(|| found.name.to_owned())
}

fn flag_names(flags: &FlagSet<'_>, word: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for info in flags.infos().filter(|info| !info.hidden) {
        let equals = if info.implied.is_none() { "=" } else { "" };
        found.push((format!("--{}{equals}", info.name), info.usage.to_owned()));
        if equals == "=" {
            found.push((format!("--{}", info.name), info.usage.to_owned()));
        }
        if let Some(letter) = info.shorthand.filter(|_| word.len() < 2 || !word.starts_with("--")) {
            found.push((format!("-{letter}"), info.usage.to_owned()));
        }
    }
    found.sort();
    found
}

/// Whom to ask for types and names, and the words so far.
struct Ask {
    config: ConfigFlags,
    words: Vec<String>,
}

fn plain(names: impl IntoIterator<Item = String>) -> Vec<(String, String)> {
    names.into_iter().map(|name| (name, String::new())).collect()
}

impl Ask {
    fn factory(&self) -> Factory {
        // Warnings have no place among candidates.
        Factory::new(self.config.clone(), &IoStreams::memory(b""))
    }

    async fn flag_value(&self, flag: &str, _word: &str) -> Candidates {
        let config = || self.config.load().ok();
        match flag {
            "namespace" | "n" => (plain(self.names("namespaces").await), Directive::NO_FILES),
            "context" => (
                config().map(|c| plain(c.contexts.into_keys())).unwrap_or_default(),
                Directive::NO_FILES,
            ),
            "cluster" => (
                config().map(|c| plain(c.clusters.into_keys())).unwrap_or_default(),
                Directive::NO_FILES,
            ),
            "user" => (
                config().map(|c| plain(c.auth_infos.into_keys())).unwrap_or_default(),
                Directive::NO_FILES,
            ),
            "container" | "c" => (plain(self.containers().await), Directive::NO_FILES),
            "output" | "o" => {
                let formats =
                    cli_runtime::printers::FORMATS
                        .iter()
                        .chain(&["custom-columns", "custom-columns-file", "wide"]);
                (plain(formats.map(|format| (*format).to_owned())), Directive::NO_FILES)
            }
            "dry-run" => (
                plain(["none", "server", "client"].map(str::to_owned)),
                Directive::NO_FILES,
            ),
            _ => (Vec::new(), Directive::DEFAULT),
        }
    }

    async fn words_of(&self, completion: Completion, word: &str) -> Candidates {
        let first = self.words.is_empty();
        let config = || self.config.load().ok();
        let once = |found: Vec<(String, String)>| if first { found } else { Vec::new() };
        let found = match completion {
            Completion::None => Vec::new(),
            Completion::Files => return (Vec::new(), Directive::DEFAULT),
            Completion::Words(words) => once(plain(words.iter().map(|word| (*word).to_owned()))),
            Completion::Contexts => once(config().map(|c| plain(c.contexts.into_keys())).unwrap_or_default()),
            Completion::Clusters => once(config().map(|c| plain(c.clusters.into_keys())).unwrap_or_default()),
            Completion::Users => once(config().map(|c| plain(c.auth_infos.into_keys())).unwrap_or_default()),
            Completion::Names(kind) => plain(self.new_names(kind).await),
            Completion::OneName(kind) if first => plain(self.names(kind).await),
            Completion::OneName(_) => Vec::new(),
            Completion::ResourceTypes => once(plain(self.types().await)),
            Completion::Pods if first => return self.pods(word).await,
            Completion::Pods => Vec::new(),
            Completion::ResourceTypeAndName => return self.types_and_names(word).await,
        };
        (found, Directive::NO_FILES)
    }

    /// `TYPE`, then names of it; or `TYPE/NAME`.
    async fn types_and_names(&self, word: &str) -> Candidates {
        if let Some((kind, _)) = word.split_once('/') {
            let names = self.names(kind).await.into_iter().map(|name| format!("{kind}/{name}"));
            return (plain(names), Directive::NO_FILES);
        }
        match self.words.first() {
            None => (plain(self.types().await), Directive::NO_FILES),
            // Behind TYPE/NAME more of them follow.
            Some(first) if first.contains('/') => {
                let types = self.types().await.into_iter().map(|kind| format!("{kind}/"));
                (plain(types), Directive::NO_SPACE_NO_FILES)
            }
            Some(kind) => (plain(self.new_names(kind).await), Directive::NO_FILES),
        }
    }

    /// Pods, and what has pods as `TYPE/NAME`.
    async fn pods(&self, word: &str) -> Candidates {
        if let Some((kind, _)) = word.split_once('/') {
            let names = self.names(kind).await.into_iter().map(|name| format!("{kind}/{name}"));
            return (plain(names), Directive::NO_FILES);
        }
        let pods = self.names("pods").await;
        let none = !pods.iter().any(|name| name.starts_with(word));
        let owners = [
            "daemonsets",
            "deployments",
            "pods",
            "jobs",
            "replicasets",
            "replicationcontrollers",
            "services",
            "statefulsets",
        ];
        let types = owners
            .iter()
            .filter(|name| name.starts_with(word))
            .map(|name| format!("{name}/"));
        let directive = if none {
            Directive::NO_SPACE_NO_FILES
        } else {
            Directive::NO_FILES
        };
        (plain(pods.into_iter().chain(types)), directive)
    }

    async fn new_names(&self, kind: &str) -> Vec<String> {
        let mut names = self.names(kind).await;
        names.retain(|name| !self.words.contains(name));
        names
    }

    /// The types that can be read, with their groups.
    async fn types(&self) -> Vec<String> {
        let Ok(served) = self.factory().served().await else {
            return Vec::new();
        };
        let full = |resource: &&RestMapping| match resource.group.as_str() {
            "" => resource.name.clone(),
            group => format!("{}.{group}", resource.name),
        };
        let mut types = served.mapper.preferred_resources();
        types.retain(|resource| resource.has_verb("get"));
        types.sort_by(|a, b| (&a.group, &a.name).cmp(&(&b.group, &b.name)));
        types.iter().map(full).collect()
    }

    async fn names(&self, kind: &str) -> Vec<String> {
        self.list(kind).await.unwrap_or_default()
    }

    async fn list(&self, kind: &str) -> Result<Vec<String>> {
        let factory = self.factory();
        let mapping = factory.resource(kind).await?;
        let namespace = factory.namespace()?.0;
        let api = factory.dynamic(&mapping, &namespace)?;
        let response = api.resource().collection(Method::GET).accept(NAMES).send().await?;
        let list: Value =
            serde_json::from_slice(&response.body).map_err(|error| CommandError::message(error.to_string()))?;
        let items = list["items"].as_array().into_iter().flatten();
        Ok(items
            .filter_map(|item| item["metadata"]["name"].as_str())
            .map(str::to_owned)
            .collect())
    }

    /// The containers of the pod that is named.
    async fn containers(&self) -> Vec<String> {
        let Some(pod) = self.words.first() else {
            return Vec::new();
        };
        let name = pod.strip_prefix("pods/").or(pod.strip_prefix("pod/")).unwrap_or(pod);
        let found = async {
            let factory = self.factory();
            let mapping = factory.resource("pods").await?;
            let namespace = factory.namespace()?.0;
            Ok::<_, CommandError>(factory.dynamic(&mapping, &namespace)?.get(name).await?.0)
        };
        let Ok(pod) = found.await else { return Vec::new() };
        let lists = ["initContainers", "containers", "ephemeralContainers"];
        let containers = lists
            .iter()
            .flat_map(|list| pod["spec"][list].as_array().into_iter().flatten());
        containers
            .filter_map(|container| container["name"].as_str())
            .map(str::to_owned)
            .collect()
    }
}
