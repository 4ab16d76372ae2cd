//! [`CidrSet`]: a range cut into networks of one size, and which of them are taken.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;

/// An IPv6 range is cut into at most 2^16 networks: the map of them is not compressed.
const MOST_BITS: u8 = 16;

/// Why a network cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum CidrSetError {
    /// All are taken.
    #[error("CIDR allocation failed; there are no remaining CIDRs left to allocate in the accepted range")]
    NoneRemaining,
    /// There would be too many.
    #[error("New CIDR set failed; the node CIDR size is too big")]
    TooBig,
    /// It lies elsewhere.
    #[error("cidr {cidr} is out the range of cluster cidr {range}")]
    OutOfRange {
        /// The network.
        cidr: IpNet,
        /// The range.
        range: IpNet,
    },
}

/// A range cut into networks of one size.
#[derive(Clone, Debug)]
pub(super) struct CidrSet {
    range: IpNet,
    mask: u8,
    used: Vec<bool>,
    taken: usize,
    /// Where the search begins: freed networks are not given out again at once.
    next: usize,
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u32::from(address).into(),
        IpAddr::V6(address) => address.into(),
    }
}

impl CidrSet {
    /// Cuts `range` into networks with a prefix of `mask` bits, which is no shorter than the range's own.
    pub(super) fn new(range: IpNet, mask: u8) -> Result<Self, CidrSetError> {
        let range = range.trunc();
        let cut = mask.saturating_sub(range.prefix_len());
        if (matches!(range, IpNet::V6(_)) && cut > MOST_BITS) || mask > range.max_prefix_len() {
            return Err(CidrSetError::TooBig);
        }
        Ok(Self {
            range,
            mask,
            used: vec![false; 1 << cut],
            taken: 0,
            next: 0,
        })
    }

    /// The whole range.
    pub(super) fn range(&self) -> IpNet {
        self.range
    }

    /// How many networks are taken, and how many there are.
    #[expect(clippy::cast_precision_loss, reason = "there are far fewer than 2^53 networks")]
    pub(super) fn usage(&self) -> (f64, f64) {
        (self.taken as f64, self.used.len() as f64)
    }

    fn shift(&self) -> u32 {
        u32::from(self.range.max_prefix_len() - self.mask)
    }

    fn network(&self, index: usize) -> IpNet {
        let offset = u128::try_from(index)
            .expect("indices fit")
            .checked_shl(self.shift())
            .unwrap_or(0);
        let address = bits(self.range.network()) | offset;
        let address = match self.range {
            IpNet::V4(_) => IpAddr::V4(u32::try_from(address).expect("the range is one of IPv4").into()),
            IpNet::V6(_) => IpAddr::V6(Ipv6Addr::from(address)),
        };
        IpNet::new(address, self.mask).expect("the mask was checked")
    }

    /// Takes a free network. Tells also how many taken ones were passed by.
    pub(super) fn allocate_next(&mut self) -> Result<(IpNet, u32), CidrSetError> {
        let count = self.used.len();
        let free = (0..count).find(|tries| !self.used[(self.next + tries) % count]);
        let Some(tries) = free else {
            return Err(CidrSetError::NoneRemaining);
        };
        let index = (self.next + tries) % count;
        self.used[index] = true;
        self.taken += 1;
        self.next = (index + 1) % count;
        Ok((self.network(index), u32::try_from(tries).unwrap_or(u32::MAX)))
    }

    /// The networks that a network touches.
    fn touched(&self, cidr: IpNet) -> Result<std::ops::Range<usize>, CidrSetError> {
        let cidr = cidr.trunc();
        if self.range.contains(&cidr) {
            let index = |address: IpAddr| {
                let offset = bits(address) ^ bits(self.range.network());
                usize::try_from(offset.checked_shr(self.shift()).unwrap_or(0)).expect("the address lies in the range")
            };
            return Ok(index(cidr.network())..index(cidr.broadcast()) + 1);
        }
        if cidr.contains(&self.range) {
            return Ok(0..self.used.len());
        }
        Err(CidrSetError::OutOfRange {
            cidr,
            range: self.range,
        })
    }

    fn set(&mut self, cidr: IpNet, to: bool) -> Result<u32, CidrSetError> {
        let mut changed = 0;
        let touched = self.touched(cidr)?;
        for used in &mut self.used[touched] {
            if *used != to {
                *used = to;
                changed += 1;
            }
        }
        let count = usize::try_from(changed).expect("the set has no more networks");
        self.taken = if to { self.taken + count } else { self.taken - count };
        Ok(changed)
    }

    /// Takes every network that `cidr` touches, whoever has it. Tells how many were free.
    pub(super) fn occupy(&mut self, cidr: IpNet) -> Result<u32, CidrSetError> {
        self.set(cidr, true)
    }

    /// Frees every network that `cidr` touches. Tells how many were taken.
    pub(super) fn release(&mut self, cidr: IpNet) -> Result<u32, CidrSetError> {
        self.set(cidr, false)
    }
}
