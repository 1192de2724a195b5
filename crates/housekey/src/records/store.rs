//! Where login records are kept.

use std::future::Future;
use std::pin::Pin;

use super::{LoginId, LoginRecord};
use crate::error::{BoxError, Error, ErrorKind};

/// Keeps login records: in a database, so that several processes share them and a restart loses none.
///
/// [`conformance`](super::conformance) checks an implementation. Each login manager needs a store (a table, a prefix) of
/// its own: user 1 of the members is not user 1 of the staff.
///
/// Times are in seconds since 1970 and come from the caller; a store asks no clock. A record whose
/// [`expires_at`](LoginRecord::expires_at) is `now` or before is as good as gone, also before it has been deleted.
///
/// An `Err` means that nobody knows: the request is answered with 503, and nobody is logged out for it. What is not
/// there is `None` or `false`, never an `Err`.
pub trait LoginStore: Send + Sync + 'static {
    /// Keeps a new record and deletes those that it replaces, both or neither. Returns `false`, and does nothing, when
    /// there is a record with this id.
    fn create(
        &self,
        new: &LoginRecord,
        replacing: &[LoginId],
    ) -> impl Future<Output = Result<bool, BoxError>> + Send;

    /// The record with this id, unless it has expired. Asking for one that is not there leaves nothing behind.
    fn load(
        &self,
        id: &LoginId,
        now: u64,
    ) -> impl Future<Output = Result<Option<LoginRecord>, BoxError>> + Send;

    /// Replaces the record, if it is there and still has `changed.version`; its version is one higher afterwards. A
    /// record that was deleted meanwhile does not come back by this.
    fn update(
        &self,
        changed: &LoginRecord,
    ) -> impl Future<Output = Result<Updated, BoxError>> + Send;

    /// Notes that a login was used. Does nothing (`false`) when the record is gone or had expired at
    /// [`touch.now`](Touch::now), or when somebody else has noted it since [`unless_since`](Touch::unless_since): of many
    /// requests at once, one writes. Leaves the version as it is.
    fn touch(
        &self,
        id: &LoginId,
        touch: Touch,
    ) -> impl Future<Output = Result<bool, BoxError>> + Send;

    /// Deletes the record. `false` when there was none.
    fn delete(&self, id: &LoginId) -> impl Future<Output = Result<bool, BoxError>> + Send;

    /// Deletes all records of a user, but for one that is to stay. Returns the ids of those that it deleted.
    fn delete_by_user(
        &self,
        user_id: &str,
        except: Option<&LoginId>,
    ) -> impl Future<Output = Result<Vec<LoginId>, BoxError>> + Send;

    /// The records of a user that have not expired, in any order.
    fn list_by_user(
        &self,
        user_id: &str,
        now: u64,
    ) -> impl Future<Output = Result<Vec<LoginRecord>, BoxError>> + Send;

    /// Deletes expired records, at most `limit` of them, and returns how many it deleted. Less than `limit` means that
    /// there were no more. Requests go on meanwhile.
    fn delete_expired(
        &self,
        now: u64,
        limit: usize,
    ) -> impl Future<Output = Result<usize, BoxError>> + Send;
}

/// That a login was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touch {
    /// The new [`last_seen_at`](LoginRecord::last_seen_at).
    pub now: u64,
    /// Only a record that was last seen before this is changed.
    pub unless_since: u64,
    /// The new [`expires_at`](LoginRecord::expires_at), if it is later than the one that is there.
    pub expires_at: u64,
}

/// What became of an [`update`](LoginStore::update).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Updated {
    /// The record is as it was to be.
    Done,
    /// Somebody else changed it first; it is as they left it.
    Conflict,
    /// There is no such record (any more).
    Gone,
}

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send + 'a>>;

