//! Runs the programs of iproute2 and nftables.

pub(crate) use component_base::command::CommandError;

/// Runs `program` with `input` on standard input; returns its standard output.
pub(crate) fn run(program: &str, arguments: &[&str], input: &str) -> Result<String, CommandError> {
    let output = component_base::command::run(program, arguments, input.as_bytes())?;
    Ok(String::from_utf8_lossy(&output).into_owned())
}

/// Runs commands of `ip` as one batch; nothing is run for none.
pub(crate) fn ip_batch(lines: &[String]) -> Result<(), CommandError> {
    if lines.is_empty() {
        return Ok(());
    }
    run("ip", &["-batch", "-"], &(lines.join("\n") + "\n")).map(drop)
}
