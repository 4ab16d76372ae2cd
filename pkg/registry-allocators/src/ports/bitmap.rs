//! A set of ports of a range, as bits.

use component_base::flags::PortRange;

/// Which ports of a range are taken. The lower part of the range is left to those who ask for a certain port, until the
/// upper part is full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bitmap {
    range: PortRange,
    words: Vec<u64>,
}

impl Bitmap {
    /// Nothing taken of the range.
    pub(crate) fn new(range: PortRange) -> Self {
        let words = usize::try_from(range.size().div_ceil(64)).unwrap_or_default();
        Self {
            range,
            words: vec![0; words],
        }
    }

    /// The range.
    pub(crate) fn range(&self) -> PortRange {
        self.range
    }

    /// From the bytes of a big-endian number whose bit N is the range's port N. Bits behind the range are dropped.
    pub(crate) fn from_bytes(range: PortRange, bytes: &[u8]) -> Self {
        let mut bitmap = Self::new(range);
        for (position, byte) in bytes.iter().rev().enumerate() {
            if let Some(word) = bitmap.words.get_mut(position / 8) {
                *word |= u64::from(*byte) << (8 * (position % 8));
            }
        }
        if let (Some(word), rest @ 1..) = (bitmap.words.last_mut(), range.size() % 64) {
            *word &= (1 << rest) - 1;
        }
        bitmap
    }

    /// The inverse of [`Bitmap::from_bytes`], without leading zeros.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let bytes = self.words.iter().rev().flat_map(|word| word.to_be_bytes());
        bytes.skip_while(|byte| *byte == 0).collect()
    }

    fn offset(&self, port: u16) -> Option<usize> {
        self.range
            .contains(port)
            .then(|| usize::from(port) - usize::from(self.range.first))
    }

    /// Whether a port is taken.
    pub(crate) fn has(&self, port: u16) -> bool {
        self.offset(port)
            .is_some_and(|offset| self.words[offset / 64] >> (offset % 64) & 1 == 1)
    }

    /// Takes a port of the range; whether it was free.
    pub(crate) fn insert(&mut self, port: u16) -> bool {
        let Some(offset) = self.offset(port) else { return false };
        let free = !self.has(port);
        self.words[offset / 64] |= 1 << (offset % 64);
        free
    }

    /// Frees a port.
    pub(crate) fn remove(&mut self, port: u16) {
        if let Some(offset) = self.offset(port) {
            self.words[offset / 64] &= !(1 << (offset % 64));
        }
    }

    /// The ports that are taken.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        (self.range.first..=self.range.last).filter(|port| self.has(*port))
    }

    /// Takes a free port: of the upper part from a random one on, else of the lower part.
    pub(crate) fn insert_next(&mut self, mut random: impl FnMut(u32) -> u32) -> Option<u16> {
        let (size, reserved) = (self.range.size(), reserved(self.range.size()));
        let port = self
            .free(reserved, size - reserved, &mut random)
            .or_else(|| self.free(0, reserved, &mut random))?;
        self.insert(port);
        Some(port)
    }

    /// A free one of the `count` ports behind the first `skip`.
    fn free(&self, skip: u32, count: u32, random: &mut impl FnMut(u32) -> u32) -> Option<u16> {
        let start = if count == 0 { 0 } else { random(count) };
        (0..count)
            .filter_map(|step| {
                let offset = skip + (start + step) % count;
                u16::try_from(u32::from(self.range.first) + offset).ok()
            })
            .find(|port| !self.has(*port))
    }
}

/// The lower part: a 32nd of the range, but at least 16 and at most 128 ports; none in the smallest ranges.
fn reserved(size: u32) -> u32 {
    if size <= 16 { 0 } else { (size / 32).clamp(16, 128) }
}
