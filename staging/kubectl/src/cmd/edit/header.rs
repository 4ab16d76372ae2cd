//! What stands above the objects in the editor.

use cli_runtime::{CommandError, Info};

use super::EditMode;

/// Why something has to be edited again.
#[derive(Clone, Debug, Default)]
pub(super) struct Reason {
    pub(super) head: String,
    pub(super) others: Vec<String>,
}

/// What came of sending what was edited.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// What is wrong with it.
    pub(super) reasons: Vec<Reason>,
    /// How many could be sent again as they are.
    pub(super) retryable: usize,
    /// How many are gone.
    pub(super) not_found: usize,
}

impl Outcome {
    /// Takes an error down; gives the line for the user.
    pub(super) fn add(&mut self, error: &CommandError, info: &Info) -> String {
        let resource = info
            .mapping
            .as_ref()
            .map_or_else(String::new, |mapping| match mapping.group.as_str() {
                "" => mapping.name.clone(),
                group => format!("{}.{group}", mapping.name),
            });
        let name = &info.name;
        if error.is_not_found() {
            self.not_found += 1;
            return format!("error: {resource} {name:?} could not be found on the server");
        }
        let Some(status) = error.status().filter(|status| status.status().code == 422) else {
            self.retryable += 1;
            return format!("error: {resource} {name:?} could not be patched: {error}");
        };
        let causes = status.status().details.iter().flat_map(|details| &details.causes);
        self.reasons.push(Reason {
            head: format!("{resource} {name:?} was not valid"),
            others: causes
                .map(|cause| format!("{}: {}", cause.field, cause.message))
                .collect(),
        });
        format!("error: {resource} {name:?} is invalid")
    }
}

/// The comment lines above the objects.
pub(super) fn header(mode: EditMode, reasons: &[Reason]) -> String {
    let mut text = match mode {
        EditMode::LastApplied => {
            "# Please edit the 'last-applied-configuration' annotations below.
# Lines beginning with a '#' will be ignored, and an empty file will abort the edit.
#
"
        }
        EditMode::Normal | EditMode::BeforeCreate => {
            "# Please edit the object below. Lines beginning with a '#' will be ignored,
# and an empty file will abort the edit. If an error occurs while saving this file will be
# reopened with the relevant failures.
#
"
        }
    }
    .to_owned();
    for Reason { head, others } in reasons {
        let colon = if others.is_empty() { "" } else { ":" };
        text.push_str(&format!("# {}{colon}\n", commented(head)));
        for other in others {
            text.push_str(&format!("# * {}\n", commented(other)));
        }
        text.push_str("#\n");
    }
    text
}

/// The text with its further lines as comments.
fn commented(text: &str) -> String {
    text.trim_end_matches('\n').replace("\n#", "\n").replace('\n', "\n# ")
}

/// The lines that are no comments.
pub(super) fn without_comments(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    lines.map(|line| format!("{}\n", line.trim_end_matches('\r'))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_stand_above_the_object() {
        let reasons = [
            Reason {
                head: "pods \"a\" was not valid".to_owned(),
                others: vec!["spec: one\ntwo".to_owned()],
            },
            Reason {
                head: "odd".to_owned(),
                others: Vec::new(),
            },
        ];
        let text = header(EditMode::Normal, &reasons);
        let end = "#\n# pods \"a\" was not valid:\n# * spec: one\n# two\n#\n# odd\n#\n";
        assert!(text.ends_with(end), "{text}");
        assert_eq!(without_comments(&text), "");
        assert_eq!(without_comments("# a\nb: 1\r\n  # c\n"), "b: 1\n");
    }
}
