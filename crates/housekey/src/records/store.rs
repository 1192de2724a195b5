//! Where login records are kept.

use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;

use super::{LoginId, LoginRecord, SharedRecord};
use crate::error::{BoxError, Error, ErrorKind};

/// Keeps login records, for instance in a database, so that several processes share them and a restart loses none.
///
/// [`conformance`](super::conformance) checks an implementation. Managers for several kinds of users may share one store,
/// each in its own [`realm`](crate::LoginManagerBuilder::realm): user 1 of the members is not user 1 of the staff.
///
/// Times are in seconds since 1970 and come from the caller; a store reads no clock. A record whose
/// [`expires_at`](LoginRecord::expires_at) is `now` or earlier counts as missing, even before it is deleted.
///
/// An `Err` means that the answer is not known: the request gets a 503, and the user stays logged in. A missing record is
/// `None` or `false`, never an `Err`.
pub trait LoginStore: Send + Sync + 'static {
    /// Stores a new record, deletes those that it replaces, and ends the user's logins over the limit: all of that, or
    /// nothing. If many do so at once, from any number of processes, each sees what the others did: a user never has more
    /// logins than the [`Limit`] allows.
    ///
    /// The least recently used logins end: ordered by [`last_seen_at`](LoginRecord::last_seen_at), then by
    /// [`created_at`](LoginRecord::created_at). [`Limit::room`] says which they are. Expired records of the user may be
    /// deleted along with them.
    ///
    /// A record with the new one's id that has expired by [`limit.now`](Limit::now) counts as missing, whichever user's it
    /// was: the new one takes its place, in all indexes too. If many do so at once, one is [`Done`](Created::Done), and for
    /// the others the id is [`Taken`](Created::Taken).
    fn create(
        &self,
        new: &LoginRecord,
        replacing: &[LoginId],
        limit: Limit,
    ) -> impl Future<Output = Result<Created, BoxError>> + Send;

    /// The record with this id, unless it has expired. Asking for a missing one leaves nothing behind.
    fn load(
        &self,
        id: &LoginId,
        now: u64,
    ) -> impl Future<Output = Result<Option<LoginRecord>, BoxError>> + Send;

    /// The same for a request that only wants to go on with its login, as nearly every request does. The answer may come
    /// from a [cache](super::cache) that the store keeps correct. Such a record lets a login go on, and is never enough to
    /// end one. Without a cache, this is [`load`](Self::load).
    fn look_up(
        &self,
        id: &LoginId,
        now: u64,
    ) -> impl Future<Output = Result<Option<SharedRecord>, BoxError>> + Send {
        async move { Ok(self.load(id, now).await?.map(SharedRecord::new)) }
    }

    /// Replaces the record, if it exists and still has `changed.version`; its version is one higher afterwards. This does
    /// not bring back a record that was deleted meanwhile.
    fn update(
        &self,
        changed: &LoginRecord,
    ) -> impl Future<Output = Result<Updated, BoxError>> + Send;

    /// Notes that a login was used. Does nothing (`false`) if the record is gone or had expired at
    /// [`touch.now`](Touch::now), or if use has been noted since [`unless_since`](Touch::unless_since): of many requests at
    /// once, one writes. Leaves the version as it is.
    fn touch(
        &self,
        id: &LoginId,
        touch: Touch,
    ) -> impl Future<Output = Result<bool, BoxError>> + Send;

    /// Deletes the record. `false` if there was none.
    fn delete(&self, id: &LoginId) -> impl Future<Output = Result<bool, BoxError>> + Send;

    /// Deletes the records of a user, except one to keep: at most `limit` of them. Returns the ids of the deleted records.
    /// Fewer than `limit` means that there were no more, whatever others deleted at the same time. Requests go on meanwhile.
    fn delete_by_user(
        &self,
        user_id: &str,
        except: Option<&LoginId>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<LoginId>, BoxError>> + Send;

    /// The unexpired records of a user, beginning with the last one seen, at most `limit` of them.
    fn list_by_user(
        &self,
        user_id: &str,
        now: u64,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<LoginRecord>, BoxError>> + Send;

    /// Deletes expired records, at most `limit` of them, and returns how many. Fewer than `limit` means that there were no
    /// more. Requests go on meanwhile.
    fn delete_expired(
        &self,
        now: u64,
        limit: usize,
    ) -> impl Future<Output = Result<usize, BoxError>> + Send;
}

/// A use of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touch {
    /// The new [`last_seen_at`](LoginRecord::last_seen_at).
    pub now: u64,
    /// The record changes only if it was last seen before this.
    pub unless_since: u64,
    /// The new [`expires_at`](LoginRecord::expires_at), if it is later than the current one.
    pub expires_at: u64,
}

