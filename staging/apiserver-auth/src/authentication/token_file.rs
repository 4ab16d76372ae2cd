//! The file behind `--token-auth-file`: lines of `token,user,uid,"group1,group2"`
//! (upstream: `pkg/authentication/token/tokenfile`).

use std::{collections::HashMap, fs, path::Path, sync::Arc, time::SystemTime};

use async_trait::async_trait;
use component_base::logs::Redacted;

use super::{Outcome, Response, TokenAuthenticator, secret_eq};
use crate::user::UserInfo;

/// Why a token file is refused.
#[derive(Debug, thiserror::Error)]
pub enum TokenFileError {
    /// It cannot be read.
    #[error("open {path}: {source}")]
    Read {
        /// The file.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// A line has too few columns.
    #[error("token file '{path}' must have at least 3 columns (token, user name, user uid), found {found}")]
    Columns {
        /// The file.
        path: String,
        /// How many there are.
        found: usize,
    },
    /// The quotes of a line do not match.
    #[error("record on line {line}: {reason}")]
    Quotes {
        /// The line, from 1.
        line: usize,
        /// In the words of Go's CSV reader.
        reason: &'static str,
    },
}

/// A token, to be compared with the one that was given, and its user.
type Entry = (Redacted<Box<[u8]>>, Arc<Response>);

/// Fixed tokens and their users.
pub struct TokenFile {
    /// By a digest, so that neither look-up nor memory shows the token.
    users: HashMap<[u8; 32], Entry>,
}

fn digest(token: &[u8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, token).as_ref());
    bytes
}

const BARE_QUOTE: &str = "bare \" in non-quoted-field";
const EXTRA_QUOTE: &str = "extraneous or missing \" in quoted-field";

/// The next field from `rest`, which stands behind a comma or at a record's start, and whether the record ends with it.
fn field(rest: &mut &str, line: &mut usize) -> Result<(String, bool), TokenFileError> {
    let mut value = String::new();
    let Some(mut quoted) = rest.strip_prefix('"') else {
        let end = rest.find([',', '\n']).unwrap_or(rest.len());
        let (text, tail) = rest.split_at(end);
        let ends = !tail.starts_with(',');
        let text = if ends {
            text.strip_suffix('\r').unwrap_or(text)
        } else {
            text
        };
        if text.contains('"') {
            return Err(TokenFileError::Quotes {
                line: *line,
                reason: BARE_QUOTE,
            });
        }
        *line += usize::from(tail.starts_with('\n'));
        *rest = tail.get(1..).unwrap_or("");
        return Ok((text.to_owned(), ends));
    };
    loop {
        let wrong = TokenFileError::Quotes {
            line: *line,
            reason: EXTRA_QUOTE,
        };
        let Some(end) = quoted.find('"') else { return Err(wrong) };
        value.push_str(&quoted[..end]);
        *line += quoted[..end].matches('\n').count();
        quoted = &quoted[end + 1..];
        if let Some(tail) = quoted.strip_prefix('"') {
            value.push('"');
            quoted = tail;
        } else if let Some(tail) = quoted.strip_prefix(',') {
            *rest = tail;
            return Ok((value, false));
        } else {
            let tail = quoted.strip_prefix('\r').unwrap_or(quoted);
            if !tail.is_empty() && !tail.starts_with('\n') {
                return Err(wrong);
            }
            *line += usize::from(!tail.is_empty());
            *rest = tail.get(1..).unwrap_or("");
            return Ok((value, true));
        }
    }
}

/// Records as Go's CSV reader sees them: blank lines are passed over, the number of fields is free.
fn records(text: &str) -> Result<Vec<Vec<String>>, TokenFileError> {
    let mut records = Vec::new();
    let mut rest = text;
    let mut line = 1;
    while !rest.is_empty() {
        if let Some(tail) = rest.strip_prefix('\n').or_else(|| rest.strip_prefix("\r\n")) {
            rest = tail;
            line += 1;
            continue;
        }
        let mut record = Vec::new();
        loop {
            let (value, ends) = field(&mut rest, &mut line)?;
            record.push(value);
            if ends {
                break;
            }
        }
        records.push(record);
    }
    Ok(records)
}

impl TokenFile {
    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read, or a line is malformed.
    pub fn from_file(path: &Path) -> Result<Self, TokenFileError> {
        let name = path.display().to_string();
        let text = fs::read_to_string(path).map_err(|source| TokenFileError::Read {
            path: name.clone(),
            source,
        })?;
        Self::parse(&name, &text)
    }

    /// Reads the text of a file; `name` stands in messages.
    ///
    /// # Errors
    /// A line is malformed.
    pub fn parse(name: &str, text: &str) -> Result<Self, TokenFileError> {
        let mut users = HashMap::new();
        for (index, record) in records(text)?.into_iter().enumerate() {
            let number = index + 1;
            let [token, user, uid, ..] = record.as_slice() else {
                return Err(TokenFileError::Columns {
                    path: name.to_owned(),
                    found: record.len(),
                });
            };
            if token.is_empty() {
                tracing::warn!("empty token has been found in token file '{name}', record number '{number}'");
                continue;
            }
            let response = Response::of(UserInfo {
                name: user.clone(),
                uid: uid.clone(),
                groups: record
                    .get(3)
                    .map(|groups| groups.split(',').map(str::to_owned).collect())
                    .unwrap_or_default(),
                ..UserInfo::default()
            });
            let entry = (Redacted(token.as_bytes().into()), response);
            if users.insert(digest(token.as_bytes()), entry).is_some() {
                tracing::warn!("duplicate token has been found in token file '{name}', record number '{number}'");
            }
        }
        Ok(Self { users })
    }
}

#[async_trait]
impl TokenAuthenticator for TokenFile {
    async fn authenticate_token(&self, token: &str, _audiences: &[String], _now: SystemTime) -> Outcome {
        let Some((known, response)) = self.users.get(&digest(token.as_bytes())) else {
            return Ok(None);
        };
        Ok(secret_eq(&known.0, token.as_bytes()).then(|| response.clone()))
    }
}
