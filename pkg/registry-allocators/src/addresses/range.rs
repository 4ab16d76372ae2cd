//! One range of addresses: which of them are handed out, and in which order they are tried.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// A range that cannot serve Services.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    /// Longer IPv6 prefixes only: the number of addresses must fit 64 bits.
    #[error("shortest allowed prefix length for service CIDR is 64, got {0}")]
    TooWide(u8),
}

/// The usable addresses of a CIDR in two bands: the lower one is left to those who ask for a certain address, until the
/// upper one is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressRange {
    cidr: IpNet,
    first: u128,
    last: u128,
    /// How many addresses the lower band has.
    reserved: u64,
}

impl AddressRange {
    /// The range of a CIDR. The network's own address is not used, nor is the broadcast address of IPv4.
    ///
    /// # Errors
    /// An IPv6 prefix shorter than 64.
    pub fn new(cidr: IpNet) -> Result<Self, RangeError> {
        if matches!(cidr, IpNet::V6(_)) && cidr.prefix_len() < 64 {
            return Err(RangeError::TooWide(cidr.prefix_len()));
        }
        let broadcast = u128::from(matches!(cidr, IpNet::V4(_)));
        Ok(Self {
            cidr: cidr.trunc(),
            first: number(cidr.network()) + 1,
            last: number(cidr.broadcast()).saturating_sub(broadcast),
            reserved: reserved(cidr),
        })
    }

    /// The CIDR.
    #[must_use]
    pub fn cidr(&self) -> IpNet {
        self.cidr
    }

    /// How many addresses can be handed out.
    #[must_use]
    pub fn size(&self) -> u64 {
        let size = (self.last + 1).saturating_sub(self.first);
        u64::try_from(size).unwrap_or(u64::MAX)
    }

    /// Whether an address can be handed out of this range.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.cidr.contains(&address) && (self.first..=self.last).contains(&number(address))
    }

    /// The first address, which is that of the `kubernetes` Service.
    ///
    /// `None` for a range that has none.
    #[must_use]
    pub fn first(&self) -> Option<IpAddr> {
        (self.first <= self.last).then(|| self.address(self.first))
    }

    /// Every address once, in the order in which they are tried: the upper band from the `seed`th address on (round and
    /// round), then the lower one likewise.
    pub fn candidates(&self, seed: u64) -> impl Iterator<Item = IpAddr> + use<'_> {
        let reserved = self.reserved.min(self.size());
        let upper = self.band(reserved, self.size() - reserved, seed);
        upper.chain(self.band(0, reserved, seed))
    }

    /// The `count` addresses behind the first `skip`.
    fn band(&self, skip: u64, count: u64, seed: u64) -> impl Iterator<Item = IpAddr> + use<'_> {
        let first = self.first + u128::from(skip);
        (0..count).map(move |step| {
            let offset = (u128::from(seed) + u128::from(step)) % u128::from(count);
            self.address(first + offset)
        })
    }

    fn address(&self, number: u128) -> IpAddr {
        match self.cidr {
            IpNet::V4(_) => Ipv4Addr::from(u32::try_from(number).expect("IPv4 ranges lie below 2^32")).into(),
            IpNet::V6(_) => Ipv6Addr::from(number).into(),
        }
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u32::from(address).into(),
        IpAddr::V6(address) => address.into(),
    }
}

/// The lower band: a sixteenth of the range, but at least 16 and at most 256 addresses; none in the smallest ranges.
fn reserved(cidr: IpNet) -> u64 {
    let bits = u32::from(cidr.max_prefix_len() - cidr.prefix_len());
    let total = 1_u64.checked_shl(bits).unwrap_or(u64::MAX);
    if total <= 16 { 0 } else { (total / 16).clamp(16, 256) }
}