/// How many logins a user may have, including the new one, when one is [created](LoginStore::create).
///
/// ```
/// use housekey::records::Limit;
///
/// // At most three; none is spared.
/// let end_oldest = Limit { count: 3, now: 1_700_000_000, spared_since: u64::MAX };
/// // At most three; those that were used in the last ten minutes are spared.
/// let refuse = Limit { spared_since: end_oldest.now - 600, ..end_oldest };
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The maximum. A login manager asks for 1 to 1,000.
    pub count: usize,
    /// Records that have expired by now do not count, and one with the new record's id gives it up.
    pub now: u64,
    /// Only logins last seen before this may end. If the others leave no room, the user is [full](Created::Full).
    pub spared_since: u64,
}

impl Limit {
    /// No limit: for programs that fill a store, and for tests. Its `now` is before any expiry, so no record gives up its
    /// id.
    pub const NONE: Self = Self {
        count: usize::MAX,
        now: 0,
        spared_since: u64::MAX,
    };

    /// The most logins over the limit that one operation ends.
    pub const BATCH: usize = 100;

    /// How many of a user's records, newest first, a store must look at to know the [`room`](Self::room) for a record that
    /// replaces this many others.
    pub fn looks_at(&self, replacing: usize) -> usize {
        match *self {
            Self::NONE => 0,
            Self { count, .. } => count.saturating_add(replacing).saturating_add(Self::BATCH),
        }
    }

    /// Which records must go to make room for another one. `None` if there is no room: the user is [full](Created::Full).
    ///
    /// `newest_first` are the user's records as [`list_by_user`](LoginStore::list_by_user) orders them, including expired
    /// and replaced ones: as many as the limit [looks at](Self::looks_at), or all if there are fewer.
    pub fn room(&self, newest_first: &[Standing], replacing: &[LoginId]) -> Option<Room> {
        let most = self.looks_at(replacing.len());
        let mut room = Room {
            crowded: most > 0 && newest_first.len() >= most,
            ..Room::default()
        };
        let mut stay = 1;
        for record in newest_first.iter().filter(|it| !replacing.contains(&it.id)) {
            if record.expires_at <= self.now {
                room.expired.push(record.id);
            } else if stay < self.count {
                stay += 1;
            } else if record.last_seen_at < self.spared_since {
                room.ended.push(record.id);
            } else {
                return None;
            }
        }
        Some(room)
    }
}

/// What a [`Limit`] needs to know of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its id.
    pub id: LoginId,
    /// Its [`last_seen_at`](LoginRecord::last_seen_at).
    pub last_seen_at: u64,
    /// Its [`expires_at`](LoginRecord::expires_at).
    pub expires_at: u64,
}

/// The records that [make room](Limit::room) for a new one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// Logins over the limit.
    pub ended: Vec<LoginId>,
    /// Records that had expired.
    pub expired: Vec<LoginId>,
    /// Whether there may be more. Then delete only these, and answer [`Created::Crowded`].
    pub crowded: bool,
}

/// The result of a [`create`](LoginStore::create).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Created {
    /// The record is stored.
    Done {
        /// The logins that were ended because of the limit. Records that the new one replaces are not among them.
        ended: Vec<LoginId>,
    },
    /// The user has too many logins to end all of them in one operation without keeping others waiting, as after a limit was
    /// introduced. Some have ended, and nothing else was done: ask again until the answer is a different one.
    Crowded {
        /// The logins that were ended.
        ended: Vec<LoginId>,
    },
    /// The user has as many logins as allowed, and all of them are spared. Nothing was done.
    Full,
    /// An unexpired record has this id. Nothing was done.
    Taken,
}

