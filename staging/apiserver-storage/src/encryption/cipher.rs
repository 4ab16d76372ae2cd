//! The three ciphers, in upstream's layouts:
//!
//! - AES-GCM: nonce (12), ciphertext, tag (16), with the authenticated data bound in. Nonces are random, so that a key should not
//!   write more than 2^32 values.
//! - AES-CBC: initialization vector (16), ciphertext with PKCS#7 padding. Not authenticated.
//! - secretbox: nonce (24), tag (16), ciphertext (XSalsa20 and Poly1305). The authenticated data is not bound in.

use std::fmt;

use aws_lc_rs::aead::{AES_128_GCM, AES_192_GCM, AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, DecryptionContext, EncryptionContext, PaddedBlockDecryptingKey,
    PaddedBlockEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::rand;
use crypto_secretbox::aead::{AeadInPlace, KeyInit};
use crypto_secretbox::{Tag, XSalsa20Poly1305};

const TOO_SHORT: &str = "the stored data was shorter than the required size";
const NO_RANDOMNESS: &str = "unable to read sufficient random bytes";
const CIPHER_FAILED: &str = "the cipher failed";

const TAG_LEN: usize = 16;
const BLOCK_LEN: usize = 16;
const SECRETBOX_NONCE_LEN: usize = 24;

/// A cipher with its key.
pub(super) enum Cipher {
    AesGcm(Box<LessSafeKey>),
    AesCbc {
        encrypt: Box<PaddedBlockEncryptingKey>,
        decrypt: Box<PaddedBlockDecryptingKey>,
    },
    Secretbox(XSalsa20Poly1305),
}

impl Cipher {
    /// A sealed value is at most so much longer than the plain one.
    pub(super) const MAX_OVERHEAD: usize = SECRETBOX_NONCE_LEN + TAG_LEN;

    /// `None` if the key has no length that AES takes.
    pub(super) fn aes_gcm(key: &[u8]) -> Option<Self> {
        let algorithm = match key.len() {
            16 => &AES_128_GCM,
            24 => &AES_192_GCM,
            32 => &AES_256_GCM,
            _ => return None,
        };
        Some(Self::AesGcm(Box::new(LessSafeKey::new(
            UnboundKey::new(algorithm, key).ok()?,
        ))))
    }

    /// `None` if the key has no length that AES takes.
    pub(super) fn aes_cbc(key: &[u8]) -> Option<Self> {
        let algorithm = match key.len() {
            16 => &AES_128,
            24 => &AES_192,
            32 => &AES_256,
            _ => return None,
        };
        let unbound = || UnboundCipherKey::new(algorithm, key).ok();
        let encrypt = Box::new(PaddedBlockEncryptingKey::cbc_pkcs7(unbound()?).ok()?);
        let decrypt = Box::new(PaddedBlockDecryptingKey::cbc_pkcs7(unbound()?).ok()?);
        Some(Self::AesCbc { encrypt, decrypt })
    }

    /// `None` if the key has not 32 bytes.
    pub(super) fn secretbox(key: &[u8]) -> Option<Self> {
        XSalsa20Poly1305::new_from_slice(key).ok().map(Self::Secretbox)
    }

    /// Appends the sealed `value` to `out`.
    pub(super) fn seal(&self, value: &[u8], authenticated: &[u8], out: &mut Vec<u8>) -> Result<(), &'static str> {
        match self {
            Self::AesGcm(key) => {
                let nonce: [u8; NONCE_LEN] = random()?;
                out.extend_from_slice(&nonce);
                let start = out.len();
                out.extend_from_slice(value);
                let nonce = Nonce::assume_unique_for_key(nonce);
                let tag = key
                    .seal_in_place_separate_tag(nonce, Aad::from(authenticated), &mut out[start..])
                    .map_err(|_| CIPHER_FAILED)?;
                out.extend_from_slice(tag.as_ref());
            }
            Self::AesCbc { encrypt, .. } => {
                let iv: [u8; BLOCK_LEN] = random()?;
                let mut padded = Vec::with_capacity(value.len() + BLOCK_LEN);
                padded.extend_from_slice(value);
                let context = EncryptionContext::Iv128(FixedLength::from(iv));
                encrypt
                    .less_safe_encrypt(&mut padded, context)
                    .map_err(|_| CIPHER_FAILED)?;
                out.extend_from_slice(&iv);
                out.extend_from_slice(&padded);
            }
            Self::Secretbox(key) => {
                let nonce: [u8; SECRETBOX_NONCE_LEN] = random()?;
                out.extend_from_slice(&nonce);
                let start = out.len();
                out.resize(start + TAG_LEN, 0);
                out.extend_from_slice(value);
                let (tag_space, text) = out[start..].split_at_mut(TAG_LEN);
                let tag = key
                    .encrypt_in_place_detached(&nonce.into(), &[], text)
                    .map_err(|_| CIPHER_FAILED)?;
                tag_space.copy_from_slice(&tag);
            }
        }
        Ok(())
    }

    /// Opens a sealed value; the error says why not, in upstream's words.
    pub(super) fn open(&self, data: &[u8], authenticated: &[u8]) -> Result<Vec<u8>, &'static str> {
        match self {
            Self::AesGcm(key) => {
                let (nonce, text) = data.split_first_chunk::<NONCE_LEN>().ok_or(TOO_SHORT)?;
                let mut text = text.to_vec();
                let nonce = Nonce::assume_unique_for_key(*nonce);
                let length = key
                    .open_in_place(nonce, Aad::from(authenticated), &mut text)
                    .map_err(|_| "cipher: message authentication failed")?
                    .len();
                text.truncate(length);
                Ok(text)
            }
            Self::AesCbc { decrypt, .. } => {
                let (iv, text) = data.split_first_chunk::<BLOCK_LEN>().ok_or(TOO_SHORT)?;
                if text.len() % BLOCK_LEN != 0 {
                    return Err("the stored data is not a multiple of the block size");
                }
                if text.is_empty() {
                    return Err("invalid PKCS7 data (empty or not padded)");
                }
                let mut text = text.to_vec();
                let context = DecryptionContext::Iv128(FixedLength::from(iv));
                let length = decrypt
                    .decrypt(&mut text, context)
                    .map_err(|_| "invalid padding on input")?
                    .len();
                text.truncate(length);
                Ok(text)
            }
            Self::Secretbox(key) => {
                let (nonce, rest) = data.split_first_chunk::<SECRETBOX_NONCE_LEN>().ok_or(TOO_SHORT)?;
                let (tag, text) = rest.split_first_chunk::<TAG_LEN>().ok_or(TOO_SHORT)?;
                let mut text = text.to_vec();
                key.decrypt_in_place_detached(&(*nonce).into(), &[], &mut text, Tag::from_slice(tag))
                    .map_err(|_| "output array was not large enough for encryption")?;
                Ok(text)
            }
        }
    }
}

impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AesGcm(_) => "AesGcm",
            Self::AesCbc { .. } => "AesCbc",
            Self::Secretbox(_) => "Secretbox",
        })
    }
}

fn random<const N: usize>() -> Result<[u8; N], &'static str> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| NO_RANDOMNESS)?;
    Ok(bytes)
}
