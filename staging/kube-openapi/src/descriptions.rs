//! Descriptions of types and fields, out of the table that the build script wrote.
//!
//! The table is searched where the linker put it: nothing is parsed at start-up, and no memory but
//! the pages that a document touches is used. `build/table.rs` says how it is laid out.

/// The table.
static TABLE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptions.bin"));

/// Numbers in the record of a definition: name, description, first field.
const DEFINITION: usize = 5;
/// Numbers in the record of a field: name, description.
const FIELD: usize = 4;

/// The description of a type; empty if there is none.
pub(crate) fn of_type(definition: &str) -> &'static str {
    find(definition).map_or("", |i| text(definition_at(i) + 2))
}

/// The description of a field; empty if there is none.
pub(crate) fn of_field(definition: &str, field: &str) -> &'static str {
    let Some(index) = find(definition) else {
        return "";
    };
    let first = number(definition_at(index) + 4);
    let end = if index + 1 < number(0) {
        number(definition_at(index + 1) + 4)
    } else {
        number(1)
    };
    let at = |i: usize| 2 + number(0) * DEFINITION + i * FIELD;
    search(first, end, |i| text(at(i)).cmp(field)).map_or("", |i| text(at(i) + 2))
}

fn definition_at(index: usize) -> usize {
    2 + index * DEFINITION
}

fn find(definition: &str) -> Option<usize> {
    search(0, number(0), |i| text(definition_at(i)).cmp(definition))
}

fn search(mut low: usize, mut high: usize, compare: impl Fn(usize) -> std::cmp::Ordering) -> Option<usize> {
    while low < high {
        let middle = low.midpoint(high);
        match compare(middle) {
            std::cmp::Ordering::Less => low = middle + 1,
            std::cmp::Ordering::Greater => high = middle,
            std::cmp::Ordering::Equal => return Some(middle),
        }
    }
    None
}

/// The number at a position that counts numbers.
fn number(position: usize) -> usize {
    let bytes = TABLE[position * 4..position * 4 + 4].try_into();
    u32::from_le_bytes(bytes.expect("four bytes were taken")) as usize
}

/// The text whose offset and length stand at a position.
fn text(position: usize) -> &'static str {
    let start = (2 + number(0) * DEFINITION + number(1) * FIELD) * 4 + number(position);
    std::str::from_utf8(&TABLE[start..start + number(position + 1)]).expect("the build script writes UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_fields_of_this_version_are_described() {
        assert!(of_type("io.k8s.api.core.v1.Pod").starts_with("Pod is "));
        assert!(of_field("io.k8s.api.core.v1.PodSpec", "hostname").contains("hostname"));
        // Through a reference to another definition, and with escapes in the text.
        assert!(of_field("io.k8s.api.core.v1.Pod", "spec").contains("desired behavior"));
        assert!(of_type("io.k8s.apimachinery.pkg.api.resource.Quantity").contains("\n\n"));
        assert!(of_field("io.k8s.api.core.v1.ContainerPort", "protocol").contains("\"TCP\""));
    }

    #[test]
    fn the_unknown_has_no_description() {
        assert_eq!(of_type("io.k8s.api.core.v1.Nothing"), "");
        assert_eq!(of_field("io.k8s.api.core.v1.Pod", "nothing"), "");
        assert_eq!(of_field("io.k8s.api.core.v1.Nothing", "spec"), "");
    }

    #[test]
    fn a_field_named_description_is_told_from_a_description() {
        let props = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps";
        assert_eq!(of_field(props, "type"), "");
        assert!(of_field(props, "format").starts_with("format is "));
        assert!(of_type(props).starts_with("JSONSchemaProps is "));
    }
}
