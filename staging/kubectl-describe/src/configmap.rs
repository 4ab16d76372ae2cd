//! `ConfigMap`: its data whole, its binary data by length.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cli_runtime::Result;

use crate::text::{Text, put};
use crate::values::sorted;
use crate::{Subject, events, metadata};

pub(crate) async fn describe(subject: &Subject<'_>, out: &mut Text) -> Result<()> {
    let object = subject.object;
    metadata::head(object, out);
    put!(out, 0, "\nData\n====\n");
    for (key, value) in sorted(object.pointer("/data")) {
        put!(out, 0, "{key}:\n----\n{}\n\n", value.as_str().unwrap_or_default());
    }
    put!(out, 0, "\nBinaryData\n====\n");
    for (key, value) in sorted(object.pointer("/binaryData")) {
        let bytes = STANDARD.decode(value.as_str().unwrap_or_default()).unwrap_or_default();
        put!(out, 0, "{key}: {} bytes\n", bytes.len());
    }
    put!(out, 0, "\n");
    if subject.show_events {
        events::about(subject.cluster, object, subject.kind)
            .await?
            .describe(out);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::described;
    use serde_json::json;

    #[tokio::test]
    async fn data_is_shown_and_binary_data_counted() {
        let object = json!({
            "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "n"},
            "data": {"b": "2", "a": "1\n"}, "binaryData": {"x": "AAEC"},
        });
        let event =
            json!({"type": "Normal", "reason": "R", "count": 1, "source": {"component": "me"}, "message": " m \n"});
        assert_eq!(
            described("", &object, vec![event]).await,
            "Name:         c\nNamespace:    n\nLabels:       <none>\nAnnotations:  <none>\n\nData\n====\na:\n----\n1\n\n\nb:\n----\n2\n\n\nBinaryData\n====\nx: 3 bytes\n\nEvents:\n  Type    Reason  Age        From  Message\n  ----    ------  ----       ----  -------\n  Normal  R       <unknown>  me    m\n"
        );
    }
}