impl Created {
    /// Whether the record is stored.
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Done { .. })
    }
}

/// The result of an [`update`](LoginStore::update).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Updated {
    /// The record is updated.
    Done,
    /// Another change came first, and stands.
    Conflict,
    /// The record does not exist (any more).
    Gone,
}

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send + 'a>>;

/// A [`LoginStore`] with its type erased.
trait ErasedStore: Send + Sync {
    fn create<'a>(
        &'a self,
        new: &'a LoginRecord,
        replacing: &'a [LoginId],
        limit: Limit,
    ) -> Answer<'a, Created>;
    fn load<'a>(&'a self, id: &'a LoginId, now: u64) -> Answer<'a, Option<LoginRecord>>;
    fn look_up<'a>(&'a self, id: &'a LoginId, now: u64) -> Answer<'a, Option<SharedRecord>>;
    fn update<'a>(&'a self, changed: &'a LoginRecord) -> Answer<'a, Updated>;
    fn touch<'a>(&'a self, id: &'a LoginId, touch: Touch) -> Answer<'a, bool>;
    fn delete<'a>(&'a self, id: &'a LoginId) -> Answer<'a, bool>;
    fn delete_by_user<'a>(
        &'a self,
        user_id: &'a str,
        except: Option<&'a LoginId>,
        limit: usize,
    ) -> Answer<'a, Vec<LoginId>>;
    fn list_by_user<'a>(
        &'a self,
        user_id: &'a str,
        now: u64,
        limit: usize,
    ) -> Answer<'a, Vec<LoginRecord>>;
    fn delete_expired(&self, now: u64, limit: usize) -> Answer<'_, usize>;
}

/// A store whose faults become [`ErrorKind::StoreFailed`], as one realm sees it: records of other realms, which may be in
/// the same table, count as missing.
pub(crate) struct Store {
    store: Box<dyn ErasedStore>,
    realm: String,
}

impl Store {
    pub(crate) fn new(store: impl LoginStore) -> Self {
        Self {
            store: Box::new(store),
            realm: String::new(),
        }
    }

    pub(crate) fn in_realm(self, realm: &str) -> Self {
        Self {
            realm: realm.to_owned(),
            ..self
        }
    }

    /// As [`LoginStore::create`].
    pub(crate) async fn create(
        &self,
        new: &LoginRecord,
        replacing: &[LoginId],
        limit: Limit,
    ) -> Result<Created, Error> {
        let created = self.store.create(&self.kept(new), replacing, limit).await;
        created.map_err(failed)
    }

    pub(crate) async fn load(&self, id: &LoginId, now: u64) -> Result<Option<LoginRecord>, Error> {
        let found = self.store.load(id, now).await.map_err(failed)?;
        Ok(found.and_then(|record| self.read(record)))
    }

    /// As [`LoginStore::look_up`].
    pub(crate) async fn look_up(
        &self,
        id: &LoginId,
        now: u64,
    ) -> Result<Option<SharedRecord>, Error> {
        let found = self.store.look_up(id, now).await.map_err(failed)?;
        Ok(found.and_then(|record| match self.is_plain(&record) {
            true => Some(record),
            false => Some(record.with(self.read(LoginRecord::clone(&record))?)),
        }))
    }

    pub(crate) async fn update(&self, changed: &LoginRecord) -> Result<Updated, Error> {
        let changed = self.kept(changed);
        self.store.update(&changed).await.map_err(failed)
    }

    pub(crate) async fn touch(&self, id: &LoginId, touch: Touch) -> Result<bool, Error> {
        self.store.touch(id, touch).await.map_err(failed)
    }

    pub(crate) async fn delete(&self, id: &LoginId) -> Result<bool, Error> {
        self.store.delete(id).await.map_err(failed)
    }

    pub(crate) async fn delete_by_user(
        &self,
        user_id: &str,
        except: Option<&LoginId>,
        limit: usize,
    ) -> Result<Vec<LoginId>, Error> {
        let user = user_in(&self.realm, user_id);
        let deleted = self.store.delete_by_user(&user, except, limit).await;
        deleted.map_err(failed)
    }

