//! Shuffle sharding: every flow has a hand of queues, and two flows seldom have the same
//! (upstream: `util/shufflesharding`).

use smallvec::SmallVec;

/// Deals hands of cards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dealer {
    deck: usize,
    hand: usize,
}

pub(crate) type Hand = SmallVec<[usize; 8]>;

impl Dealer {
    /// A hand is at least one card and at most the deck.
    pub(crate) fn new(deck: usize, hand: usize) -> Self {
        let deck = deck.max(1);
        Self {
            deck,
            hand: hand.clamp(1, deck),
        }
    }

    /// The distinct cards for a hash: each is drawn from those that are left.
    pub(crate) fn deal(self, mut hash: u64) -> Hand {
        let mut hand = Hand::new();
        let mut left = Hand::new();
        for drawn in 0..self.hand {
            let remaining = (self.deck - drawn) as u64;
            let draw = (hash % remaining) as usize;
            hash /= remaining;
            left.push(draw);
        }
        // A draw counts among the cards that are left; earlier draws shift it.
        for index in 0..self.hand {
            let mut card = left[index];
            for earlier in (0..index).rev() {
                if card >= left[earlier] {
                    card += 1;
                }
            }
            hand.push(card);
        }
        hand
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::Dealer;

    #[test]
    fn hands_are_distinct_cards_and_cover_the_deck() {
        let dealer = Dealer::new(128, 6);
        let mut seen = HashSet::new();
        for seed in 0..5000_u64 {
            let hand = dealer.deal(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let distinct: HashSet<usize> = hand.iter().copied().collect();
            assert_eq!(distinct.len(), 6);
            assert!(hand.iter().all(|card| *card < 128));
            seen.extend(distinct);
        }
        assert_eq!(seen.len(), 128);
        assert_eq!(Dealer::new(1, 4).deal(77).as_slice(), [0]);
    }
}
