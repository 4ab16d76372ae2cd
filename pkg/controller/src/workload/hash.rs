//! Short names of templates and revisions.

use k8s_api::Kind as _;
use k8s_api::core::v1::{PodTemplate, PodTemplateSpec};

/// Characters that spell no words.
const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// The 32-bit FNV-1a hash.
#[must_use]
pub fn fnv32a(chunks: &[&[u8]]) -> u32 {
    chunks
        .iter()
        .flat_map(|chunk| chunk.iter())
        .fold(2_166_136_261, |hash, byte| {
            (hash ^ u32::from(*byte)).wrapping_mul(16_777_619)
        })
}

/// A text in which every character is one that can stand in a name and that spells no word.
#[must_use]
pub fn safe_encode(text: &str) -> String {
    text.bytes()
        .map(|byte| char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]))
        .collect()
}

/// The name of a template: the same for the same template and number of collisions. Other releases may name it otherwise;
/// templates are compared, never their names.
#[must_use]
pub fn compute_hash(template: &PodTemplateSpec, collisions: Option<i32>) -> String {
    let carrier = PodTemplate {
        template: template.clone(),
        ..PodTemplate::default()
    };
    let collisions = collisions.map_or([0; 4], i32::to_le_bytes);
    safe_encode(&fnv32a(&[&carrier.to_json(), &collisions]).to_string())
}
