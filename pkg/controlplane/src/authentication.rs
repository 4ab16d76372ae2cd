//! Who makes a request: static tokens and client certificates.

use std::{collections::HashMap, path::Path};

use apiserver::{
    request::UserInfo,
    server::{Authenticator, BadCredentials},
};
use async_trait::async_trait;
use http::{header, request::Parts};

/// Users by token (`--token-auth-file`).
#[derive(Default)]
pub(crate) struct TokenFile(HashMap<String, UserInfo>);

impl std::fmt::Debug for TokenFile {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("TokenFile").field(&self.0.len()).finish()
    }
}

impl TokenFile {
    /// Reads `token,user,uid[,"group1,group2"]` lines.
    pub(crate) fn load(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("open {}: {error}", path.display()))?;
        let mut users = HashMap::new();
        for line in text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
        {
            let mut cells = line.splitn(4, ',').map(str::trim);
            let (Some(token), Some(name), Some(uid)) = (cells.next(), cells.next(), cells.next()) else {
                return Err(format!(
                    "token file {} must have at least 3 columns (token, user name, user uid)",
                    path.display()
                ));
            };
            let groups = cells.next().unwrap_or_default().trim_matches('"');
            let groups = groups
                .split(',')
                .map(str::trim)
                .filter(|group| !group.is_empty())
                .map(str::to_owned)
                .collect();
            let user = UserInfo {
                name: name.to_owned(),
                uid: uid.to_owned(),
                groups,
                ..UserInfo::default()
            };
            users.insert(token.to_owned(), user);
        }
        Ok(Self(users))
    }
}

#[async_trait]
impl Authenticator for TokenFile {
    async fn authenticate(&self, request: &Parts) -> Result<Option<UserInfo>, BadCredentials> {
        let Some(value) = request.headers.get(header::AUTHORIZATION) else {
            return Ok(None);
        };
        let text = value.to_str().unwrap_or_default();
        let Some((scheme, token)) = text.split_once(' ') else {
            return Ok(None);
        };
        if !scheme.eq_ignore_ascii_case("bearer") || token.trim().is_empty() {
            return Ok(None);
        }
        match self.0.get(token.trim()) {
            Some(user) => Ok(Some(user.clone())),
            None => Err(BadCredentials("invalid bearer token".to_owned())),
        }
    }
}
