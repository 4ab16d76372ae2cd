//! [`Indexes`]: a set of completion indexes, as intervals; `1,3-5,7` in text.

use std::fmt;

/// A set of indexes as ordered intervals, both ends included, none touching the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Indexes(Vec<(usize, usize)>);

impl Indexes {
    /// Reads what a status says; what lies behind the last completion, or is no number, is left out.
    pub(super) fn parse(text: &str, completions: usize) -> Self {
        let mut indexes = Self::default();
        for interval in text.split(',').filter(|interval| !interval.is_empty()) {
            let (first, last) = interval.split_once('-').unwrap_or((interval, interval));
            let (Ok(first), Ok(last)) = (first.parse::<usize>(), last.parse::<usize>()) else {
                tracing::info!(interval, "Corrupted indexes interval, ignoring");
                continue;
            };
            if first >= completions {
                break;
            }
            indexes.push(first, last.min(completions - 1));
        }
        indexes
    }

    /// Appends an interval that does not begin before the last one.
    fn push(&mut self, first: usize, last: usize) {
        match self.0.last_mut() {
            Some((_, end)) if first <= *end + 1 => *end = last.max(*end),
            _ => self.0.push((first, last)),
        }
    }

    /// The indexes of both sets.
    pub(super) fn union(&self, other: &Self) -> Self {
        let mut all: Vec<_> = self.0.iter().chain(&other.0).copied().collect();
        all.sort_unstable();
        let mut union = Self::default();
        for (first, last) in all {
            union.push(first, last);
        }
        union
    }

    pub(super) fn total(&self) -> usize {
        self.0.iter().map(|(first, last)| last - first + 1).sum()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn has(&self, index: usize) -> bool {
        let place = self.0.partition_point(|(_, last)| *last < index);
        self.0.get(place).is_some_and(|(first, _)| *first <= index)
    }

    /// The first indexes below `completions` that are not in the set.
    pub(super) fn first_missing(&self, count: usize, completions: usize) -> Vec<usize> {
        let mut missing = Vec::new();
        let mut candidate = 0;
        let ends = self.0.iter().copied().chain([(completions, completions)]);
        for (first, last) in ends {
            while candidate < first.min(completions) && missing.len() < count {
                missing.push(candidate);
                candidate += 1;
            }
            candidate = candidate.max(last + 1);
        }
        missing
    }

    /// How many of these are in the other set as well.
    pub(super) fn common(&self, other: &Self) -> usize {
        let overlap = |a: &(usize, usize), b: &(usize, usize)| (a.1.min(b.1) + 1).saturating_sub(a.0.max(b.0));
        self.0
            .iter()
            .map(|a| other.0.iter().map(|b| overlap(a, b)).sum::<usize>())
            .sum()
    }
}

impl FromIterator<usize> for Indexes {
    fn from_iter<I: IntoIterator<Item = usize>>(indexes: I) -> Self {
        let mut all: Vec<_> = indexes.into_iter().collect();
        all.sort_unstable();
        let mut set = Self::default();
        for index in all {
            set.push(index, index);
        }
        set
    }
}

impl fmt::Display for Indexes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (first, last)) in self.0.iter().enumerate() {
            if place > 0 {
                formatter.write_str(",")?;
            }
            write!(formatter, "{first}")?;
            if last > first {
                let separator = if *last == first + 1 { ',' } else { '-' };
                write!(formatter, "{separator}{last}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Indexes;

    #[test]
    fn intervals_are_read_joined_and_written() {
        for (text, completions, expected, total) in [
            ("", 10, "", 0),
            ("0,2-4,7", 10, "0,2-4,7", 5),
            ("1,2,3", 10, "1-3", 3),
            ("1,2", 10, "1,2", 2),
            ("3-20", 10, "3-9", 7),
            ("x,4,12", 10, "4", 1),
        ] {
            let indexes = Indexes::parse(text, completions);
            assert_eq!(
                (indexes.to_string().as_str(), indexes.total()),
                (expected, total),
                "{text}"
            );
        }
        let joined = Indexes::parse("0,4-5", 10).union(&[1, 6, 9].into_iter().collect());
        assert_eq!(joined.to_string(), "0,1,4-6,9");
        assert!(joined.has(5) && joined.has(9) && !joined.has(2) && !joined.has(7));
        assert_eq!(joined.first_missing(4, 10), [2, 3, 7, 8]);
        assert_eq!(joined.first_missing(9, 12), [2, 3, 7, 8, 10, 11]);
        assert_eq!(joined.common(&Indexes::parse("1-5", 10)), 3);
    }
}
