//! The tables of `kubectl top` (upstream: `metricsutil.TopCmdPrinter`).

use std::collections::BTreeMap;

use super::usage::{MEASURED, SortBy, Usage, User};

/// What stands where nothing is known.
const UNKNOWN: &str = "<unknown>";

/// What the tables have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub(super) no_headers: bool,
    pub(super) show_swap: bool,
    pub(super) sort_by: SortBy,
}

impl Layout {
    fn resources(self) -> std::ops::Range<usize> {
        0..MEASURED.len() - usize::from(!self.show_swap)
    }

    fn columns(self, names: &[&'static str], swap: &[&'static str]) -> Vec<&'static str> {
        let swap = if self.show_swap { swap } else { &[] };
        names.iter().chain(swap).copied().collect()
    }
}

/// What a node has.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    pub(super) available: Usage,
    /// Whether the node says how much swap it has.
    pub(super) has_swap: bool,
}

/// A line: every cell ends with a tab.
fn line<'c>(out: &mut String, cells: impl IntoIterator<Item = &'c str>) {
    for cell in cells {
        out.push_str(cell);
        out.push('\t');
    }
    out.push('\n');
}

/// The table of nodes; those without metrics come last.
pub(super) fn nodes(mut users: Vec<User>, mut nodes: BTreeMap<String, Node>, layout: Layout) -> String {
    let mut out = String::new();
    if users.is_empty() {
        return out;
    }
    users.sort_by(|one, other| one.compare(other, layout.sort_by));
    if !layout.no_headers {
        let names = ["NAME", "CPU(cores)", "CPU(%)", "MEMORY(bytes)", "MEMORY(%)"];
        line(&mut out, layout.columns(&names, &["SWAP(bytes)", "SWAP(%)"]));
    }
    for user in &users {
        let node = nodes.remove(&user.name);
        let mut cells = vec![user.name.clone()];
        for resource in layout.resources() {
            if MEASURED[resource] == "swap" && node.as_ref().is_some_and(|node| !node.has_swap) {
                cells.extend([UNKNOWN.to_owned(), UNKNOWN.to_owned()]);
                continue;
            }
            cells.push(user.usage.text(resource));
            let percent = node
                .as_ref()
                .and_then(|node| user.usage.percent(resource, &node.available));
            cells.extend(percent.map(|percent| format!("{percent}%")));
        }
        line(&mut out, cells.iter().map(String::as_str));
    }
    for name in nodes.keys() {
        let unknown = layout.resources().flat_map(|_| [UNKNOWN; 2]);
        line(&mut out, std::iter::once(name.as_str()).chain(unknown));
    }
    out
}

/// What the table of pods shows besides.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PodColumns {
    pub(super) namespace: bool,
    pub(super) containers: bool,
    /// Whether a last line adds everything up.
    pub(super) sum: bool,
}

/// The table of pods, or of their containers.
pub(super) fn pods(mut pods: Vec<User>, shown: PodColumns, layout: Layout) -> String {
    let mut out = String::new();
    if pods.is_empty() {
        return out;
    }
    let own = layout.columns(&["NAME", "CPU(cores)", "MEMORY(bytes)"], &["SWAP(bytes)"]);
    let mut columns = Vec::new();
    if !layout.no_headers {
        columns.extend(shown.namespace.then_some("NAMESPACE"));
        columns.extend(shown.containers.then_some("POD"));
    }
    columns.extend(own);
    if !layout.no_headers {
        line(&mut out, columns.iter().copied());
    }
    pods.sort_by(|one, other| one.compare(other, layout.sort_by));
    for pod in &mut pods {
        let mut before = Vec::new();
        before.extend(shown.namespace.then(|| pod.namespace.clone()));
        if shown.containers {
            before.push(pod.name.clone());
            pod.containers.sort_by(|one, other| one.compare(other, layout.sort_by));
            for container in &pod.containers {
                usage_line(&mut out, &before, container, layout);
            }
        } else {
            usage_line(&mut out, &before, pod, layout);
        }
    }
    if shown.sum {
        sum_lines(&mut out, &pods, columns.len(), layout);
    }
    out
}

fn usage_line(out: &mut String, before: &[String], user: &User, layout: Layout) {
    let amounts: Vec<String> = layout.resources().map(|resource| user.usage.text(resource)).collect();
    let cells = before.iter().chain([&user.name]).chain(&amounts);
    line(out, cells.map(String::as_str));
}

/// Upstream underlines two columns and counts from the right as if there were no more, with swap as well.
fn sum_lines(out: &mut String, pods: &[User], columns: usize, layout: Layout) {
    let mut total = User {
        namespace: String::new(),
        name: String::new(),
        usage: Usage::default(),
        containers: Vec::new(),
    };
    for pod in pods {
        total.usage.add(&pod.usage);
    }
    let rule = ["________"; 2];
    line(out, std::iter::repeat_n("", columns - rule.len()).chain(rule));
    usage_line(out, &vec![String::new(); columns - 3], &total, layout);
}

