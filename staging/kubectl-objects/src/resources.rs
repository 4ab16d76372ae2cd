//! `RESOURCE=QUANTITY,…` (upstream: `populateResourceListV1`).

use std::collections::BTreeMap;

use k8s_api::primitives::Quantity;

use crate::{Refusal, Result, refuse};

/// The amounts of resources, canonical; none of an empty text.
///
/// # Errors
/// A part is no pair, or its value no quantity.
pub fn parse(text: &str) -> Result<BTreeMap<String, String>> {
    let mut amounts = BTreeMap::new();
    for pair in text.split(',').filter(|_| !text.is_empty()) {
        let [name, value] = pair.split('=').collect::<Vec<_>>()[..] else {
            return Err(refuse!("Invalid argument syntax {pair}, expected <resource>=<value>"));
        };
        let amount: Quantity = value.parse().map_err(|error| Refusal(format!("{error}")))?;
        amounts.insert(name.to_owned(), amount.to_string());
    }
    Ok(amounts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read() {
        for (text, expected) in [
            ("", Ok(0)),
            ("cpu=1000m,memory=1Gi", Ok(2)),
            ("cpu", Err("Invalid argument syntax cpu, expected <resource>=<value>")),
            ("cpu=1,", Err("Invalid argument syntax , expected <resource>=<value>")),
            (
                "cpu=x",
                Err("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"),
            ),
        ] {
            let found = parse(text).map(|amounts| amounts.len()).map_err(|error| error.0);
            assert_eq!(found, expected.map_err(str::to_owned), "{text}");
        }
        assert_eq!(parse("cpu=1000m").expect("amounts")["cpu"], "1");
    }
}