/// A [`LoginStore`] whose type is no longer visible.
trait ErasedStore: Send + Sync {
    fn create<'a>(&'a self, new: &'a LoginRecord, replacing: &'a [LoginId]) -> Answer<'a, bool>;
    fn load<'a>(&'a self, id: &'a LoginId, now: u64) -> Answer<'a, Option<LoginRecord>>;
    fn update<'a>(&'a self, changed: &'a LoginRecord) -> Answer<'a, Updated>;
    fn touch<'a>(&'a self, id: &'a LoginId, touch: Touch) -> Answer<'a, bool>;
    fn delete<'a>(&'a self, id: &'a LoginId) -> Answer<'a, bool>;
    fn delete_by_user<'a>(
        &'a self,
        user_id: &'a str,
        except: Option<&'a LoginId>,
    ) -> Answer<'a, Vec<LoginId>>;
    fn list_by_user<'a>(&'a self, user_id: &'a str, now: u64) -> Answer<'a, Vec<LoginRecord>>;
    fn delete_expired(&self, now: u64, limit: usize) -> Answer<'_, usize>;
}

/// A store whose faults are [`ErrorKind::StoreFailed`].
pub(crate) struct Store(Box<dyn ErasedStore>);

impl Store {
    pub(crate) fn new(store: impl LoginStore) -> Self {
        Self(Box::new(store))
    }

    /// As [`LoginStore::create`].
    pub(crate) async fn create(
        &self,
        new: &LoginRecord,
        replacing: &[LoginId],
    ) -> Result<bool, Error> {
        self.0.create(new, replacing).await.map_err(failed)
    }

    /// As [`LoginStore::create`]. That there is a record with this number, drawn at random as it is, is a fault as well.
    pub(crate) async fn create_new(
        &self,
        new: &LoginRecord,
        replacing: &[LoginId],
    ) -> Result<(), Error> {
        match self.create(new, replacing).await? {
            true => Ok(()),
            false => Err(failed("the number of a new login was taken".into())),
        }
    }

    pub(crate) async fn load(&self, id: &LoginId, now: u64) -> Result<Option<LoginRecord>, Error> {
        self.0.load(id, now).await.map_err(failed)
    }

    pub(crate) async fn update(&self, changed: &LoginRecord) -> Result<Updated, Error> {
        self.0.update(changed).await.map_err(failed)
    }

    pub(crate) async fn touch(&self, id: &LoginId, touch: Touch) -> Result<bool, Error> {
        self.0.touch(id, touch).await.map_err(failed)
    }

    pub(crate) async fn delete(&self, id: &LoginId) -> Result<bool, Error> {
        self.0.delete(id).await.map_err(failed)
    }

    pub(crate) async fn delete_by_user(
        &self,
        user_id: &str,
        except: Option<&LoginId>,
    ) -> Result<Vec<LoginId>, Error> {
        let deleted = self.0.delete_by_user(user_id, except).await;
        deleted.map_err(failed)
    }

    pub(crate) async fn list_by_user(
        &self,
        user_id: &str,
        now: u64,
    ) -> Result<Vec<LoginRecord>, Error> {
        self.0.list_by_user(user_id, now).await.map_err(failed)
    }

    pub(crate) async fn delete_expired(&self, now: u64, limit: usize) -> Result<usize, Error> {
        self.0.delete_expired(now, limit).await.map_err(failed)
    }
}

fn failed(error: BoxError) -> Error {
    tracing::error!(target: "housekey", %error, "the login store failed");
    Error::new(
        ErrorKind::StoreFailed,
        "the list of logins cannot be reached at the moment; try again in a little while",
    )
    .caused_by(error)
}

impl<S: LoginStore> ErasedStore for S {
    fn create<'a>(&'a self, new: &'a LoginRecord, replacing: &'a [LoginId]) -> Answer<'a, bool> {
        Box::pin(LoginStore::create(self, new, replacing))
    }

    fn load<'a>(&'a self, id: &'a LoginId, now: u64) -> Answer<'a, Option<LoginRecord>> {
        Box::pin(LoginStore::load(self, id, now))
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
    ) -> Answer<'a, Vec<LoginId>> {
        Box::pin(LoginStore::delete_by_user(self, user_id, except))
    }

    fn list_by_user<'a>(&'a self, user_id: &'a str, now: u64) -> Answer<'a, Vec<LoginRecord>> {
        Box::pin(LoginStore::list_by_user(self, user_id, now))
    }

    fn delete_expired(&self, now: u64, limit: usize) -> Answer<'_, usize> {
        Box::pin(LoginStore::delete_expired(self, now, limit))
    }
}
