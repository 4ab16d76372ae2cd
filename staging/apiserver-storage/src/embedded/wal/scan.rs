//! Reading a file of the write-ahead log: its intact records, and whether what follows them is the end or damage.
//!
//! A record is written only after the one before it was synced. So what does not check is the end of the log, a record that was being
//! written when the process or the machine went down, unless an intact record of the same generation follows: then something that was
//! acknowledged is damaged, and the store does not open.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use bytes::Bytes;

use super::record::{ALIGNMENT, Commit, HEADER, Header, Place};
use crate::{Error, Result};

/// Read at a time while looking for records behind the end. A buffer for more would stay in the allocator for good.
const WINDOW: usize = 64 << 10;

/// The intact records of one generation.
pub(super) struct Scanned {
    pub(super) commits: Vec<Commit>,
    /// Where the last of them lies.
    pub(super) last: u64,
    /// Where the next record goes.
    pub(super) end: u64,
    /// Which record that is.
    pub(super) next: Place,
}

/// Reads the records of a file from the one that is expected first.
///
/// # Errors
/// [`Error::Corrupt`] if an intact record follows a damaged one, or if the file belongs to another store or a later time.
pub(super) fn scan(file: &File, path: &Path, first: Place) -> Result<Scanned> {
    let failed = |error| Error::io(format!("cannot read {}", path.display()))(error);
    let size = file.metadata().map_err(failed)?.len();
    let mut scanned = Scanned {
        commits: Vec::new(),
        last: 0,
        end: 0,
        next: first,
    };
    loop {
        let offset = scanned.end;
        match read(file, size, offset).map_err(failed)? {
            Some((place, payload)) if place == scanned.next => {
                let length = (HEADER + payload.len()).next_multiple_of(ALIGNMENT);
                let commit = Commit::decode(payload)
                    .map_err(|error| Error::Corrupt(format!("{} at byte {offset}: {error}", path.display())))?;
                scanned.commits.push(commit);
                scanned.last = offset;
                scanned.end += length as u64;
                scanned.next.sequence += 1;
            }
            Some((place, _)) => {
                check_stranger(path, offset, place, scanned.next)?;
                break;
            }
            None => break,
        }
    }
    look_behind(file, path, size, &scanned)?;
    Ok(scanned)
}

/// The intact record at an offset, if there is one.
fn read(file: &File, size: u64, offset: u64) -> io::Result<Option<(Place, Bytes)>> {
    let room = size.saturating_sub(offset);
    if room < HEADER as u64 {
        return Ok(None);
    }
    let mut header = [0; HEADER];
    file.read_exact_at(&mut header, offset)?;
    let Some(header) = Header::decode(&header).filter(|header| header.length as u64 <= room - HEADER as u64) else {
        return Ok(None);
    };
    let mut payload = vec![0; header.length];
    file.read_exact_at(&mut payload, offset + HEADER as u64)?;
    let intact = header.matches(&payload);
    Ok(intact.then(|| (header.place, payload.into())))
}

/// Judges an intact record that is not the next one: one of a former generation is what a file holds that is used again.
fn check_stranger(path: &Path, offset: u64, found: Place, expected: Place) -> Result<()> {
    let path = path.display();
    if found.identity != expected.identity {
        return Err(Error::Corrupt(format!("{path} belongs to another store")));
    }
    if found.generation < expected.generation {
        return Ok(());
    }
    Err(Error::Corrupt(format!(
        "{path} has record {} of generation {} at byte {offset}, where record {} of generation {} is missing or damaged",
        found.sequence, found.generation, expected.sequence, expected.generation
    )))
}

/// Looks for an intact record behind the end.
fn look_behind(file: &File, path: &Path, size: u64, scanned: &Scanned) -> Result<()> {
    let failed = |error| Error::io(format!("cannot read {}", path.display()))(error);
    let mut window = vec![0; WINDOW];
    let mut offset = scanned.end;
    while offset < size {
        let length = usize::try_from(size - offset).map_or(WINDOW, |rest| rest.min(WINDOW));
        let window = &mut window[..length];
        file.read_exact_at(window, offset).map_err(failed)?;
        for (number, sector) in window.chunks(ALIGNMENT).enumerate() {
            let Some(header) = sector.first_chunk::<HEADER>().and_then(Header::decode) else {
                continue;
            };
            // Records of former generations are many, and need not be read to be told.
            if header.place.identity == scanned.next.identity && header.place.generation < scanned.next.generation {
                continue;
            }
            let at = offset + (number * ALIGNMENT) as u64;
            if let Some((place, _)) = read(file, size, at).map_err(failed)? {
                check_stranger(path, at, place, scanned.next)?;
            }
        }
        offset += length as u64;
    }
    Ok(())
}
