//! Secrets: the keys that their types demand, immutability, and a warning about key pairs that do
//! not fit.

#[cfg(test)]
mod tests;

use apimachinery::{
    field::{Error, ErrorList, Path},
    json, names,
};
use k8s_api::core::v1::Secret;
use serde_json::Value;

use crate::{
    core::config_map::{FROZEN, MAX_DATA_SIZE},
    go_value::named,
    meta::{self, NameRule},
    shared::IMMUTABLE,
};

const SERVICE_ACCOUNT_NAME: &str = "kubernetes.io/service-account.name";
const TYPE_TLS: &str = "kubernetes.io/tls";
const TLS_CERTIFICATE: &str = "tls.crt";
const TLS_PRIVATE_KEY: &str = "tls.key";

/// Sets the defaults of a secret, and moves `stringData` into `data`.
pub fn set_defaults(secret: &mut Secret) {
    if secret.type_.is_empty() {
        "Opaque".clone_into(&mut secret.type_);
    }
    for (key, text) in std::mem::take(&mut secret.string_data) {
        secret.data.insert(key, text.into_bytes().into());
    }
}

/// Checks a new secret.
#[must_use]
pub fn validate(secret: &Secret) -> ErrorList {
    let rule = NameRule::Dns1123Subdomain;
    let mut errors = meta::validate_object_meta(&secret.metadata, true, rule, &Path::new("metadata"));
    let data = Path::new("data");
    for key in secret.data.keys() {
        errors.invalid_each(&data.key(key), key, names::config_map_key(key));
    }
    if secret.data.values().map(|value| value.len()).sum::<usize>() > MAX_DATA_SIZE {
        errors.push(Error::too_long(&data, MAX_DATA_SIZE));
    }
    validate_by_type(secret, &data, &mut errors);
    errors
}

fn validate_by_type(secret: &Secret, data: &Path<'_>, errors: &mut ErrorList) {
    let has = |key: &str| secret.data.contains_key(key);
    let missing = |key: &str| Error::required(&data.key(key), "");
    match secret.type_.as_str() {
        "kubernetes.io/service-account-token" => {
            // The token and the account's UID come later, from a controller.
            let account = secret.metadata.annotations.get(SERVICE_ACCOUNT_NAME);
            if account.is_none_or(String::is_empty) {
                let annotations = Path::new("metadata.annotations");
                errors.push(Error::required(&annotations.key(SERVICE_ACCOUNT_NAME), ""));
            }
        }
        "kubernetes.io/dockercfg" => validate_json_object(secret, ".dockercfg", data, errors),
        "kubernetes.io/dockerconfigjson" => validate_json_object(secret, ".dockerconfigjson", data, errors),
        "kubernetes.io/basic-auth" if !has("username") && !has("password") => {
            errors.extend(["username", "password"].map(missing));
        }
        "kubernetes.io/ssh-auth" if secret.data.get("ssh-privatekey").is_none_or(|key| key.is_empty()) => {
            errors.push(missing("ssh-privatekey"));
        }
        TYPE_TLS => {
            let keys = [TLS_CERTIFICATE, TLS_PRIVATE_KEY];
            errors.extend(keys.into_iter().filter(|key| !has(key)).map(missing));
        }
        _ => {}
    }
}

fn validate_json_object(secret: &Secret, key: &str, data: &Path<'_>, errors: &mut ErrorList) {
    let path = data.key(key);
    let Some(text) = secret.data.get(key) else {
        return errors.push(Error::required(&path, ""));
    };
    let found = match json::parse(text) {
        Ok(Value::Object(_) | Value::Null) => return,
        Ok(Value::Array(_)) => "array",
        Ok(Value::String(_)) => "string",
        Ok(Value::Number(_)) => "number",
        Ok(Value::Bool(_)) => "bool",
        Err(error) => {
            return errors.push(Error::invalid(&path, "<secret contents redacted>", error.to_string()));
        }
    };
    let detail = format!("json: cannot unmarshal {found} into Go value of type map[string]interface {{}}");
    errors.push(Error::invalid(&path, "<secret contents redacted>", detail));
}

/// Checks an update of a secret.
#[must_use]
pub fn validate_update(secret: &Secret, old: &Secret) -> ErrorList {
    let mut errors = meta::validate_object_meta_update(&secret.metadata, &old.metadata, &Path::new("metadata"));
    if secret.type_ != old.type_ {
        errors.push(Error::invalid(&Path::new("type"), named(&secret.type_), IMMUTABLE));
    }
    if old.immutable == Some(true) {
        if secret.immutable != Some(true) {
            errors.push(Error::forbidden(&Path::new("immutable"), FROZEN));
        }
        if secret.data != old.data {
            errors.push(Error::forbidden(&Path::new("data"), FROZEN));
        }
    }
    errors.append(validate(secret));
    errors
}

/// Warnings about a secret that is created or updated.
#[must_use]
pub fn warnings(secret: &Secret) -> Vec<String> {
    if secret.type_ != TYPE_TLS {
        return Vec::new();
    }
    let bytes = |key| secret.data.get(key).map_or(&[][..], |value| value);
    let fault = key_pair::check(bytes(TLS_CERTIFICATE), bytes(TLS_PRIVATE_KEY)).err();
    fault.map(|fault| fault.to_string()).into_iter().collect()
}
