use serde_json::json;

use super::Template;

fn run(template: &str, allow: bool) -> Result<String, String> {
    let data = json!({
        "kind": "List",
        "n": 3,
        "big": 1_000_000,
        "null": null,
        "secret": "cGFzcw==",
        "map": {"a": 1, "b": "two"},
        "items": [
            {"metadata": {"name": "x", "labels": {"app": "web"}}, "ready": true, "ports": [80, 443]},
            {"metadata": {"name": "y"}, "ready": false, "ports": []},
        ],
    });
    let template = Template::parse(template)
        .map_err(|error| error.to_string())?
        .allow_missing_keys(allow);
    let mut out = String::new();
    template.execute(&data, &mut out).map_err(|error| error.to_string())?;
    Ok(out)
}

#[test]
fn templates_are_carried_out() {
    for (template, expected) in [
        ("plain {{.kind}}!", "plain List!"),
        (
            "{{.n}} {{.big}} {{.none}} {{.none.deep}} {{.null}}",
            "3 1e+06 <no value> <no value> <no value>",
        ),
        ("{{range .items}}{{.metadata.name}}{{\"\\n\"}}{{end}}", "x\ny\n"),
        (
            "{{range $i, $e := .items}}{{$i}}={{$e.metadata.name}};{{end}}",
            "0=x;1=y;",
        ),
        ("{{range $k, $v := .map}}{{$k}}:{{$v}} {{end}}", "a:1 b:two "),
        (
            "{{range .items}}{{range .ports}}{{.}},{{else}}none{{end}};{{end}}",
            "80,443,;none;",
        ),
        ("{{range .nothing}}x{{else}}empty{{end}}", "empty"),
        ("{{if .ready}}a{{else if .kind}}b{{else}}c{{end}}", "b"),
        ("{{with .map}}{{.b}}{{end}}{{with .none}}x{{else}}y{{end}}", "twoy"),
        ("{{$x := .kind}}{{$x}}{{if true}}{{$x = \"z\"}}{{end}}{{$x}}", "Listz"),
        ("{{len .items}} {{len .kind}}", "2 4"),
        ("{{index .map \"b\"}} {{(index .items 1).metadata.name}}", "two y"),
        ("{{index .items 0 \"metadata\" \"labels\" \"app\"}}", "web"),
        ("{{.secret | base64decode}}", "pass"),
        (
            "{{printf \"%s-%d-%v|%5s|%-5s|%q|%05.1f\" .kind 7 .n \"a\" \"b\" \"c\" .n}}",
            "List-7-3|    a|b    |\"c\"|003.0",
        ),
        ("{{printf \"%d\" .n}}", "%!d(float64=3)"),
        (
            "{{eq .kind \"List\"}} {{eq .kind \"a\" \"List\"}} {{ne .kind \"x\"}} {{lt 1 2}} {{ge 2 2}}",
            "true true true true true",
        ),
        ("{{and .kind .n}} {{or .none \"d\"}} {{not .none}}", "3 d true"),
        ("{{exists . \"map\" \"a\"}} {{exists . \"map\" \"c\"}}", "true false"),
        ("a {{- \" b \" -}} c", "a b c"),
        ("a{{/* note */}}b", "ab"),
        (
            "{{range .items}}{{if not .ready}}{{continue}}{{end}}{{.metadata.name}}{{break}}{{end}}",
            "x",
        ),
        ("{{define \"t\"}}<{{.}}>{{end}}{{template \"t\" .kind}}", "<List>"),
        ("{{print 1 2 \"x\" 3}} {{html \"<a>\"}}", "1 2x3 &lt;a&gt;"),
        ("{{(len .items) | printf \"%03d\"}}", "002"),
        ("{{$.kind}} {{.map}}", "List map[a:1 b:two]"),
        ("{{slice .kind 1 3}}", "is"),
    ] {
        assert_eq!(run(template, true).as_deref(), Ok(expected), "{template}");
    }
}

#[test]
fn mistakes_have_gos_words() {
    for (template, expected) in [
        ("{{.kind", "template: output:1: unclosed action"),
        ("{{end}}", "template: output:1: unexpected {{end}}"),
        ("{{if .x}}", "template: output:1: unexpected EOF"),
        ("{{foo}}", "template: output:1: function \"foo\" not defined"),
        ("{{$x}}", "template: output:1: undefined variable \"$x\""),
        ("{{}}", "template: output:1: missing value for command"),
        (
            "{{.null.x}}",
            "template: output:1:7: executing \"output\" at <.null.x>: nil pointer evaluating interface {}.x",
        ),
        (
            "{{.kind.x}}",
            "template: output:1:7: executing \"output\" at <.kind.x>: can't evaluate field x in type interface {}",
        ),
        (
            "{{.none}}",
            "template: output:1:2: executing \"output\" at <.none>: map has no entry for key \"none\"",
        ),
        (
            "{{eq .n 3}}",
            "template: output:1:2: executing \"output\" at <eq>: error calling eq: incompatible types for comparison",
        ),
        (
            "{{index .items 5}}",
            "template: output:1:2: executing \"output\" at <index>: error calling index: index out of range: 5",
        ),
    ] {
        assert_eq!(run(template, false), Err(expected.to_owned()), "{template}");
    }
}
