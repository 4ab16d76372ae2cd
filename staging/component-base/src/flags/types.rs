//! Lists, maps and the other compound values that upstream's flags take.
//!
//! Every list and map drops its default at the first use of its flag and grows from then on.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::{Deref, DerefMut};

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::value::{FlagValue, parse_bool, parse_signed, parse_unsigned};

/// One record of comma-separated values, where `"` quotes a field and `""` stands for itself inside one.
fn split_csv(text: &str) -> Result<Vec<String>, String> {
    let mut fields = Vec::new();
    let mut rest = text;
    loop {
        let (field, tail) = match rest.strip_prefix('"') {
            Some(quoted) => take_quoted(quoted)?,
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                let (field, tail) = rest.split_at(end);
                if field.contains('"') {
                    return Err(format!(
                        "parse error on line 1, column {}: bare \" in non-quoted field",
                        1 + text.len() - rest.len()
                    ));
                }
                (field.to_owned(), tail)
            }
        };
        fields.push(field);
        match tail.strip_prefix(',') {
            Some(next) => rest = next,
            None => return Ok(fields),
        }
    }
}

/// The content of a quoted field and what follows its closing quote.
fn take_quoted(text: &str) -> Result<(String, &str), String> {
    let mut field = String::new();
    let mut rest = text;
    while let Some(end) = rest.find('"') {
        field.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(next) => {
                field.push('"');
                rest = next;
            }
            None if rest.is_empty() || rest.starts_with(',') => return Ok((field, rest)),
            None => break,
        }
    }
    Err("parse error on line 1: extraneous or missing \" in quoted-field".to_owned())
}

/// A comma-separated list; the flag may also be repeated.
impl FlagValue for Vec<String> {
    fn set(&mut self, text: &str, first: bool) -> Result<(), String> {
        let values = if text.is_empty() { Vec::new() } else { split_csv(text)? };
        if first {
            self.clear();
        }
        self.extend(values);
        Ok(())
    }

    fn to_text(&self) -> String {
        format!("[{}]", self.join(","))
    }

    fn type_name(&self) -> &'static str {
        "strings"
    }
}

impl FlagValue for Vec<i32> {
    fn set(&mut self, text: &str, first: bool) -> Result<(), String> {
        let mut values = Vec::new();
        for word in text.split(',') {
            let value = parse_signed(word, i64::from(i32::MIN), i64::from(i32::MAX))?;
            values.push(i32::try_from(value).map_err(|error| error.to_string())?);
        }
        if first {
            self.clear();
        }
        self.append(&mut values);
        Ok(())
    }

    fn to_text(&self) -> String {
        format!(
            "[{}]",
            self.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
        )
    }

    fn type_name(&self) -> &'static str {
        "int32Slice"
    }
}

/// Configuration files hold these maps as maps.
macro_rules! transparent {
    ($($name:ident($inner:ty);)*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.0.serialize(serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <$inner>::deserialize(deserializer).map(Self)
            }
        }
    )*};
}

transparent! {
    MapStringString(BTreeMap<String, String>);
    MapStringBool(BTreeMap<String, bool>);
    ColonMultimap(BTreeMap<String, Vec<String>>);
}

macro_rules! wrapper {
    ($($(#[$doc:meta])* $name:ident($inner:ty);)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct $name(pub $inner);

        impl Deref for $name {
            type Target = $inner;
            fn deref(&self) -> &$inner {
                &self.0
            }
        }

        impl DerefMut for $name {
            fn deref_mut(&mut self) -> &mut $inner {
                &mut self.0
            }
        }
    )*};
}

wrapper! {
    /// A list of which every use of the flag adds one element; commas are part of it.
    StringArray(Vec<String>);
    /// `key=value` pairs, comma-separated, spaces around key and value dropped.
    MapStringString(BTreeMap<String, String>);
    /// `key=true` pairs, comma-separated.
    MapStringBool(BTreeMap<String, bool>);
    /// `key=value` pairs as pflag's stringToString reads them: with one `=` the rest is one value, commas included.
    StringToString(BTreeMap<String, String>);
    /// `component:value` pairs, comma-separated; a value without component belongs to the empty one.
    ColonMultimap(BTreeMap<String, Vec<String>>);
    /// Certificates for SNI, one a use of the flag.
    NamedCertKeys(Vec<NamedCertKey>);
    /// Networks, comma-separated.
    CidrList(Vec<IpNet>);
}

impl FlagValue for StringArray {
    fn set(&mut self, text: &str, first: bool) -> Result<(), String> {
        if first {
            self.clear();
        }
        self.push(text.to_owned());
        Ok(())
    }

    fn to_text(&self) -> String {
        format!("[{}]", self.join(","))
    }

    fn type_name(&self) -> &'static str {
        "stringArray"
    }
}

/// The trimmed key and value of every non-empty `key=value` between commas.
fn pairs<'t>(text: &'t str, malformed: &'static str) -> impl Iterator<Item = Result<(&'t str, &'t str), String>> {
    text.split(',').filter(|pair| !pair.is_empty()).map(move |pair| {
        let (key, value) = pair.split_once('=').ok_or_else(|| malformed.to_owned())?;
        Ok((key.trim(), value.trim()))
    })
}

