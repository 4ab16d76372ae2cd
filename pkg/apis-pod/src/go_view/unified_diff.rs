//! A unified diff of two texts, as errors about immutable fields carry it.
//!
//! The matching is Ratcliff and Obershelp's with the junk heuristics of Python's `difflib`, which
//! upstream's errors are made with, so that the same lines come out as context. Upstream counterpart:
//! `k8s.io/apimachinery/pkg/util/diff`.

use std::{collections::HashMap, fmt::Write, ops::Range};

const CONTEXT: usize = 3;

/// Lists of this length or more have their frequent lines left out of the search for matches.
const POPULAR_FROM: usize = 200;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Match {
    old: usize,
    new: usize,
    size: usize,
}

struct Matcher<'a> {
    old: Vec<&'a str>,
    new: Vec<&'a str>,
    /// Where each line stands in `new`; lines that stand too often are left out.
    positions: HashMap<&'a str, Vec<usize>>,
}

impl<'a> Matcher<'a> {
    fn new(old: Vec<&'a str>, new: Vec<&'a str>) -> Self {
        let mut positions: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, line) in new.iter().enumerate() {
            positions.entry(line).or_default().push(index);
        }
        if new.len() >= POPULAR_FROM {
            let most = new.len() / 100 + 1;
            positions.retain(|_, at| at.len() <= most);
        }
        Self { old, new, positions }
    }

    /// The longest run of equal lines, of equal ones the first in both texts.
    fn longest(&self, old: Range<usize>, new: Range<usize>) -> Match {
        let mut best = Match {
            old: old.start,
            new: new.start,
            size: 0,
        };
        let mut lengths: HashMap<usize, usize> = HashMap::new();
        for i in old.clone() {
            let mut next = HashMap::new();
            let at = self.positions.get(self.old[i]).map_or(&[][..], Vec::as_slice);
            for &j in at.iter().skip_while(|j| **j < new.start).take_while(|j| **j < new.end) {
                let before = j.checked_sub(1).and_then(|j| lengths.get(&j)).copied().unwrap_or(0);
                let size = before + 1;
                next.insert(j, size);
                if size > best.size {
                    best = Match {
                        old: i + 1 - size,
                        new: j + 1 - size,
                        size,
                    };
                }
            }
            lengths = next;
        }
        // Lines that were left out of the search still lengthen a match.
        while best.old > old.start && best.new > new.start && self.old[best.old - 1] == self.new[best.new - 1] {
            best.old -= 1;
            best.new -= 1;
            best.size += 1;
        }
        while best.old + best.size < old.end
            && best.new + best.size < new.end
            && self.old[best.old + best.size] == self.new[best.new + best.size]
        {
            best.size += 1;
        }
        best
    }

    /// All matches in order, adjacent ones joined, with an empty one at the end.
    fn matches(&self) -> Vec<Match> {
        let mut found = Vec::new();
        let mut pending = vec![(0..self.old.len(), 0..self.new.len())];
        while let Some((old, new)) = pending.pop() {
            let longest = self.longest(old.clone(), new.clone());
            if longest.size == 0 {
                continue;
            }
            found.push(longest);
            pending.push((old.start..longest.old, new.start..longest.new));
            pending.push((longest.old + longest.size..old.end, longest.new + longest.size..new.end));
        }
        found.sort_unstable_by_key(|m| (m.old, m.new));
        let mut joined: Vec<Match> = Vec::new();
        for next in found {
            match joined.last_mut() {
                Some(last) if last.old + last.size == next.old && last.new + last.size == next.new => {
                    last.size += next.size;
                }
                _ => joined.push(next),
            }
        }
        joined.push(Match {
            old: self.old.len(),
            new: self.new.len(),
            size: 0,
        });
        joined
    }
}

/// A stretch of both texts.
#[derive(Clone, Debug)]
struct Block {
    equal: bool,
    old: Range<usize>,
    new: Range<usize>,
}