#[cfg(test)]
mod tests {
    use cli_runtime::gotext::TabWriter;
    use serde_json::{Value, json};
    use std::io::Write as _;

    use super::*;

    const PLAIN: Layout = Layout {
        no_headers: false,
        show_swap: false,
        sort_by: SortBy::Name,
    };

    fn aligned(text: &str) -> Vec<String> {
        let mut table = TabWriter::table();
        table.write_all(text.as_bytes()).expect("memory");
        table.take().lines().map(|line| line.trim_end().to_owned()).collect()
    }

    fn pod(namespace: &str, name: &str, containers: &[(&str, &str, &str)]) -> User {
        let containers: Vec<Value> = containers
            .iter()
            .map(|(name, cpu, memory)| json!({"name": name, "usage": {"cpu": cpu, "memory": memory}}))
            .collect();
        let metrics = json!({"metadata": {"namespace": namespace, "name": name}, "containers": containers});
        User::of_pod(&metrics, true).expect("quantities")
    }

    fn two() -> Vec<User> {
        vec![
            pod("ns", "web", &[("b", "1", "1Gi"), ("a", "250m", "512Mi")]),
            pod("ns", "db", &[("c", "1999999n", "2Gi")]),
        ]
    }

    #[test]
    fn pods_and_containers() {
        for (shown, layout, expected) in [
            (
                PodColumns::default(),
                PLAIN,
                vec![
                    "NAME   CPU(cores)   MEMORY(bytes)",
                    "db     2m           2048Mi",
                    "web    1250m        1536Mi",
                ],
            ),
            (
                PodColumns {
                    sum: true,
                    namespace: true,
                    ..PodColumns::default()
                },
                Layout {
                    sort_by: SortBy::Cpu,
                    ..PLAIN
                },
                vec![
                    "NAMESPACE   NAME   CPU(cores)   MEMORY(bytes)",
                    "ns          web    1250m        1536Mi",
                    "ns          db     2m           2048Mi",
                    "                   ________     ________",
                    "                   1252m        3584Mi",
                ],
            ),
            (
                PodColumns {
                    containers: true,
                    ..PodColumns::default()
                },
                Layout {
                    sort_by: SortBy::Memory,
                    ..PLAIN
                },
                vec![
                    "POD   NAME   CPU(cores)   MEMORY(bytes)",
                    "db    c      2m           2048Mi",
                    "web   b      1000m        1024Mi",
                    "web   a      250m         512Mi",
                ],
            ),
            (
                PodColumns::default(),
                Layout {
                    no_headers: true,
                    show_swap: true,
                    ..PLAIN
                },
                vec!["db    2m      2048Mi   0Mi", "web   1250m   1536Mi   0Mi"],
            ),
        ] {
            assert_eq!(aligned(&pods(two(), shown, layout)), expected, "{shown:?} {layout:?}");
        }
    }

    #[test]
    fn nodes_with_and_without_metrics() {
        let user = |name: &str, cpu: &str| {
            User::new(name, &json!({"cpu": cpu, "memory": "1Gi", "swap": "512Mi"})).expect("quantities")
        };
        let node = |swap: Option<i64>| {
            let mut available = Usage::of(&json!({"cpu": "4", "memory": "3Gi"})).expect("quantities");
            if let Some(bytes) = swap {
                available.set_swap(bytes);
            }
            Node {
                available,
                has_swap: swap.is_some(),
            }
        };
        let known = || {
            BTreeMap::from([
                ("a".to_owned(), node(Some(1 << 30))),
                ("b".to_owned(), node(None)),
                ("lost".to_owned(), node(None)),
            ])
        };
        for (layout, expected) in [
            (
                PLAIN,
                vec![
                    "NAME   CPU(cores)   CPU(%)      MEMORY(bytes)   MEMORY(%)",
                    "a      500m         12%         1024Mi          33%",
                    "b      1000m        25%         1024Mi          33%",
                    "lost   <unknown>    <unknown>   <unknown>       <unknown>",
                ],
            ),
            (
                Layout {
                    show_swap: true,
                    no_headers: true,
                    sort_by: SortBy::Cpu,
                },
                vec![
                    "b      1000m       25%         1024Mi      33%         <unknown>   <unknown>",
                    "a      500m        12%         1024Mi      33%         512Mi       50%",
                    "lost   <unknown>   <unknown>   <unknown>   <unknown>   <unknown>   <unknown>",
                ],
            ),
        ] {
            let users = vec![user("b", "1"), user("a", "500m")];
            assert_eq!(aligned(&nodes(users, known(), layout)), expected, "{layout:?}");
        }
    }
}
