//! Who the users are, and whether a request comes from one.
//!
//! Checking a password takes tens of milliseconds on purpose. So it happens one at a time, on a
//! thread of its own, for a bounded number of requests, and never twice for the same words. A name
//! that is not known costs the same as one that is.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use hyper::header::HeaderValue;
use ring::{
    hmac::{self, HMAC_SHA256},
    rand::SystemRandom,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::spawn_blocking,
};

use super::Refusal;
use crate::secret::Secret;

/// The greatest cost of a hash: 2^16 rounds take some five seconds, and every login would.
pub const COST_MAX: u32 = 16;

/// Checks that wait for their turn; each takes tens of milliseconds at the usual costs.
const WAITING_MAX: usize = 32;

/// Of these, from one address.
const WAITING_FROM_ONE_PEER: usize = 8;

/// Verdicts of either kind that are remembered.
const REMEMBERED_MAX: usize = 1000;

/// A hash that no password has, of the cost that stands in place of the dots.
const NOBODY: [&str; 2] = ["$2b$", "$QOauhQNbBCuQDKes6eFzPe..............................."];

/// The users with their hashed passwords.
#[derive(Clone, Default)]
pub struct Users {
    hashes: BTreeMap<String, Secret>,
    /// Against which the password of a stranger is checked.
    nobody: Option<Secret>,
}

/// The checks under way, and the verdicts so far.
pub(super) struct Logins {
    /// Verdicts are remembered by a digest that means nothing outside of this process.
    key: hmac::Key,
    verdicts: Arc<Mutex<Verdicts>>,
    turn: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    peers: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

type Digest = [u8; 32];

#[derive(Default)]
struct Verdicts {
    /// Of their own, so that no number of wrong passwords drives out a right one.
    right: HashSet<Digest>,
    wrong: HashSet<Digest>,
}

/// A place among those who wait.
struct Waiting {
    peers: Arc<Mutex<HashMap<IpAddr, usize>>>,
    peer: IpAddr,
    _place: OwnedSemaphorePermit,
}

impl Users {
    /// Users by name, each with the bcrypt hash of the password.
    ///
    /// # Errors
    /// What is wrong with whose hash. The hash is not repeated.
    pub fn new(
        hashes: impl IntoIterator<Item = (String, Secret)>,
    ) -> Result<Self, (String, String)> {
        let mut users = Self::default();
        let mut cost_max = 0;
        for (name, hash) in hashes {
            match cost(hash.expose()) {
                Ok(cost) => cost_max = cost_max.max(cost),
                Err(message) => return Err((name, message)),
            }
            users.hashes.insert(name, hash);
        }
        if !users.is_empty() {
            let [before, after] = NOBODY;
            users.nobody = Some(Secret::new(format!("{before}{cost_max:02}{after}")));
        }
        Ok(users)
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.hashes.len()
    }

