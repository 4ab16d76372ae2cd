//! The program as it is installed: what it prints where, and how it ends.

use std::process::{Command, Output};

fn kubectl(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl"));
    command.arg("--kubeconfig=/dev/null").args(arguments);
    command.output().expect("the program runs")
}

#[test]
fn failures_go_to_standard_error_with_their_codes() {
    for (arguments, code, out, err) in [
        (&["version", "--client"][..], 0, "Client Version: v1.36", ""),
        (&["get"], 1, "", "error: Required resource not specified."),
        (
            &["nonsense"],
            1,
            "",
            "error: unknown command \"nonsense\" for \"kubectl\"",
        ),
        (&["get", "--nonsense"], 1, "", "error: unknown flag: --nonsense"),
        (
            &["get", "pods", "--server=http://127.0.0.1:9"],
            1,
            "",
            "The connection to the server 127.0.0.1:9 was refused",
        ),
    ] {
        let output = kubectl(arguments);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (shown, said) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(
            shown.starts_with(out) && (!out.is_empty() || shown.is_empty()),
            "{arguments:?}: {shown}"
        );
        assert!(
            said.contains(err) && (!err.is_empty() || said.is_empty()),
            "{arguments:?}: {said}"
        );
    }
}
