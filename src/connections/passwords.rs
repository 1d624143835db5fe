//! The Web Connector's password: argon2 at rest, checked without letting a poll every minute from thousands of
//! connections burn the CPU, and without letting anybody guess.
//!
//! A password that argon2 has once accepted is remembered as a keyed hash, in this process only, for as long as the
//! stored argon2 hash stays the same: the next poll costs two SHA-256. Wrong passwords always cost an argon2, and are
//! slowed per user and address before they do.

use std::{
    collections::HashSet,
    net::IpAddr,
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
};

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::{PasswordHasher, phc::PasswordHash},
};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

use crate::secrets;

/// Why a password could not be hashed.
#[derive(Debug, thiserror::Error)]
#[error("the password could not be hashed: {0}")]
pub struct HashError(String);

/// Hashes a password for storage. Takes tens of milliseconds on purpose.
pub fn hash(password: &SecretString) -> Result<String, HashError> {
    Argon2::default()
        .hash_password(password.expose_secret().as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|error| HashError(error.to_string()))
}

/// What a check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The password is right.
    Right,
    /// The password is wrong.
    Wrong,
    /// Too many wrong ones lately for this user or from this address; not even looked at.
    TooMany,
}

/// Checks passwords. One per process.
#[derive(Debug)]
pub struct PasswordCheck {
    /// Keyed hash of `stored hash ‖ password` for what argon2 accepted.
    accepted: Mutex<HashSet<[u8; 32]>>,
    key: [u8; 32],
    failures: DefaultKeyedRateLimiter<(String, Option<IpAddr>)>,
    /// argon2 takes 19 MiB and a core each: never more than two at once, and their memory is kept and used again, for
    /// an allocator asked for 19 MiB over and over does not give them back.
    argon2: Arc<Semaphore>,
    memory: Arc<Mutex<Vec<Vec<Block>>>>,
}

/// Remembered passwords at most; beyond it all are forgotten and learnt again.
const REMEMBERED: usize = 100_000;
/// Wrong passwords per user and address before the brake takes hold.
const BURST: u32 = 5;
/// Wrong passwords per user and address and minute after that.
const PER_MINUTE: u32 = 5;

impl Default for PasswordCheck {
    fn default() -> Self {
        let quota = Quota::per_minute(NonZeroU32::new(PER_MINUTE).unwrap_or(NonZeroU32::MIN))
            .allow_burst(NonZeroU32::new(BURST).unwrap_or(NonZeroU32::MIN));
        Self {
            accepted: Mutex::default(),
            key: secrets::random_bytes(),
            failures: RateLimiter::keyed(quota),
            argon2: Arc::new(Semaphore::new(2)),
            memory: Arc::default(),
        }
    }
}

impl PasswordCheck {
    /// Checks `password` against `stored`. `None` for `stored` means that the user does not exist: as slow as a wrong
    /// password, so that nobody can tell users apart by time.
    pub async fn check(
        &self,
        user: &str,
        address: Option<IpAddr>,
        password: &SecretString,
        stored: Option<&str>,
    ) -> Verdict {
        let fingerprint = stored.map(|stored| self.fingerprint(stored, password));
        if let Some(fingerprint) = fingerprint
            && self.accepted().contains(&fingerprint)
        {
            return Verdict::Right;
        }
        if self.failures.len() > REMEMBERED {
            self.failures.retain_recent();
        }
        // Only as much of the name as a user can have: a long one must not fill the memory.
        let who = (user.chars().take(64).collect(), address);
        if self.failures.check_key(&who).is_err() {
            return Verdict::TooMany;
        }
        let Ok(_permit) = self.argon2.acquire().await else {
            return Verdict::TooMany;
        };
        let stored = stored.map_or_else(|| NOBODY.to_owned(), str::to_owned);
        let password = password.clone();
        let pool = Arc::clone(&self.memory);
        let right = tokio::task::spawn_blocking(move || {
            let lent = || pool.lock().unwrap_or_else(PoisonError::into_inner);
            let mut memory = lent().pop().unwrap_or_default();
            let right = verify(&stored, &password, &mut memory).unwrap_or(false);
            lent().push(memory);
            right
        })
        .await
        .unwrap_or(false);
        match (right, fingerprint) {
            (true, Some(fingerprint)) => {
                let mut accepted = self.accepted();
                if accepted.len() >= REMEMBERED {
                    accepted.clear();
                }
                accepted.insert(fingerprint);
                Verdict::Right
            }
            _ => Verdict::Wrong,
        }
    }