    /// Whether nobody is listed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// The hash to check a name's password against, and whether the name is known.
    fn hash_of(&self, name: &str) -> Option<(&Secret, bool)> {
        let known = self.hashes.get(name).map(|hash| (hash, true));
        known.or_else(|| self.nobody.as_ref().map(|hash| (hash, false)))
    }
}

/// The cost of a bcrypt hash.
fn cost(hash: &str) -> Result<u32, String> {
    const FORM: &str = "must be a bcrypt hash, $2y$…, as htpasswd -nBC 10 \"\" makes one";
    let versions = ["$2a$", "$2b$", "$2y$"];
    if !versions.iter().any(|version| hash.starts_with(version)) {
        return Err(FORM.to_owned());
    }
    let parts: bcrypt::HashParts = hash.parse().map_err(|_| FORM.to_owned())?;
    match parts.get_cost() {
        cost @ 4..=COST_MAX => Ok(cost),
        cost => Err(format!(
            "has the cost {cost}, with which every login takes too long; hash it with a cost of \
             4..{COST_MAX}, best 10"
        )),
    }
}

impl Default for Logins {
    fn default() -> Self {
        let key = hmac::Key::generate(HMAC_SHA256, &SystemRandom::new())
            .expect("the system has random numbers");
        Self {
            key,
            verdicts: Arc::default(),
            turn: Arc::new(Semaphore::new(1)),
            waiting: Arc::new(Semaphore::new(WAITING_MAX)),
            peers: Arc::default(),
        }
    }
}

impl Logins {
    /// Whether a request that carries this header comes from one of the users.
    pub(super) async fn check(
        &self,
        users: &Users,
        authorization: Option<&HeaderValue>,
        peer: IpAddr,
    ) -> Result<(), Refusal> {
        let (name, password) = authorization.and_then(credentials).ok_or(Refusal::Unknown)?;
        let (hash, known) = users.hash_of(&name).ok_or(Refusal::Unknown)?;
        let digest = self.digest([&name, hash.expose(), &password]);
        if let Some(verdict) = self.remembered(&digest) {
            return verdict;
        }
        let waiting = self.wait_in_line(peer).ok_or(Refusal::Busy)?;
        let turn = Arc::clone(&self.turn).acquire_owned().await.map_err(|_| Refusal::Busy)?;
        // Whoever was before may have brought the same words.
        if let Some(verdict) = self.remembered(&digest) {
            return verdict;
        }
        let (hash, verdicts) = (hash.clone(), Arc::clone(&self.verdicts));
        let checking = spawn_blocking(move || {
            // A client that leaves early must not make room for another check beside this one.
            let _held = (turn, waiting);
            let right = known && bcrypt::verify(&*password, hash.expose()).unwrap_or_default();
            if !known {
                let _ = bcrypt::verify(&*password, hash.expose());
            }
            verdicts.lock().unwrap_or_else(PoisonError::into_inner).remember(digest, right);
            right
        });
        match checking.await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Refusal::Unknown),
            Err(_) => Err(Refusal::Busy),
        }
    }

    fn digest(&self, parts: [&str; 3]) -> Digest {
        let mut context = hmac::Context::with_key(&self.key);
        for part in parts {
            // With its length, so that no two triples are the same bytes.
            context.update(&part.len().to_le_bytes());
            context.update(part.as_bytes());
        }
        let mut digest = Digest::default();
        digest.copy_from_slice(context.sign().as_ref());
        digest
    }

    fn remembered(&self, digest: &Digest) -> Option<Result<(), Refusal>> {
        let verdicts = self.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
        if verdicts.right.contains(digest) {
            return Some(Ok(()));
        }
        verdicts.wrong.contains(digest).then_some(Err(Refusal::Unknown))
    }

    fn wait_in_line(&self, peer: IpAddr) -> Option<Waiting> {
        let place = Arc::clone(&self.waiting).try_acquire_owned().ok()?;
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        let count = peers.entry(peer).or_default();
        if *count >= WAITING_FROM_ONE_PEER {
            return None;
        }
        *count += 1;
        Some(Waiting { peers: Arc::clone(&self.peers), peer, _place: place })
    }
}

impl Verdicts {
    fn remember(&mut self, digest: Digest, right: bool) {
        let kind = if right { &mut self.right } else { &mut self.wrong };
        if kind.len() >= REMEMBERED_MAX {
            kind.clear();
        }
        kind.insert(digest);
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = peers.get_mut(&self.peer) {
            *count -= 1;
            if *count == 0 {
                peers.remove(&self.peer);
            }
        }
    }
}

