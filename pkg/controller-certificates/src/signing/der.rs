//! DER, as much as a certificate needs.

pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
const BOOLEAN: u8 = 0x01;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

use k8s_api::primitives::Time;

/// A value with its tag and length.
pub(super) fn value(tag: u8, contents: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let length = contents.len();
    if length < 0x80 {
        out.push(u8::try_from(length).expect("it is below 128"));
    } else {
        let bytes = length.to_be_bytes();
        let significant = &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..];
        out.push(0x80 | u8::try_from(significant.len()).expect("a length has at most eight bytes"));
        out.extend_from_slice(significant);
    }
    out.extend_from_slice(contents);
    out
}

/// Several values as one.
pub(super) fn sequence<'v>(parts: impl IntoIterator<Item = &'v [u8]>) -> Vec<u8> {
    let parts: Vec<&[u8]> = parts.into_iter().collect();
    value(SEQUENCE, &parts.concat())
}

/// An integer that is not negative, from its bytes.
pub(super) fn unsigned(bytes: &[u8]) -> Vec<u8> {
    let mut contents = bytes[bytes.iter().take_while(|byte| **byte == 0).count()..].to_vec();
    if contents.first().is_none_or(|first| first & 0x80 != 0) {
        contents.insert(0, 0);
    }
    value(INTEGER, &contents)
}

/// The bit string of named bits, bit 0 first, without those behind the last that is set.
pub(super) fn named_bits(bits: u16) -> Vec<u8> {
    let reversed = bits.reverse_bits();
    let count = 16 - reversed.trailing_zeros();
    let bytes = reversed.to_be_bytes();
    let used = usize::try_from(count.div_ceil(8)).expect("there are two bytes");
    let unused = u8::try_from(used).expect("there are two bytes") * 8 - u8::try_from(count).expect("there are 16 bits");
    let mut contents = vec![unused];
    contents.extend_from_slice(&bytes[..used]);
    value(BIT_STRING, &contents)
}

/// A bit string of whole bytes.
pub(super) fn bit_string(bytes: &[u8]) -> Vec<u8> {
    value(BIT_STRING, &[&[0], bytes].concat())
}

/// A moment: with two digits of the year until 2049, then with four.
pub(super) fn time(time: Time) -> Vec<u8> {
    let digits: String = time.to_string().chars().filter(char::is_ascii_digit).collect();
    if ("1950".."2050").contains(&&digits[..4]) {
        value(UTC_TIME, format!("{}Z", &digits[2..]).as_bytes())
    } else {
        value(GENERALIZED_TIME, format!("{digits}Z").as_bytes())
    }
}

/// An extension of a certificate; `oid` is the last byte of 2.5.29.x.
pub(super) fn extension(oid: u8, critical: bool, contents: &[u8]) -> Vec<u8> {
    let oid = value(OBJECT_IDENTIFIER, &[0x55, 0x1d, oid]);
    let critical = if critical { value(BOOLEAN, &[0xff]) } else { Vec::new() };
    sequence([&oid[..], &critical, &value(OCTET_STRING, contents)])
}
