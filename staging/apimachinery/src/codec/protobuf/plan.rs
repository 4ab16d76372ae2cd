//! The order in which a struct's fields stand on the wire.
//!
//! The reflection lists fields by JSON name; protobuf wants them by number and nests what JSON
//! inlines. A [`Plan`] is that view of one struct, made on first use and kept by the codec.

use k8s_api::reflect::StructType;

/// A struct as protobuf sees it.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// The fields by ascending number.
    pub(super) fields: Vec<WireField>,
}

/// One field number of a message.
#[derive(Debug)]
pub(super) struct WireField {
    pub(super) number: u32,
    pub(super) target: Target,
}

/// What a field number stands for.
#[derive(Debug)]
pub(super) enum Target {
    /// The field at this position of the struct.
    Field(usize),
    /// A message that JSON inlines into the struct.
    Inline(Plan),
}

impl Plan {
    /// The plan of `ty`.
    pub(super) fn of(ty: &StructType) -> Self {
        let mut plan = Self::default();
        for (index, field) in ty.fields.iter().enumerate() {
            plan.insert(&field.proto, index);
        }
        plan.sort();
        plan
    }

    fn insert(&mut self, path: &[u32], index: usize) {
        let Some((&number, rest)) = path.split_first() else {
            return;
        };
        if rest.is_empty() {
            self.fields.push(WireField {
                number,
                target: Target::Field(index),
            });
            return;
        }
        let at = self
            .fields
            .iter()
            .position(|f| f.number == number && matches!(f.target, Target::Inline(_)))
            .unwrap_or_else(|| {
                self.fields.push(WireField {
                    number,
                    target: Target::Inline(Self::default()),
                });
                self.fields.len() - 1
            });
        if let Target::Inline(inner) = &mut self.fields[at].target {
            inner.insert(rest, index);
        }
    }

    fn sort(&mut self) {
        self.fields.sort_by_key(|f| f.number);
        for field in &mut self.fields {
            if let Target::Inline(inner) = &mut field.target {
                inner.sort();
            }
        }
    }

    /// What `number` stands for. Numbers are nearly always 1, 2, 3, … so the place is guessed first.
    pub(super) fn find(&self, number: u32) -> Option<&Target> {
        let guess = number as usize - 1;
        if let Some(field) = self.fields.get(guess)
            && field.number == number
        {
            return Some(&field.target);
        }
        let at = self.fields.binary_search_by_key(&number, |f| f.number).ok()?;
        Some(&self.fields[at].target)
    }
}