    pub(crate) async fn list_by_user(
        &self,
        user_id: &str,
        now: u64,
        limit: usize,
    ) -> Result<Vec<LoginRecord>, Error> {
        let user = user_in(&self.realm, user_id);
        let listed = self.store.list_by_user(&user, now, limit).await;
        let listed = listed.map_err(failed)?.into_iter();
        Ok(listed.filter_map(|record| self.read(record)).collect())
    }

    pub(crate) async fn delete_expired(&self, now: u64, limit: usize) -> Result<usize, Error> {
        self.store.delete_expired(now, limit).await.map_err(failed)
    }

    fn kept<'a>(&self, record: &'a LoginRecord) -> Cow<'a, LoginRecord> {
        match user_in(&self.realm, &record.user_id) {
            Cow::Borrowed(_) => Cow::Borrowed(record),
            Cow::Owned(user_id) => Cow::Owned(LoginRecord {
                user_id,
                ..record.clone()
            }),
        }
    }

    /// Whether the record is this realm's without a conversion.
    fn is_plain(&self, record: &LoginRecord) -> bool {
        self.realm.is_empty() && !record.user_id.starts_with('(')
    }

    fn read(&self, mut record: LoginRecord) -> Option<LoginRecord> {
        if let Some(rest) = record.user_id.strip_prefix('(') {
            let user_id = rest.strip_prefix(&*self.realm)?.strip_prefix(") ")?;
            record.user_id = user_id.to_owned();
        } else if !self.realm.is_empty() {
            return None;
        }
        Some(record)
    }
}

/// A user's id in the table. Without a realm it is the id itself, unless that would look like one with a realm.
fn user_in<'a>(realm: &str, user_id: &'a str) -> Cow<'a, str> {
    match realm.is_empty() && !user_id.starts_with('(') {
        true => user_id.into(),
        false => format!("({realm}) {user_id}").into(),
    }
}

pub(crate) fn failed(error: BoxError) -> Error {
    tracing::error!(target: "housekey", %error, "the login store failed");
    Error::new(
        ErrorKind::StoreFailed,
        "the list of logins cannot be reached at the moment; try again in a little while",
    )
    .caused_by(error)
}

impl<S: LoginStore> ErasedStore for S {
    fn create<'a>(
        &'a self,
        new: &'a LoginRecord,
        replacing: &'a [LoginId],
        limit: Limit,
    ) -> Answer<'a, Created> {
        Box::pin(LoginStore::create(self, new, replacing, limit))
    }

    fn load<'a>(&'a self, id: &'a LoginId, now: u64) -> Answer<'a, Option<LoginRecord>> {
        Box::pin(LoginStore::load(self, id, now))
    }

    fn look_up<'a>(&'a self, id: &'a LoginId, now: u64) -> Answer<'a, Option<SharedRecord>> {
        Box::pin(LoginStore::look_up(self, id, now))
    }

    fn update<'a>(&'a self, changed: &'a LoginRecord) -> Answer<'a, Updated> {
        Box::pin(LoginStore::update(self, changed))
    }

    fn touch<'a>(&'a self, id: &'a LoginId, touch: Touch) -> Answer<'a, bool> {
        Box::pin(LoginStore::touch(self, id, touch))
    }

    fn delete<'a>(&'a self, id: &'a LoginId) -> Answer<'a, bool> {
        Box::pin(LoginStore::delete(self, id))
    }

    fn delete_by_user<'a>(
        &'a self,
        user_id: &'a str,
        except: Option<&'a LoginId>,
        limit: usize,
    ) -> Answer<'a, Vec<LoginId>> {
        Box::pin(LoginStore::delete_by_user(self, user_id, except, limit))
    }

    fn list_by_user<'a>(
        &'a self,
        user_id: &'a str,
        now: u64,
        limit: usize,
    ) -> Answer<'a, Vec<LoginRecord>> {
        Box::pin(LoginStore::list_by_user(self, user_id, now, limit))
    }

    fn delete_expired(&self, now: u64, limit: usize) -> Answer<'_, usize> {
        Box::pin(LoginStore::delete_expired(self, now, limit))
    }
}
