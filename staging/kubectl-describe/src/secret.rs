//! `Secret`: its keys, and how long each value is; only a service account's token is shown.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::metadata;
use crate::text::{Text, put};
use crate::values::{sorted, text};

pub(crate) fn describe(object: &Value, out: &mut Text) {
    metadata::head(object, out);
    let secret_type = text(object, "/type");
    put!(out, 0, "\nType:\t{secret_type}\n");
    put!(out, 0, "\nData\n====\n");
    for (key, value) in sorted(object.pointer("/data")) {
        let bytes = STANDARD.decode(value.as_str().unwrap_or_default()).unwrap_or_default();
        if key == "token" && secret_type == "kubernetes.io/service-account-token" {
            put!(out, 0, "{key}:\t{}\n", String::from_utf8_lossy(&bytes));
        } else {
            put!(out, 0, "{key}:\t{} bytes\n", bytes.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::described;
    use serde_json::json;

    #[tokio::test]
    async fn values_are_counted_and_tokens_shown() {
        for (secret_type, token) in [("Opaque", "3 bytes"), ("kubernetes.io/service-account-token", "abc")] {
            let object = json!({
                "kind": "Secret", "metadata": {"name": "s", "namespace": "n"},
                "type": secret_type, "data": {"token": "YWJj", "ca": "YQ=="},
            });
            assert_eq!(
                described("", &object, Vec::new()).await,
                format!(
                    "Name:         s\nNamespace:    n\nLabels:       <none>\nAnnotations:  <none>\n\nType:  {secret_type}\n\nData\n====\nca:     1 bytes\ntoken:  {token}\n"
                )
            );
        }
    }
}
