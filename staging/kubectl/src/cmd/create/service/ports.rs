//! `PORT[:TARGET]`.

use apimachinery::names::{port_name, port_number};
use kubectl_objects::numbers::{self, wrapped};
use serde_json::{Value, json};

use cli_runtime::{CommandError, Result};

use crate::write::refused;

/// The ports of a Service, each named for its text.
///
/// # Errors
/// One is none.
pub(super) fn parse(texts: &[String], node_port: i64) -> Result<Vec<Value>> {
    let ports = texts.iter().map(|text| {
        let (port, target) = pair(text)?;
        Ok(json!({
            "name": text.replace(':', "-"),
            "port": port,
            "targetPort": target,
            "protocol": "TCP",
            "nodePort": wrapped(node_port),
        }))
    });
    ports.collect()
}

fn pair(text: &str) -> Result<(u16, Value)> {
    let mut parts = text.split(':');
    let port = numbers::port(parts.next().unwrap_or_default()).map_err(refused)?;
    let Some(target) = parts.next() else {
        return Ok((port, port.into()));
    };
    let (errors, target) = match numbers::atoi(target) {
        Ok(number) => (port_number(number), number.into()),
        Err(_) => (port_name(target), target.into()),
    };
    if errors.is_empty() {
        Ok((port, target))
    } else {
        Err(CommandError::message(errors.join(",")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_lead_to_targets() {
        for (text, expected) in [
            ("80", Ok(json!([80, 80]))),
            ("80:8080", Ok(json!([80, 8080]))),
            ("80:http", Ok(json!([80, "http"]))),
            ("http", Err("strconv.ParseUint: parsing \"http\": invalid syntax")),
            ("80:70000", Err("must be between 1 and 65535, inclusive")),
            (
                "80:HTTP",
                Err(
                    "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-),must contain at least one letter (a-z)",
                ),
            ),
        ] {
            let found = pair(text).map(|(port, target)| json!([port, target]));
            assert_eq!(
                found.map_err(|error| error.to_string()),
                expected.map_err(str::to_owned),
                "{text}"
            );
        }
    }
}
