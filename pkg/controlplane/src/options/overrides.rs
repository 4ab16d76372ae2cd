//! What holds for single resources: other etcd members, reading without the cache.

/// Objects of one resource are stored elsewhere (`--etcd-servers-overrides`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServersOverride {
    /// Group, empty for the core group, and plural name.
    pub(crate) resource: (String, String),
    /// The members.
    pub(crate) servers: Vec<String>,
}

/// Reads `group/resource#servers`, the servers separated by semicolons.
pub(super) fn servers_overrides(texts: &[String]) -> Result<Vec<ServersOverride>, String> {
    let parse = |text: &String| {
        let (resource, servers) = text.split_once('#')?;
        let (group, resource) = resource.split_once('/')?;
        let servers: Vec<String> = servers.split(';').map(str::to_owned).collect();
        let well_formed = !resource.contains('/') && servers.iter().all(|server| !server.is_empty());
        let no_more = servers.iter().all(|server| !server.contains('#'));
        (well_formed && no_more).then(|| ServersOverride {
            resource: (group.to_owned(), resource.to_owned()),
            servers,
        })
    };
    let invalid = "--etcd-servers-overrides invalid, must be of format: group/resource#servers, where servers are URLs, \
                   semicolon separated";
    texts
        .iter()
        .map(|text| parse(text).ok_or_else(|| invalid.to_owned()))
        .collect()
}

/// Reads `resource[.group]#size` and gives group and name of the resources whose size is 0.
pub(super) fn uncached(texts: &[String]) -> Result<Vec<(String, String)>, String> {
    let mut found = Vec::new();
    for text in texts {
        let (resource, size) = text
            .split_once('#')
            .filter(|(_, size)| !size.contains('#'))
            .ok_or_else(|| format!("invalid value of watch cache size: {text}"))?;
        let size: i64 = size
            .parse()
            .map_err(|_| format!("invalid size of watch cache size: {text}"))?;
        if size < 0 {
            return Err(format!("watch cache size cannot be negative: {text}"));
        }
        if size == 0 {
            let (resource, group) = resource.split_once('.').unwrap_or((resource, ""));
            found.push((group.to_owned(), resource.to_owned()));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::{servers_overrides, uncached};

    fn owned(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn servers_of_resources() {
        let found = servers_overrides(&owned(&[
            "/events#http://a:2379;http://b:2379",
            "apps/deployments#http://c:1",
        ]));
        let found: Vec<_> = found
            .expect("well-formed")
            .into_iter()
            .map(|one| (one.resource.0, one.resource.1, one.servers.join(" ")))
            .collect();
        let expected = [
            ("", "events", "http://a:2379 http://b:2379"),
            ("apps", "deployments", "http://c:1"),
        ];
        assert_eq!(
            found,
            expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned()))
        );
        for wrong in [
            "",
            "events#x",
            "/events",
            "a/b/c#x",
            "/events#",
            "/events#x;",
            "/events#x#y",
        ] {
            let error = servers_overrides(&owned(&[wrong])).expect_err(wrong);
            assert!(
                error.starts_with("--etcd-servers-overrides invalid, must be of format"),
                "{wrong}: {error}"
            );
        }
    }

    #[test]
    fn resources_without_cache() {
        let found = uncached(&owned(&["pods#0", "leases.coordination.k8s.io#0", "nodes#100"]));
        let expected = [("", "pods"), ("coordination.k8s.io", "leases")];
        assert_eq!(found, Ok(expected.map(|(a, b)| (a.to_owned(), b.to_owned())).to_vec()));
        for (wrong, message) in [
            ("pods", "invalid value of watch cache size: pods"),
            ("pods#x", "invalid size of watch cache size: pods#x"),
            ("pods#-1", "watch cache size cannot be negative: pods#-1"),
        ] {
            assert_eq!(uncached(&owned(&[wrong])), Err(message.to_owned()));
        }
    }
}
