//! Writes descriptions as one block of bytes that is searched in place.
//!
//! Little-endian numbers of 32 bits: the count of definitions `n` and of fields `m`; `n` records
//! (name, description, first field); `m` records (name, description). A text is an offset into
//! the characters behind the records, and a length; equal texts stand there once. Definitions are
//! sorted by name, and so are the fields of each.

use std::collections::{BTreeMap, HashMap};

use crate::source::Definition;

/// The block for these definitions.
pub(crate) fn encode(definitions: &BTreeMap<String, Definition>) -> Result<Vec<u8>, std::num::TryFromIntError> {
    let mut texts = Texts::default();
    let (mut records, mut fields, mut count) = (Vec::new(), Vec::new(), 0_u32);
    for (name, definition) in definitions {
        records.extend(texts.add(name)?);
        records.extend(texts.add(&definition.description)?);
        records.push(count);
        for (name, description) in &definition.fields {
            fields.extend(texts.add(name)?);
            fields.extend(texts.add(description)?);
            count += 1;
        }
    }
    let head = [u32::try_from(definitions.len())?, count];
    let numbers = head.into_iter().chain(records).chain(fields);
    let mut out: Vec<u8> = numbers.flat_map(u32::to_le_bytes).collect();
    out.extend_from_slice(texts.characters.as_bytes());
    Ok(out)
}

#[derive(Default)]
struct Texts {
    characters: String,
    known: HashMap<String, [u32; 2]>,
}

impl Texts {
    fn add(&mut self, text: &str) -> Result<[u32; 2], std::num::TryFromIntError> {
        if let Some(position) = self.known.get(text) {
            return Ok(*position);
        }
        let position = [u32::try_from(self.characters.len())?, u32::try_from(text.len())?];
        self.characters.push_str(text);
        self.known.insert(text.to_owned(), position);
        Ok(position)
    }
}
