//! The users of the sites.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use housekey::{BoxError, User, UserLoader};
use http::request::Parts;

/// An application's user.
#[derive(Clone, Debug)]
pub struct Member {
    /// The id.
    pub id: String,
    /// Whether they may log in.
    pub active: bool,
    /// The auth hash.
    pub stamp: Option<Vec<u8>>,
}

impl Member {
    /// The row with this id.
    pub fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            active: true,
            stamp: Some(format!("stamp of {id}").into_bytes()),
        }
    }
}

impl User for Member {
    fn id(&self) -> String {
        self.id.clone()
    }

    fn is_active(&self) -> bool {
        self.active
    }

    fn session_auth_hash(&self) -> Option<Vec<u8>> {
        self.stamp.clone()
    }
}

/// A member of the staff: has nothing but an id, and can neither be compared nor hashed.
pub struct Staff(pub u64);

impl User for Staff {
    fn id(&self) -> String {
        self.0.to_string()
    }
}

impl Staff {
    /// Loads staff: every number is the id of one.
    ///
    /// # Errors
    ///
    /// None.
    pub async fn load(id: String) -> Result<Option<Self>, BoxError> {
        Ok(id.parse().ok().map(Self))
    }
}

/// A table of members that counts look-ups, and that can be down. It contains `mia`, `ben`, `1`, `7` and `佐藤`.
#[derive(Clone)]
pub struct Members(Arc<Table>);

struct Table {
    rows: Mutex<BTreeMap<String, Member>>,
    lookups: Mutex<Vec<String>>,
    request_lookups: AtomicUsize,
    away: AtomicBool,
}

impl Default for Members {
    fn default() -> Self {
        let row = |id: &str| (id.to_owned(), Member::new(id));
        Self(Arc::new(Table {
            rows: Mutex::new(["mia", "ben", "1", "7", "佐藤"].map(row).into()),
            lookups: Mutex::default(),
            request_lookups: AtomicUsize::new(0),
            away: AtomicBool::new(false),
        }))
    }
}

impl Members {
    /// The member with this id, as they are now.
    pub fn find(&self, id: &str) -> Option<Member> {
        self.0.rows.lock().unwrap().get(id).cloned()
    }

    pub(crate) fn change(&self, id: &str, change: impl FnOnce(&mut Member)) {
        change(self.0.rows.lock().unwrap().get_mut(id).unwrap());
    }

    /// Gives a member another auth hash.
    pub fn set_stamp(&self, id: &str, stamp: &str) {
        self.change(id, |member| member.stamp = Some(stamp.into()));
    }

    pub(crate) fn remove(&self, id: &str) {
        self.0.rows.lock().unwrap().remove(id);
    }

    pub(crate) fn go_away(&self) {
        self.0.away.store(true, Ordering::SeqCst);
    }

    pub(crate) fn come_back(&self) {
        self.0.away.store(false, Ordering::SeqCst);
    }

    /// The ids that were looked up since the last call.
    pub(crate) fn lookups(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lookups.lock().unwrap())
    }

    /// How often the request was asked to prove its user, since the last call.
    pub(crate) fn request_lookups(&self) -> usize {
        self.0.request_lookups.swap(0, Ordering::SeqCst)
    }

    fn answer(&self, id: &str) -> Result<Option<Member>, BoxError> {
        if self.0.away.load(Ordering::SeqCst) {
            return Err("the database is away".into());
        }
        Ok(self.find(id))
    }
}

impl UserLoader<Member> for Members {
    async fn load_user(&self, id: &str) -> Result<Option<Member>, BoxError> {
        self.0.lookups.lock().unwrap().push(id.to_owned());
        futures_lite::future::yield_now().await;
        self.answer(id)
    }

    async fn load_from_request(&self, request: &Parts) -> Result<Option<Member>, BoxError> {
        self.0.request_lookups.fetch_add(1, Ordering::SeqCst);
        let key = request.headers.get("x-api-key");
        match key.and_then(|key| key.to_str().ok()?.strip_prefix("key-of-")) {
            Some(id) => self.answer(id),
            None => Ok(None),
        }
    }
}