fn join_pairs<V: ToString>(map: &BTreeMap<String, V>) -> String {
    map.iter()
        .map(|(key, value)| format!("{key}={}", value.to_string()))
        .collect::<Vec<_>>()
        .join(",")
}

impl FlagValue for MapStringString {
    fn set(&mut self, text: &str, first: bool) -> Result<(), String> {
        if first {
            self.clear();
        }
        for pair in pairs(text, "malformed pair, expect string=string") {
            let (key, value) = pair?;
            self.insert(key.to_owned(), value.to_owned());
        }
        Ok(())
    }

    fn to_text(&self) -> String {
        join_pairs(self)
    }

    fn type_name(&self) -> &'static str {
        "mapStringString"
    }
}

impl FlagValue for MapStringBool {
    fn set(&mut self, text: &str, first: bool) -> Result<(), String> {
        if first {
            self.clear();
        }
        for pair in pairs(text, "malformed pair, expect string=bool") {
            let (key, value) = pair?;
            let on = parse_bool(value).map_err(|error| format!("invalid value of {key}: {value}, err: {error}"))?;
            self.insert(key.to_owned(), on);
        }
        Ok(())
    }

    fn to_text(&self) -> String {
        join_pairs(self)
    }

    fn type_name(&self) -> &'static str {
        "mapStringBool"
    }
}

impl FlagValue for StringToString {
    fn set(&mut self, text: &str, first: bool) -> Result<(), String> {
        let words = match text.matches('=').count() {
            0 => return Err(format!("{text} must be formatted as key=value")),
            1 => vec![text.trim_matches('"').to_owned()],
            _ => split_csv(text)?,
        };
        let mut map = BTreeMap::new();
        for word in words {
            let (key, value) = word
                .split_once('=')
                .ok_or_else(|| format!("{word} must be formatted as key=value"))?;
            map.insert(key.to_owned(), value.to_owned());
        }
        if first {
            self.clear();
        }
        self.extend(map);
        Ok(())
    }

    fn to_text(&self) -> String {
        format!("[{}]", join_pairs(self))
    }

    fn type_name(&self) -> &'static str {
        "stringToString"
    }
}

impl FlagValue for ColonMultimap {
    fn set(&mut self, text: &str, first: bool) -> Result<(), String> {
        if first {
            self.clear();
        }
        for pair in text.split(',').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once(':').unwrap_or(("", pair));
            self.entry(key.trim().to_owned())
                .or_default()
                .push(value.trim().to_owned());
        }
        Ok(())
    }

    fn to_text(&self) -> String {
        let pair = |(key, values): (&String, &Vec<String>)| {
            values
                .iter()
                .map(|value| format!("{key}:{value}"))
                .collect::<Vec<_>>()
                .join(",")
        };
        self.iter().map(pair).collect::<Vec<_>>().join(",")
    }

    fn type_name(&self) -> &'static str {
        "colonSeparatedMultimapStringString"
    }
}

/// A certificate, its key, and the names for which it is served instead of the default one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamedCertKey {
    /// Host names, possibly with a leading wildcard; empty means the certificate's own.
    pub names: Vec<String>,
    /// PEM file of the certificate chain.
    pub cert_file: String,
    /// PEM file of the private key.
    pub key_file: String,
}

impl NamedCertKey {
    fn parse(text: &str) -> Result<Self, String> {
        let (files, names) = match text.split_once(':') {
            Some((_, names)) if names.trim().is_empty() => return Err("empty names list is not allowed".to_owned()),
            Some((files, names)) => (files, names.split(',').map(|name| name.trim().to_owned()).collect()),
            None => (text, Vec::new()),
        };
        match files.split(',').map(str::trim).collect::<Vec<_>>()[..] {
            [cert, key] => Ok(Self {
                names,
                cert_file: cert.to_owned(),
                key_file: key.to_owned(),
            }),
            _ => Err("expected comma separated certificate and key file paths".to_owned()),
        }
    }
}

impl FlagValue for NamedCertKeys {
    fn set(&mut self, text: &str, first: bool) -> Result<(), String> {
        let parsed = NamedCertKey::parse(text)?;
        if first {
            self.clear();
        }
        self.push(parsed);
        Ok(())
    }

    fn to_text(&self) -> String {
        let one = |entry: &NamedCertKey| {
            let names = if entry.names.is_empty() {
                String::new()
            } else {
                format!(":{}", entry.names.join(","))
            };
            format!("{},{}{names}", entry.cert_file, entry.key_file)
        };
        format!("[{}]", self.iter().map(one).collect::<Vec<_>>().join(";"))
    }

    fn type_name(&self) -> &'static str {
        "namedCertKey"
    }
}

impl FlagValue for CidrList {
    fn set(&mut self, text: &str, _first: bool) -> Result<(), String> {
        self.0 = text
            .split(',')
            .map(str::trim)
            .filter(|word| !word.is_empty())
            .map(|word| word.parse().map_err(|_| format!("invalid CIDR address: {word}")))
            .collect::<Result<_, _>>()?;
        Ok(())
    }