/// Name and password of basic authentication (RFC 7617).
fn credentials(header: &HeaderValue) -> Option<(String, String)> {
    let (scheme, encoded) = header.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = STANDARD.decode(encoded.trim()).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (name, password) = text.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.hashes.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn users(cost: u32) -> Users {
        let hash = |password: &str| Secret::new(bcrypt::hash(password, cost).unwrap());
        Users::new([("alice".to_owned(), hash("pass:word")), ("bob".to_owned(), hash("ü"))])
            .unwrap()
    }

    fn basic(text: &str) -> HeaderValue {
        format!("Basic {}", STANDARD.encode(text)).parse().unwrap()
    }

    #[tokio::test]
    async fn a_user_with_the_right_password_gets_in_and_nobody_else() {
        let (logins, users) = (Logins::default(), users(4));
        let check = async |text: &str| logins.check(&users, Some(&basic(text)), PEER).await;
        for _ in 0..2 {
            assert_eq!(check("alice:pass:word").await, Ok(()));
            assert_eq!(check("bob:ü").await, Ok(()));
            for wrong in ["alice:", "alice:pass", "bob:pass:word", "carol:pass:word", ":", "alice"]
            {
                assert_eq!(check(wrong).await, Err(Refusal::Unknown), "{wrong}");
            }
        }
        let lower = HeaderValue::from_str(&format!("basic {}", STANDARD.encode("bob:ü"))).unwrap();
        assert_eq!(logins.check(&users, Some(&lower), PEER).await, Ok(()));
        for header in ["Basic", "Basic !", "Bearer YWxpY2U6", ""] {
            let header = HeaderValue::from_str(header).unwrap();
            assert_eq!(logins.check(&users, Some(&header), PEER).await, Err(Refusal::Unknown));
        }
        assert_eq!(logins.check(&users, None, PEER).await, Err(Refusal::Unknown));
    }

    #[tokio::test]
    async fn a_user_who_is_taken_off_the_list_is_out() {
        let (logins, users) = (Logins::default(), users(4));
        assert_eq!(logins.check(&users, Some(&basic("bob:ü")), PEER).await, Ok(()));
        let alice = users.hashes["alice"].clone();
        let fewer = Users::new([("alice".to_owned(), alice)]).unwrap();
        assert_eq!(logins.check(&fewer, Some(&basic("bob:ü")), PEER).await, Err(Refusal::Unknown));
    }

    #[tokio::test]
    async fn a_flood_of_wrong_passwords_waits_in_a_short_line_and_friends_pass_by() {
        let (logins, users) = (Arc::new(Logins::default()), users(6));
        let friend = basic("alice:pass:word");
        assert_eq!(logins.check(&users, Some(&friend), PEER).await, Ok(()));
        let mut flood = tokio::task::JoinSet::new();
        for number in 0..200_u8 {
            let (logins, users) = (Arc::clone(&logins), users.clone());
            let peer = IpAddr::from([10, 0, 0, number % 5]);
            flood.spawn(async move {
                logins.check(&users, Some(&basic(&format!("alice:{number}"))), peer).await
            });
        }
        tokio::task::yield_now().await;
        assert_eq!(logins.check(&users, Some(&friend), PEER).await, Ok(()));
        let refused = flood.join_all().await;
        let busy = refused.iter().filter(|r| **r == Err(Refusal::Busy)).count();
        assert!(busy >= 200 - WAITING_MAX - 5 && !refused.contains(&Ok(())), "{busy}");
    }

    /// The work is the same, since it is a check against a hash of the same cost.
    #[test]
    fn a_stranger_is_checked_against_a_hash_of_the_greatest_cost() {
        let users = users(5);
        let (nobody, known) = users.hash_of("carol").unwrap();
        assert_eq!((cost(nobody.expose()), known), (Ok(5), false));
        assert_eq!(bcrypt::verify("x", nobody.expose()).ok(), Some(false));
    }

    #[test]
    fn only_bcrypt_of_a_bearable_cost_is_a_hash() {
        let tail = "$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG";
        for version in ["$2a$", "$2b$", "$2y$"] {
            assert_eq!(cost(&format!("{version}10{tail}")), Ok(10));
        }
        for hash in ["", "hunter2", "$1$abc$def", &format!("$2x$10{tail}"), "$2y$10$short"] {
            assert!(cost(hash).unwrap_err().contains("bcrypt"), "{hash}");
        }
        assert!(cost(&format!("$2y$17{tail}")).unwrap_err().contains("cost 17"));
        let wrong =
            Users::new([("eve".to_owned(), Secret::new("hunter2".to_owned()))]).unwrap_err();
        assert!(wrong.0 == "eve" && !wrong.1.contains("hunter2"));
    }

    #[test]
    fn users_print_without_their_hashes() {
        assert_eq!(format!("{:?}", users(4)), r#"{"alice", "bob"}"#);
    }
}
