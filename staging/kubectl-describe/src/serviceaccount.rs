//! `ServiceAccount`: its image pull secrets.

use crate::text::{Text, put};
use crate::values::{items, text};
use crate::{Subject, metadata};

pub(crate) async fn describe(subject: &Subject<'_>, out: &mut Text) {
    metadata::head(subject.object, out);
    let mut title = "Image pull secrets:";
    let secrets = items(subject.object, "/imagePullSecrets");
    if secrets.is_empty() {
        put!(out, 0, "{title}\t<none>\n");
    }
    for secret in secrets {
        put!(out, 0, "{title}\t{}\n", text(secret, "/name"));
        title = "                   ";
    }
    if let Some(events) = subject.events().await {
        events.describe(out);
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::described;
    use serde_json::json;

    #[tokio::test]
    async fn pull_secrets_are_listed() {
        for (secrets, expected) in [
            (json!([]), "Image pull secrets:  <none>\n"),
            (
                json!([{"name": "a"}, {"name": "b"}]),
                "Image pull secrets:  a\n                     b\n",
            ),
        ] {
            let object = json!({
                "kind": "ServiceAccount", "metadata": {"name": "s", "namespace": "n"}, "imagePullSecrets": secrets,
            });
            assert_eq!(
                described("", &object, Vec::new()).await,
                format!(
                    "Name:                s\nNamespace:           n\nLabels:              <none>\nAnnotations:         <none>\n{expected}Events:              <none>\n"
                )
            );
        }
    }
}
