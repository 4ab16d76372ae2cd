//! Headers of real clients and the answers of upstream.

use super::*;
use crate::codec::testing::Random;

const RESOURCE: Endpoint<'_> = Endpoint {
    standard: &[],
    table: true,
    metadata: true,
    server_version: Some("v1"),
};

fn output(accept: &str) -> Result<MediaType, String> {
    negotiate_output(accept, Encoding::DEFAULT, &RESOURCE).map_err(|e| e.to_string())
}

fn kind_of(found: &MediaType) -> String {
    found
        .convert
        .as_ref()
        .map_or_else(String::new, |k| format!("{}/{}/{}", k.group, k.version, k.kind))
}

#[test]
fn answers_are_chosen_as_upstream_does() {
    for (accept, encoding) in [
        ("", Encoding::Json),
        ("*/*", Encoding::Json),
        ("application/*", Encoding::Json),
        ("application/yaml", Encoding::Yaml),
        (
            "application/vnd.kubernetes.protobuf, application/json",
            Encoding::Protobuf,
        ),
        ("application/json;q=0.2, application/yaml;q=0.9", Encoding::Yaml),
        ("application/cbor,application/json", Encoding::Json),
        ("text/html, */*;q=0.1", Encoding::Json),
        ("*/*, application/vnd.kubernetes.protobuf", Encoding::Protobuf),
        ("*", Encoding::Json),
    ] {
        assert_eq!(output(accept).map(|m| m.encoding), Ok(encoding), "{accept}");
    }
}

#[test]
fn transformations_are_weighed_with_the_encoding() {
    let kubectl = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";
    let found = output(kubectl).expect("acceptable");
    assert_eq!(
        (kind_of(&found).as_str(), found.encoding),
        ("meta.k8s.io/v1/Table", Encoding::Json)
    );
    assert_eq!(
        found.content_type_with_kind(),
        "application/json;g=meta.k8s.io;v=v1;as=Table"
    );

    let plain = Endpoint {
        table: false,
        metadata: false,
        ..RESOURCE
    };
    let found = negotiate_output(kubectl, Encoding::DEFAULT, &plain).expect("falls back");
    assert_eq!(found.convert, None);

    let metadata = "application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
    let found = output(metadata).expect("acceptable");
    assert_eq!(
        (kind_of(&found).as_str(), found.encoding),
        ("meta.k8s.io/v1/PartialObjectMetadata", Encoding::Protobuf)
    );
    // A table has no protobuf form.
    assert!(output("application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io").is_err());
    assert!(output("application/json;as=Pod;v=v1;g=meta.k8s.io").is_err());
    let found = output("application/json; pretty=1 ;sv=v1; q=0.5").expect("acceptable");
    assert_eq!((found.pretty, found.server_version.as_str()), (true, "v1"));
    assert!(output("application/json;sv=v2").is_err());
}

#[test]
fn refusals_are_worded_as_upstream_words_them() {
    let accepted = "application/json, application/yaml, application/vnd.kubernetes.protobuf";
    assert_eq!(
        output("text/csv").map(|m| m.encoding),
        Err(format!("only the following media types are accepted: {accepted}"))
    );
    assert_eq!(
        negotiate_watch("application/yaml", Encoding::DEFAULT, &RESOURCE).map_err(|e| e.to_string()),
        Err("only the following media types are accepted: application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch".to_owned())
    );
    let body = format!("the body of the request was in an unknown format - accepted media types include: {accepted}");
    for header in [
        "text/csv",
        "application/cbor",
        "application/x-www-form-urlencoded",
        "application/json; charset",
        ";",
    ] {
        assert_eq!(
            negotiate_input(header, Encoding::DEFAULT).map_err(|e| e.to_string()),
            Err(body.clone()),
            "{header}"
        );
    }
}

#[test]
fn bodies_and_streams() {
    for (header, encoding) in [
        ("", Encoding::Json),
        ("application/json; charset=utf-8", Encoding::Json),
        ("Application/YAML", Encoding::Yaml),
        ("application/json;charset=\"utf-8\"; x=y;", Encoding::Json),
        ("application/vnd.kubernetes.protobuf", Encoding::Protobuf),
    ] {
        assert_eq!(negotiate_input(header, Encoding::DEFAULT), Ok(encoding), "{header}");
    }
    let stream = "application/vnd.kubernetes.protobuf;stream=watch,application/json";
    let found = negotiate_watch(stream, Encoding::DEFAULT, &RESOURCE).expect("acceptable");
    assert_eq!((found.encoding, found.stream.as_str()), (Encoding::Protobuf, "watch"));
    assert_eq!(
        found.encoding.watch_content_type(),
        Some("application/vnd.kubernetes.protobuf;stream=watch")
    );
    assert!(output("application/yaml;stream=watch").is_err());
}

