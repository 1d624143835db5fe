//! Secrets at rest and in hand: sealing (AES-256-GCM), random tokens, and comparisons that take the same time whatever
//! is compared. Nothing here is ever printed.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::Rng;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// Why a secret could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The key is not 32 bytes in base64.
    #[error(
        "the secret key must be 32 random bytes in URL-safe base64 (`openssl rand -base64 32 | tr '+/' '-_' | tr -d '='`)"
    )]
    Key,
    /// The stored bytes were sealed with another key, or damaged.
    #[error(
        "a stored secret cannot be opened with this secret key; start with the key the connection was added with"
    )]
    Open,
    /// The cipher refused; not expected.
    #[error("a secret could not be sealed")]
    Seal,
    /// The key file of a development set-up.
    #[error("{path}: {source}")]
    KeyFile {
        /// The file.
        path: std::path::PathBuf,
        /// Why it could not be used.
        source: std::io::Error,
    },
}

/// Seals and opens secrets that are stored. Losing the key loses them; they are then entered anew.
#[derive(Clone)]
pub struct Vault(std::sync::Arc<LessSafeKey>);

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault(…)")
    }
}

impl Vault {
    /// From 32 bytes in URL-safe base64.
    pub fn new(key: &SecretString) -> Result<Self, SecretError> {
        let text = key.expose_secret().trim().replace('+', "-").replace('/', "_");
        let bytes = URL_SAFE_NO_PAD
            .decode(text.trim_end_matches('='))
            .map_err(|_| SecretError::Key)?;
        let key = UnboundKey::new(&AES_256_GCM, &bytes).map_err(|_| SecretError::Key)?;
        Ok(Self(std::sync::Arc::new(LessSafeKey::new(key))))
    }

    /// From a file beside the private database; made, readable by its owner alone, if it is not there.
    pub fn from_file(path: &std::path::Path) -> Result<Self, SecretError> {
        use std::io::Write;
        use std::os::unix::fs::OpenOptionsExt;
        let failed = |source| SecretError::KeyFile {
            path: path.to_owned(),
            source,
        };
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(failed)?;
        }
        match std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
        {
            Ok(mut file) => {
                let key = URL_SAFE_NO_PAD.encode(random_bytes::<32>());
                file.write_all(key.as_bytes()).map_err(failed)?;
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(error)),
        }
        let key = std::fs::read_to_string(path).map_err(failed)?;
        Self::new(&SecretString::from(key))
    }

    /// Seals `secret`; `context` (a connection's id) must be given again to open it.
    pub fn seal(&self, secret: &SecretString, context: &[u8]) -> Result<Vec<u8>, SecretError> {
        let nonce = random_bytes::<NONCE_LEN>();
        let mut sealed = secret.expose_secret().as_bytes().to_vec();
        self.0
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(context),
                &mut sealed,
            )
            .map_err(|_| SecretError::Seal)?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Opens what [`Self::seal`] made.
    pub fn open(&self, sealed: &[u8], context: &[u8]) -> Result<SecretString, SecretError> {
        let (nonce, rest) = sealed.split_at_checked(NONCE_LEN).ok_or(SecretError::Open)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SecretError::Open)?;
        let mut rest = rest.to_vec();
        let plain = self
            .0
            .open_in_place(nonce, Aad::from(context), &mut rest)
            .map_err(|_| SecretError::Open)?;
        String::from_utf8(plain.to_vec())
            .map(SecretString::from)
            .map_err(|_| SecretError::Open)
    }
}

/// Random bytes from the operating system's seeded generator.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::rng().fill_bytes(&mut bytes);
    bytes
}

/// A random token of 32 bytes, in characters that are safe in headers, XML and URLs.
pub fn random_token() -> SecretString {
    SecretString::from(URL_SAFE_NO_PAD.encode(random_bytes::<32>()))
}

/// A password for a person to type once: 20 characters without look-alikes, about 100 bits.
pub fn random_password() -> SecretString {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let letters: Vec<u8> = random_bytes::<20>()
        .iter()
        .map(|byte| LETTERS[usize::from(byte % 32)])
        .collect();
    let text: Vec<String> = letters
        .chunks(5)
        .map(|chunk| String::from_utf8_lossy(chunk).into_owned())
        .collect();
    SecretString::from(text.join("-"))
}

/// SHA-256, for high-entropy tokens that are looked up or compared but never shown again.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Compares without telling by its time how much was right.
pub fn same(left: &[u8], right: &[u8]) -> bool {
    // The hashes have one length, and an attacker cannot steer them byte by byte.
    sha256(left)
        .iter()
        .zip(sha256(right))
        .fold(0_u8, |difference, (a, b)| difference | (a ^ b))
        == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault() -> Vault {
        Vault::new(&SecretString::from(URL_SAFE_NO_PAD.encode([7_u8; 32]))).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_with_its_context_only() {
        let sealed = vault().seal(&SecretString::from("s3cret"), b"one").unwrap();
        assert_eq!(vault().open(&sealed, b"one").unwrap().expose_secret(), "s3cret");
        assert!(vault().open(&sealed, b"two").is_err());
        assert!(!String::from_utf8_lossy(&sealed).contains("s3cret"));
    }

    #[test]
    fn damaged_and_short_bytes_do_not_open() {
        let mut sealed = vault().seal(&SecretString::from("s3cret"), b"one").unwrap();
        sealed[15] ^= 1;
        assert!(vault().open(&sealed, b"one").is_err());
        assert!(vault().open(&[1, 2, 3], b"one").is_err());
    }

    #[test]
    fn keys_of_the_wrong_length_are_refused() {
        assert!(Vault::new(&SecretString::from("short")).is_err());
        assert!(!format!("{:?}", vault()).contains('7'));
    }

    #[test]
    fn passwords_differ_and_can_be_typed() {
        let (one, two) = (random_password(), random_password());
        assert_ne!(one.expose_secret(), two.expose_secret());
        assert_eq!(one.expose_secret().len(), 23);
    }

    #[test]
    fn comparison_tells_equal_from_unequal() {
        assert!(same(b"token", b"token"));
        assert!(!same(b"token", b"tokem"));
        assert!(!same(b"token", b"toke"));
    }
}
