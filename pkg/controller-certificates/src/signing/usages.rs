//! Key usages by the names that the API has for them.

use super::der;

/// Names of usages and their bits.
const USAGES: [(&str, u16); 10] = [
    ("signing", 0),
    ("digital signature", 0),
    ("content commitment", 1),
    ("key encipherment", 2),
    ("data encipherment", 3),
    ("key agreement", 4),
    ("cert sign", 5),
    ("crl sign", 6),
    ("encipher only", 7),
    ("decipher only", 8),
];

/// Names of extended usages and the contents of their object identifiers, in the order in which they are written.
const EXTENDED: [(&str, &[u8]); 13] = [
    ("any", &[0x55, 0x1d, 0x25, 0x00]),
    ("server auth", &[0x2b, 6, 1, 5, 5, 7, 3, 1]),
    ("client auth", &[0x2b, 6, 1, 5, 5, 7, 3, 2]),
    ("code signing", &[0x2b, 6, 1, 5, 5, 7, 3, 3]),
    ("email protection", &[0x2b, 6, 1, 5, 5, 7, 3, 4]),
    ("s/mime", &[0x2b, 6, 1, 5, 5, 7, 3, 4]),
    ("ipsec end system", &[0x2b, 6, 1, 5, 5, 7, 3, 5]),
    ("ipsec tunnel", &[0x2b, 6, 1, 5, 5, 7, 3, 6]),
    ("ipsec user", &[0x2b, 6, 1, 5, 5, 7, 3, 7]),
    ("timestamping", &[0x2b, 6, 1, 5, 5, 7, 3, 8]),
    ("ocsp signing", &[0x2b, 6, 1, 5, 5, 7, 3, 9]),
    ("microsoft sgc", &[0x2b, 6, 1, 4, 1, 0x82, 0x37, 0x0a, 3, 3]),
    ("netscape sgc", &[0x60, 0x86, 0x48, 1, 0x86, 0xf8, 0x42, 4, 1]),
];

/// Usages as they stand in a certificate.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Usages {
    /// The bits; empty for none.
    pub(super) key: Vec<u8>,
    /// Object identifiers.
    pub(super) extended: Vec<&'static [u8]>,
}

/// Reads usages. What nobody knows comes back as the error.
pub(super) fn read(names: &[String]) -> Result<Usages, Vec<String>> {
    let mut bits: u16 = 0;
    let mut unknown = Vec::new();
    for name in names {
        if let Some((_, bit)) = USAGES.iter().find(|(known, _)| known == name) {
            bits |= 1 << bit;
        } else if !EXTENDED.iter().any(|(known, _)| known == name) {
            unknown.push(name.clone());
        }
    }
    if !unknown.is_empty() {
        return Err(unknown);
    }
    let named = EXTENDED
        .iter()
        .filter(|(known, _)| names.iter().any(|name| name == known));
    let mut extended: Vec<_> = named.map(|(_, oid)| *oid).collect();
    extended.dedup();
    let key = if bits == 0 { Vec::new() } else { der::named_bits(bits) };
    Ok(Usages { key, extended })
}