#[test]
fn routes_compare_bare_types() {
    let get = media_types(Encoding::DEFAULT);
    let mut list = get.clone();
    list.extend(stream_media_types(Encoding::DEFAULT));
    assert!(route::accepts("", &get) && route::accepts("text/html;q=0.9, */*", &get));
    assert!(route::accepts("application/json;as=Table;v=v1", &get));
    assert!(!route::accepts("application/*", &get) && !route::accepts("application/cbor", &list));
    assert_eq!(
        route::not_acceptable(&list),
        "406: Not Acceptable\n\nAvailable representations: application/json, application/yaml, application/vnd.kubernetes.protobuf, application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch"
    );
    let patches = ["application/json-patch+json", "application/merge-patch+json"];
    assert!(route::consumes(
        "PATCH",
        "application/merge-patch+json; charset=utf-8",
        &patches
    ));
    assert!(!route::consumes("PATCH", "application/json", &patches) && !route::consumes("PATCH", "", &patches));
    assert!(route::consumes("GET", "", &patches) && route::consumes("POST", "text/csv", &[]));
}

#[test]
fn quality_orders_the_clauses() {
    let order = |header: &str| -> Vec<String> {
        parse_accept(header)
            .into_iter()
            .map(|c| format!("{}/{}", c.kind, c.subtype))
            .collect()
    };
    assert_eq!(order("a/b;q=0.1, c/d, */*, e/*;q=1"), ["c/d", "e/*", "*/*", "a/b"]);
    assert_eq!(order("text, a/, /, a/b/c, x/y"), ["x/y"]);
    let clause = &parse_accept("a/b; q=0.5;x=1; y ;z=a=b;x=2")[0];
    assert_eq!(clause.quality.to_string(), "0.5");
    assert_eq!(clause.parameters, [("x".to_owned(), "2".to_owned())]);
}

#[test]
fn people_get_indented_json_and_large_answers_are_compressed() {
    assert!(
        wants_pretty(None, "curl/8.0") && wants_pretty(Some(""), "Mozilla/5.0 (X11)") && wants_pretty(Some("1"), "x")
    );
    assert!(
        !wants_pretty(None, "kubectl/v1.36")
            && !wants_pretty(Some("false"), "curl/8.0")
            && !wants_pretty(Some("yes"), "curl")
    );
    assert!(should_gzip("deflate, gzip", GZIP_THRESHOLD + 1) && !should_gzip("gzip", GZIP_THRESHOLD));
    assert!(!should_gzip("deflate", 1 << 20) && !should_gzip("gzip;q=1.0", 1 << 20) && !should_gzip("", 1 << 20));
}

#[test]
fn mutated_headers_never_panic() {
    let seeds = [
        "application/json;as=Table;v=v1;g=meta.k8s.io,application/vnd.kubernetes.protobuf;q=0.5, */*",
        "application/json; charset=\"utf-8\"; x=\"a\\\"b\"",
        "gzip, deflate;q=0.5, *",
    ];
    let mut negotiated = 0;
    for round in 0..6000 {
        let mutated = Random::new(round).mutate(seeds[round as usize % seeds.len()].as_bytes());
        let header = String::from_utf8_lossy(&mutated);
        let clauses = parse_accept(&header);
        assert!(clauses.len() <= header.len());
        assert!(clauses.iter().all(|c| c.quality.is_finite()), "{header}");
        negotiated += usize::from(output(&header).is_ok());
        if let Ok(encoding) = negotiate_input(&header, Encoding::DEFAULT) {
            assert!(
                header.is_empty() || header.to_ascii_lowercase().contains(encoding.media_type()),
                "{header}"
            );
        }
        let _ = route::accepts(&header, &["application/json"]);
        let _ = should_gzip(&header, GZIP_THRESHOLD + 1);
    }
    assert!(negotiated > 500, "only {negotiated}");
}