    fn fingerprint(&self, stored: &str, password: &SecretString) -> [u8; 32] {
        let mut bytes = Vec::with_capacity(160);
        bytes.extend_from_slice(&self.key);
        bytes.extend_from_slice(&secrets::sha256(stored.as_bytes()));
        bytes.extend_from_slice(password.expose_secret().as_bytes());
        secrets::sha256(&bytes)
    }

    fn accepted(&self) -> std::sync::MutexGuard<'_, HashSet<[u8; 32]>> {
        self.accepted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether `password` is the one that `stored` was made of; `None` if `stored` is no argon2 hash.
fn verify(stored: &str, password: &SecretString, memory: &mut Vec<Block>) -> Option<bool> {
    let hash = PasswordHash::new(stored).ok()?;
    let algorithm = Algorithm::try_from(hash.algorithm.as_ref()).ok()?;
    let version = hash
        .version
        .and_then(|version| Version::try_from(version).ok())
        .unwrap_or_default();
    let params = Params::try_from(&hash).ok()?;
    let expected = hash.hash.as_ref()?;
    let salt = hash.salt.as_ref()?;
    memory.resize(params.block_count(), Block::default());
    let mut output = vec![0; expected.len()];
    Argon2::new(algorithm, version, params)
        .hash_password_into_with_memory(
            password.expose_secret().as_bytes(),
            salt.as_ref(),
            &mut output,
            memory,
        )
        .ok()?;
    Some(secrets::same(&output, expected.as_ref()))
}

/// A hash that no password has been made for: what a user who does not exist is checked against.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$6GzaVm6Ww2m2x7aQNGcZiCsP3IG/bEnu3nJkIhvMB8I";

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn right_wrong_and_unknown() {
        let check = PasswordCheck::default();
        let password = SecretString::from("right");
        let stored = hash(&password).unwrap();
        assert_eq!(
            check.check("u", None, &password, Some(&stored)).await,
            Verdict::Right
        );
        let wrong = SecretString::from("wrong");
        assert_eq!(
            check.check("u", None, &wrong, Some(&stored)).await,
            Verdict::Wrong
        );
        assert_eq!(check.check("nobody", None, &password, None).await, Verdict::Wrong);
    }

    #[tokio::test]
    async fn the_hash_for_nobody_parses() {
        assert!(PasswordHash::new(NOBODY).is_ok());
    }

    #[tokio::test]
    async fn guessing_is_slowed_but_the_right_password_keeps_working() {
        let check = PasswordCheck::default();
        let password = SecretString::from("right");
        let stored = hash(&password).unwrap();
        assert_eq!(
            check.check("u", None, &password, Some(&stored)).await,
            Verdict::Right
        );
        let mut verdicts = Vec::new();
        for guess in 0..12 {
            let guess = SecretString::from(format!("guess {guess}"));
            verdicts.push(check.check("u", None, &guess, Some(&stored)).await);
        }
        assert!(verdicts.contains(&Verdict::TooMany), "{verdicts:?}");
        assert_eq!(
            check.check("u", None, &password, Some(&stored)).await,
            Verdict::Right
        );
    }

    #[tokio::test]
    async fn a_changed_password_is_not_remembered() {
        let check = PasswordCheck::default();
        let old = SecretString::from("old");
        let stored = hash(&old).unwrap();
        assert_eq!(check.check("u", None, &old, Some(&stored)).await, Verdict::Right);
        let changed = hash(&SecretString::from("new")).unwrap();
        assert_eq!(check.check("u", None, &old, Some(&changed)).await, Verdict::Wrong);
    }
}
