//! What a login can do if its record comes from a cache and has ended elsewhere meanwhile.
#![allow(clippy::unwrap_used)]

use futures_lite::future::block_on;
use housekey::records::cache::{CachedRecords, Feed};
use housekey::records::{
    Created, Limit, LoginId, LoginRecord, LoginStore, MemoryLoginStore, RecordCache, SharedRecord,
    Touch, Updated,
};
use housekey::testing::Browser;
use housekey::{BoxError, Login, LoginManager, OpenVisit, SecretKeys, User};
use http::Request;
use http::request::Parts;

struct Member(String);

impl User for Member {
    fn id(&self) -> String {
        self.0.clone()
    }
}

/// A store whose server has stopped reporting changes, within the lease.
#[derive(Clone)]
struct Cached {
    server: MemoryLoginStore,
    cache: CachedRecords,
    feed: std::sync::Arc<Feed>,
}

impl Cached {
    fn of(server: &MemoryLoginStore) -> Self {
        let cache = RecordCache::new().build().unwrap();
        let feed = cache.feed();
        let asked = feed.ask();
        feed.answered(asked);
        Self {
            server: server.clone(),
            cache,
            feed: feed.into(),
        }
    }
}

impl LoginStore for Cached {
    async fn create(
        &self,
        new: &LoginRecord,
        replacing: &[LoginId],
        limit: Limit,
    ) -> Result<Created, BoxError> {
        self.server.create(new, replacing, limit).await
    }

    async fn load(&self, id: &LoginId, now: u64) -> Result<Option<LoginRecord>, BoxError> {
        self.server.load(id, now).await
    }

    async fn look_up(&self, id: &LoginId, now: u64) -> Result<Option<SharedRecord>, BoxError> {
        if let Some(kept) = self.cache.get(id, now) {
            return Ok(Some(kept));
        }
        let loading = self.cache.loading();
        let found = self.server.load(id, now).await?.map(SharedRecord::new);
        if let Some(found) = &found {
            loading.keep(found, &self.feed);
        }
        Ok(found)
    }

    async fn update(&self, changed: &LoginRecord) -> Result<Updated, BoxError> {
        self.server.update(changed).await
    }

    async fn touch(&self, id: &LoginId, touch: Touch) -> Result<bool, BoxError> {
        self.server.touch(id, touch).await
    }

    async fn delete(&self, id: &LoginId) -> Result<bool, BoxError> {
        self.server.delete(id).await
    }

    async fn delete_by_user(
        &self,
        user_id: &str,
        except: Option<&LoginId>,
        limit: usize,
    ) -> Result<Vec<LoginId>, BoxError> {
        self.server.delete_by_user(user_id, except, limit).await
    }

    async fn list_by_user(
        &self,
        user_id: &str,
        now: u64,
        limit: usize,
    ) -> Result<Vec<LoginRecord>, BoxError> {
        self.server.list_by_user(user_id, now, limit).await
    }

    async fn delete_expired(&self, now: u64, limit: usize) -> Result<usize, BoxError> {
        self.server.delete_expired(now, limit).await
    }
}

fn manager(store: impl LoginStore) -> LoginManager<Member> {
    let key = SecretKeys::new("9f2c8d54b61e4bd9a1f0c7d35e8b2a64").unwrap();
    let loader = |id: String| async move { Ok::<_, BoxError>(Some(Member(id))) };
    let manager = LoginManager::new(key, loader);
    manager.login_store(store).build().unwrap()
}

/// A request of the browser that has asked for the current user.
fn visit(manager: &LoginManager<Member>, browser: &Browser<Member>) -> (OpenVisit, Option<String>) {
    let request = Request::get("/").header("cookie", browser.cookies());
    let (request, ()): (Parts, ()) = request.body(()).unwrap().into_parts();
    let visit = manager.visit(&request.uri).open(&request).unwrap();
    let user = block_on(visit.current_user::<Member>(&request)).unwrap();
    (visit, user.map(|current| current.user.0.clone()))
}

#[test]
fn a_login_that_ended_elsewhere_goes_on_for_the_lease_and_ends_no_others() {
    let server = MemoryLoginStore::new();
    let here = manager(Cached::of(&server));
    let elsewhere = manager(server.clone());
    let log_in = || {
        let mut browser = Browser::of(&here);
        block_on(browser.log_in(&Member("mia".to_owned()))).unwrap();
        browser
    };
    let (stolen, owner) = (log_in(), log_in());
    // From now on both are kept.
    for browser in [&stolen, &owner] {
        visit(&here, browser);
    }
    let (asking, _) = visit(&elsewhere, &owner);
    assert_eq!(
        block_on(Login::<Member>::new(asking).end_other_logins()).unwrap(),
        1
    );

    let (asking, user) = visit(&here, &stolen);
    assert_eq!(user.as_deref(), Some("mia"), "within the lease");
    let login = Login::<Member>::new(asking);
    assert!(block_on(login.logins()).is_err());
    assert!(block_on(login.end_other_logins()).is_err());
    let (asking, _) = visit(&here, &owner);
    let logins = block_on(Login::<Member>::new(asking).logins()).unwrap();
    assert_eq!(logins.len(), 1, "the owner's own");
    let (asking, _) = visit(&here, &stolen);
    let login = Login::<Member>::new(asking);
    assert!(block_on(login.end_login(&logins[0].id)).is_err());
    assert_eq!(visit(&elsewhere, &owner).1.as_deref(), Some("mia"));
}
