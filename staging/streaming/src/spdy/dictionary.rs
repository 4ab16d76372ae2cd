//! The dictionary that primes SPDY/3 header compression: a constant of the protocol (draft 3, 2.6.10.1).
//!
//! It is a list of names, each behind its length as four big-endian bytes, followed by values that
//! are run together. Its Adler-32 sum, which the zlib stream names, is `0xe3c6a7c2`.

/// The names that the dictionary spells with a length before each.
const NAMES: [&str; 65] = [
    "options",
    "head",
    "post",
    "put",
    "delete",
    "trace",
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "accept-ranges",
    "age",
    "allow",
    "authorization",
    "cache-control",
    "connection",
    "content-base",
    "content-encoding",
    "content-language",
    "content-length",
    "content-location",
    "content-md5",
    "content-range",
    "content-type",
    "date",
    "etag",
    "expect",
    "expires",
    "from",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "last-modified",
    "location",
    "max-forwards",
    "pragma",
    "proxy-authenticate",
    "proxy-authorization",
    "range",
    "referer",
    "retry-after",
    "server",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "vary",
    "via",
    "warning",
    "www-authenticate",
    "method",
    "get",
    "status",
    "200 OK",
    "version",
    "HTTP/1.1",
    "url",
    "public",
    "set-cookie",
    "keep-alive",
    "origin",
];

/// The values at the dictionary's end, which have no lengths.
const VALUES: &str = concat!(
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 No",
    "n-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403",
    " Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service UnavailableJan Fe",
    "b Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunke",
    "d,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/",
    "javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.",
);

const LENGTH: usize = 1423;

/// The dictionary's bytes.
pub(super) static DICTIONARY: [u8; LENGTH] = build();

const fn build() -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    let mut at = 0;
    let mut name = 0;
    while name < NAMES.len() {
        let word = NAMES[name].as_bytes();
        // Every name is far shorter than 256 bytes, so three of its four length bytes are zero.
        bytes[at + 3] = word.len() as u8;
        at = append(&mut bytes, at + 4, word);
        name += 1;
    }
    at = append(&mut bytes, at, VALUES.as_bytes());
    assert!(at == LENGTH, "the dictionary's length is a constant of the protocol");
    bytes
}

const fn append(bytes: &mut [u8; LENGTH], at: usize, word: &[u8]) -> usize {
    let mut index = 0;
    while index < word.len() {
        bytes[at + index] = word[index];
        index += 1;
    }
    at + word.len()
}
