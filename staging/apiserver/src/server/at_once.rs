//! Which requests are answered in the task of their connection.

use smallvec::SmallVec;

/// Whether a path is that of one object: what is read there is in memory, and small.
pub(super) fn names_an_object(path: &str) -> bool {
    let segments: SmallVec<[&str; 8]> = path.split('/').skip(1).take(8).collect();
    let below = match segments[..] {
        ["api", _, ref below @ ..] | ["apis", _, _, ref below @ ..] => below,
        _ => return false,
    };
    match below {
        [resource, name] => !matches!(*resource, "watch" | "proxy") && !name.is_empty(),
        ["namespaces", _, _, name] => !name.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::names_an_object;

    #[test]
    fn objects_and_what_looks_like_them() {
        for (path, expected) in [
            ("/api/v1/namespaces/n/pods/p", true),
            ("/api/v1/nodes/n", true),
            ("/api/v1/namespaces/n", true),
            ("/apis/apps/v1/namespaces/n/deployments/d", true),
            ("/apis/rbac.authorization.k8s.io/v1/clusterroles/r", true),
            ("/api/v1/pods", false),
            ("/api/v1/pods/", false),
            ("/api/v1/namespaces/n/pods", false),
            ("/api/v1/namespaces/n/pods/", false),
            ("/api/v1/namespaces/n/pods/p/log", false),
            ("/api/v1/watch/pods", false),
            ("/apis/apps/v1/deployments", false),
            ("/apis/apps/v1", false),
            ("/openapi/v2", false),
            ("/", false),
        ] {
            assert_eq!(names_an_object(path), expected, "{path}");
        }
    }
}
