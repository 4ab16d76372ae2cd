//! Header blocks: names and values, and their compression with the protocol's dictionary.
//!
//! One zlib stream runs through all blocks that go in one direction, so a block can only be read
//! after every block before it, and an error in one ends the session. A block grows to at most
//! [`MAX_BLOCK`] bytes, whatever its compressed form claims. Corresponds to the header parts of
//! spdystream's framer.

use bytes::{Buf, BufMut};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::dictionary::DICTIONARY;
use super::frame::FrameError;

/// The longest header block that is taken, decompressed. Kubernetes needs some hundred bytes.
pub(super) const MAX_BLOCK: usize = 64 * 1024;

/// The window of the compressor: enough for the dictionary, an eighth of the default's memory.
const WINDOW_BITS: u8 = 11;

/// The headers of a stream: names in lower case, in the order in which they were sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// Headers of the given names, which become lower case, and values.
    pub fn new<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self(
            pairs
                .into_iter()
                .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
                .collect(),
        )
    }

    /// The first value of the name, whose case does not matter.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(have, _)| have.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// All pairs; a name that has several values occurs several times.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// Compresses header blocks for one direction.
pub(super) struct Deflater {
    zlib: Compress,
    plain: Vec<u8>,
}

impl Deflater {
    pub(super) fn new() -> Self {
        let mut zlib = Compress::new_with_window_bits(Compression::default(), true, WINDOW_BITS);
        zlib.set_dictionary(&DICTIONARY)
            .expect("a fresh compressor takes a dictionary");
        Self {
            zlib,
            plain: Vec::new(),
        }
    }

    /// Appends the compressed form of `headers` to `out`.
    pub(super) fn block(&mut self, headers: &Headers, out: &mut Vec<u8>) {
        self.plain.clear();
        self.plain.put_u32(length(headers.0.len()));
        for (name, value) in headers.iter() {
            for text in [name, value] {
                self.plain.put_u32(length(text.len()));
                self.plain.put_slice(text.as_bytes());
            }
        }
        let mut rest = self.plain.as_slice();
        loop {
            out.reserve(rest.len() + 64);
            let before = self.zlib.total_in();
            self.zlib
                .compress_vec(rest, out, FlushCompress::Sync)
                .expect("zlib compresses any bytes");
            let consumed = self.zlib.total_in() - before;
            rest.advance(usize::try_from(consumed).expect("consumed no more than was given"));
            // Room left over means that the flush is complete.
            if rest.is_empty() && out.len() < out.capacity() {
                return;
            }
        }
    }
}

fn length(len: usize) -> u32 {
    u32::try_from(len).expect("headers are far shorter than 4 GiB")
}

/// Decompresses the header blocks of one direction.
pub(super) struct Inflater {
    zlib: Decompress,
}

impl Inflater {
    pub(super) fn new() -> Self {
        Self {
            zlib: Decompress::new(true),
        }
    }

    /// Reads one compressed block.
    pub(super) fn block(&mut self, compressed: &[u8]) -> Result<Headers, FrameError> {
        parse(&self.inflate(compressed)?)
    }

    fn inflate(&mut self, mut compressed: &[u8]) -> Result<Vec<u8>, FrameError> {
        let mut plain = Vec::with_capacity((compressed.len() * 4).clamp(256, MAX_BLOCK));
        loop {
            let (before_in, before_out) = (self.zlib.total_in(), plain.len());
            let result = self.zlib.decompress_vec(compressed, &mut plain, FlushDecompress::Sync);
            let consumed = self.zlib.total_in() - before_in;
            compressed.advance(usize::try_from(consumed).expect("consumed no more than was given"));
            match result {
                Ok(Status::StreamEnd) => return Err(FrameError::Compression),
                Ok(_) if compressed.is_empty() && plain.len() < plain.capacity() => return Ok(plain),
                Ok(_) => {
                    if plain.len() >= MAX_BLOCK {
                        return Err(FrameError::HeadersTooLarge);
                    }
                    if plain.len() < plain.capacity() && consumed == 0 && plain.len() == before_out {
                        return Err(FrameError::Compression);
                    }
                    plain.reserve(plain.len().clamp(256, MAX_BLOCK));
                }
                Err(error) => {
                    if error.needs_dictionary().is_none() {
                        return Err(FrameError::Compression);
                    }
                    self.zlib
                        .set_dictionary(&DICTIONARY)
                        .map_err(|_| FrameError::Compression)?;
                }
            }
        }
    }
}

/// Parses a decompressed block. Nothing is allocated by a length before the bytes are known to be there.
fn parse(mut block: &[u8]) -> Result<Headers, FrameError> {
    let count = take_u32(&mut block)?;
    let mut headers = Headers::default();
    for _ in 0..count {
        let name = take_text(&mut block)?;
        let value = take_text(&mut block)?;
        if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(FrameError::HeaderNameCase);
        }
        if headers.0.iter().any(|(have, _)| *have == name) {
            return Err(FrameError::DuplicateHeader);
        }
        for part in value.split('\0') {
            headers.0.push((name.clone(), part.to_owned()));
        }
    }
    if block.is_empty() {
        Ok(headers)
    } else {
        Err(FrameError::HeaderBlock)
    }
}

fn take_u32(block: &mut &[u8]) -> Result<u32, FrameError> {
    block.try_get_u32().map_err(|_| FrameError::HeaderBlock)
}

fn take_text(block: &mut &[u8]) -> Result<String, FrameError> {
    let length = usize::try_from(take_u32(block)?).map_err(|_| FrameError::HeaderBlock)?;
    let bytes = block.get(..length).ok_or(FrameError::HeaderBlock)?;
    *block = &block[length..];
    // Go keeps whatever bytes it gets; what is not UTF-8 cannot match any header we know.
    Ok(String::from_utf8_lossy(bytes).into_owned())
}