    fn to_text(&self) -> String {
        self.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
    }

    fn type_name(&self) -> &'static str {
        "string"
    }
}

/// A size in bytes, written as a resource quantity: `512`, `1k`, `2Ki`, `1.5Mi`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByteQuantity(pub u64);

impl FlagValue for ByteQuantity {
    fn set(&mut self, text: &str, _first: bool) -> Result<(), String> {
        const SUFFIXES: [(&str, u64); 13] = [
            ("", 1),
            ("k", 1000),
            ("M", 1000_u64.pow(2)),
            ("G", 1000_u64.pow(3)),
            ("T", 1000_u64.pow(4)),
            ("P", 1000_u64.pow(5)),
            ("E", 1000_u64.pow(6)),
            ("Ki", 1 << 10),
            ("Mi", 1 << 20),
            ("Gi", 1 << 30),
            ("Ti", 1 << 40),
            ("Pi", 1 << 50),
            ("Ei", 1 << 60),
        ];
        let invalid =
            || "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'".to_owned();
        let end = text
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(text.len());
        let (number, suffix) = text.split_at(end);
        let unit = SUFFIXES.iter().find(|(name, _)| *name == suffix).ok_or_else(invalid)?.1;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') || fraction.len() > 18 {
            return Err(invalid());
        }
        let digits: u128 = format!("{whole}{fraction}").parse().map_err(|_| invalid())?;
        let scale = 10_u128.pow(u32::try_from(fraction.len()).map_err(|_| invalid())?);
        let bytes = digits
            .checked_mul(u128::from(unit))
            .ok_or_else(invalid)?
            .div_ceil(scale);
        self.0 = u64::try_from(bytes).map_err(|_| invalid())?;
        Ok(())
    }

    fn to_text(&self) -> String {
        self.0.to_string()
    }

    fn type_name(&self) -> &'static str {
        "quantity"
    }
}

/// Ports from `first` to `last`, both included; `size() == 0` when unset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortRange {
    /// The lowest port.
    pub first: u16,
    /// The highest port.
    pub last: u16,
}

impl PortRange {
    /// How many ports the range holds.
    #[must_use]
    pub fn size(&self) -> u32 {
        if self.first == 0 && self.last == 0 {
            0
        } else {
            u32::from(self.last) - u32::from(self.first) + 1
        }
    }

    /// Whether the port lies in the range.
    #[must_use]
    pub fn contains(&self, port: u16) -> bool {
        self.size() > 0 && (self.first..=self.last).contains(&port)
    }
}

impl FlagValue for PortRange {
    fn set(&mut self, text: &str, _first: bool) -> Result<(), String> {
        let text = text.trim();
        if text.is_empty() {
            *self = Self::default();
            return Ok(());
        }
        let port = |word: &str| {
            word.trim()
                .parse::<u32>()
                .map_err(|_| format!("unable to parse port {word:?} of range {text:?}"))
        };
        let (first, last) = if let Some((first, last)) = text.split_once('-') {
            (port(first)?, port(last)?)
        } else if let Some((first, count)) = text.split_once('+') {
            (port(first)?, port(first)?.saturating_add(port(count)?))
        } else {
            (port(text)?, port(text)?)
        };
        if first > 65_535 || last > 65_535 {
            return Err(format!("the port range cannot be greater than 65535: {text}"));
        }
        if last < first {
            return Err(format!("end port cannot be less than start port: {text}"));
        }
        let narrow = |port: u32| u16::try_from(port).map_err(|error| error.to_string());
        *self = Self {
            first: narrow(first)?,
            last: narrow(last)?,
        };
        Ok(())
    }

    fn to_text(&self) -> String {
        if self.size() == 0 {
            String::new()
        } else {
            format!("{}-{}", self.first, self.last)
        }
    }

    fn type_name(&self) -> &'static str {
        "portRange"
    }
}

/// An address with a port; given as `ip` alone, the default's port stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpPort(pub SocketAddr);

impl Default for IpPort {
    fn default() -> Self {
        Self(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0))
    }
}

impl FlagValue for IpPort {
    fn set(&mut self, text: &str, _first: bool) -> Result<(), String> {
        if let Ok(ip) = text.parse::<IpAddr>() {
            self.0.set_ip(ip);
            return Ok(());
        }
        let (host, port) = text
            .rsplit_once(':')
            .ok_or_else(|| format!("{text:?} is not in `ip` or `ip:port` format"))?;
        let host = host
            .strip_prefix('[')
            .and_then(|inner| inner.strip_suffix(']'))
            .unwrap_or(host);
        let ip: IpAddr = host
            .parse()
            .map_err(|_| format!("{host:?} is not a valid IP address"))?;
        let port = parse_unsigned(port, u64::from(u16::MAX)).map_err(|_| format!("{port:?} is not a valid number"))?;
        self.0 = SocketAddr::new(ip, u16::try_from(port).map_err(|error| error.to_string())?);
        Ok(())
    }

    fn to_text(&self) -> String {
        self.0.to_string()
    }

    fn type_name(&self) -> &'static str {
        "ipport"
    }
}