fn blocks(matches: &[Match]) -> Vec<Block> {
    let (mut old, mut new) = (0, 0);
    let mut blocks = Vec::new();
    for found in matches {
        if old < found.old || new < found.new {
            blocks.push(Block {
                equal: false,
                old: old..found.old,
                new: new..found.new,
            });
        }
        old = found.old + found.size;
        new = found.new + found.size;
        if found.size > 0 {
            blocks.push(Block {
                equal: true,
                old: found.old..old,
                new: found.new..new,
            });
        }
    }
    blocks
}

/// Changes with up to three equal lines around them.
fn hunks(mut blocks: Vec<Block>) -> Vec<Vec<Block>> {
    if let Some(first) = blocks.first_mut().filter(|block| block.equal) {
        first.old.start = first.old.start.max(first.old.end.saturating_sub(CONTEXT));
        first.new.start = first.new.start.max(first.new.end.saturating_sub(CONTEXT));
    }
    if let Some(last) = blocks.last_mut().filter(|block| block.equal) {
        last.old.end = last.old.end.min(last.old.start + CONTEXT);
        last.new.end = last.new.end.min(last.new.start + CONTEXT);
    }
    let mut hunks = Vec::new();
    let mut hunk = Vec::new();
    for mut block in blocks {
        if block.equal && block.old.len() > 2 * CONTEXT {
            let mut head = block.clone();
            head.old.end = head.old.start + CONTEXT;
            head.new.end = head.new.start + CONTEXT;
            hunk.push(head);
            hunks.push(std::mem::take(&mut hunk));
            block.old.start = block.old.end - CONTEXT;
            block.new.start = block.new.end - CONTEXT;
        }
        hunk.push(block);
    }
    if hunk.iter().any(|block| !block.equal) {
        hunks.push(hunk);
    }
    hunks
}

/// `start,length` as diffs count lines.
fn range(lines: &Range<usize>) -> String {
    match lines.len() {
        1 => (lines.start + 1).to_string(),
        0 => format!("{},0", lines.start),
        length => format!("{},{length}", lines.start + 1),
    }
}

/// The lines of `old` and `new` that differ, three lines of context around them. Empty if none do.
#[must_use]
pub fn unified_diff(old: &str, new: &str) -> String {
    let matcher = Matcher::new(old.split('\n').collect(), new.split('\n').collect());
    let mut out = String::new();
    for hunk in hunks(blocks(&matcher.matches())) {
        let (Some(first), Some(last)) = (hunk.first(), hunk.last()) else {
            continue;
        };
        let old_range = range(&(first.old.start..last.old.end));
        let new_range = range(&(first.new.start..last.new.end));
        writeln!(out, "@@ -{old_range} +{new_range} @@").expect("a String takes any text");
        for block in &hunk {
            let marks = if block.equal { [' ', ' '] } else { ['-', '+'] };
            let gone = matcher.old[block.old.clone()].iter().map(|line| (marks[0], line));
            let come = matcher.new[block.new.clone()].iter().map(|line| (marks[1], line));
            for (mark, line) in gone.chain(come.filter(|_| !block.equal)) {
                writeln!(out, "{mark}{line}").expect("a String takes any text");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::unified_diff;

    #[test]
    fn equal_texts_do_not_differ() {
        assert_eq!(unified_diff("a\nb", "a\nb"), "");
    }

    #[test]
    fn one_hunk_with_context() {
        assert_eq!(
            unified_diff("1\n2\n3\n4\n5\n6\n7\n8", "1\n2\n3\n4\nfive\n6\n7\n8"),
            "@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n"
        );
    }

    #[test]
    fn distant_changes_are_hunks_of_their_own() {
        let old: Vec<_> = (0..20).map(|n| n.to_string()).collect();
        let mut new = old.clone();
        new[1] = "x".into();
        new.remove(18);
        assert_eq!(
            unified_diff(&old.join("\n"), &new.join("\n")),
            "@@ -1,5 +1,5 @@\n 0\n-1\n+x\n 2\n 3\n 4\n@@ -16,5 +16,4 @@\n 15\n 16\n 17\n-18\n 19\n"
        );
    }

    #[test]
    fn insertion_counts_from_the_line_before() {
        assert_eq!(unified_diff("a", "a\nb"), "@@ -1 +1,2 @@\n a\n+b\n");
    }
}
