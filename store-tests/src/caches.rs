//! Stores that keep records in the process: what they must do beside another process, and when the connection between them fails.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use housekey::BoxError;
use housekey::records::{
    Created, Limit, LoginId, LoginRecord, LoginStore, RecordCache, SharedRecord, Touch, Updated,
};
use tokio::task::yield_now;

use crate::crowd::{Busy, Crowd};
use crate::operations::{HUNG, answer};
use crate::{NOW, Network, Server, create, record};

/// The lease of these stores: short, so that tests do not wait.
pub const LEASE: Duration = Duration::from_millis(500);

/// How long a test waits for the cache. A connection whose first sign of life comes late is used without a cache for a minute.
pub(crate) const PATIENCE: Duration = HUNG.saturating_mul(3);

/// The settings of these stores.
pub const fn settings() -> RecordCache {
    RecordCache::new().lease(LEASE)
}

/// A store that looks records up as a request does: in the cache, if they are there. It runs the suites of other stores.
pub struct ThroughCache<S> {
    store: Arc<S>,
    /// Whether others change records too, so that the cache may be a moment behind.
    is_shared: bool,
}

impl<S: LoginStore> ThroughCache<S> {
    /// A store that nobody else changes: the cache is never behind.
    pub fn alone(store: S) -> Arc<Self> {
        Arc::new(Self {
            store: Arc::new(store),
            is_shared: false,
        })
    }

    /// A store that others change too: the cache catches up with the store.
    pub fn among_others(store: S) -> Arc<Self> {
        Arc::new(Self {
            store: Arc::new(store),
            is_shared: true,
        })
    }
}

/// Boxed, to keep the futures of long tests small.
impl<S: LoginStore> LoginStore for ThroughCache<S> {
    async fn create(
        &self,
        new: &LoginRecord,
        replacing: &[LoginId],
        limit: Limit,
    ) -> Result<Created, BoxError> {
        Box::pin(self.store.create(new, replacing, limit)).await
    }

    async fn load(&self, id: &LoginId, now: u64) -> Result<Option<LoginRecord>, BoxError> {
        let began = Instant::now();
        loop {
            // The second look-up finds what the first one kept.
            Box::pin(self.store.look_up(id, now)).await?;
            let found = Box::pin(self.store.look_up(id, now)).await?;
            let cached = found.map(|it| LoginRecord::clone(&it));
            if !self.is_shared || cached == Box::pin(self.store.load(id, now)).await? {
                return Ok(cached);
            }
            assert!(began.elapsed() < HUNG, "the cache stays behind");
        }
    }

    async fn update(&self, changed: &LoginRecord) -> Result<Updated, BoxError> {
        Box::pin(self.store.update(changed)).await
    }

    async fn touch(&self, id: &LoginId, touch: Touch) -> Result<bool, BoxError> {
        Box::pin(self.store.touch(id, touch)).await
    }

    async fn delete(&self, id: &LoginId) -> Result<bool, BoxError> {
        Box::pin(self.store.delete(id)).await
    }

    async fn delete_by_user(
        &self,
        user_id: &str,
        except: Option<&LoginId>,
        limit: usize,
    ) -> Result<Vec<LoginId>, BoxError> {
        Box::pin(self.store.delete_by_user(user_id, except, limit)).await
    }

    async fn list_by_user(
        &self,
        user_id: &str,
        now: u64,
        limit: usize,
    ) -> Result<Vec<LoginRecord>, BoxError> {
        Box::pin(self.store.list_by_user(user_id, now, limit)).await
    }

    async fn delete_expired(&self, now: u64, limit: usize) -> Result<usize, BoxError> {
        Box::pin(self.store.delete_expired(now, limit)).await
    }
}

/// Looks a record up until the answer fits.
///
/// # Panics
///
/// If it never fits.
async fn until(
    what: &str,
    store: &impl LoginStore,
    id: &LoginId,
    is_so: impl Fn(&Result<Option<SharedRecord>, BoxError>) -> bool,
) {
    let began = Instant::now();
    loop {
        let found = answer(store.look_up(id, NOW)).await;
        if is_so(&found) {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{what}: {found:?}");
        yield_now().await;
    }
}

fn is_cached(found: &Result<Option<SharedRecord>, BoxError>) -> bool {
    matches!(found, Ok(Some(found)) if found.is_cached())
}

fn is_gone(found: &Result<Option<SharedRecord>, BoxError>) -> bool {
    matches!(found, Ok(None))
}

/// Keeps a login that another process has made.
///
/// # Panics
///
/// If the cache never answers.
pub async fn cached(here: &impl LoginStore, elsewhere: &impl LoginStore) -> LoginRecord {
    let login = record("cached");
    create(elsewhere, &login).await;
    until("it is kept", here, &login.id, is_cached).await;
    login
}

/// Every way in which another process ends or changes a login takes effect here.
///
/// # Panics
///
/// If the cache does not notice.
pub async fn changes_by_another_process_are_known_here(
    here: &impl LoginStore,
    elsewhere: &impl LoginStore,
) {
    let over = |login: LoginRecord| async move {
        until("it is over", here, &login.id, is_gone).await;
    };
    let login = cached(here, elsewhere).await;
    assert!(elsewhere.delete(&login.id).await.expect("delete"));
    over(login).await;

    let login = cached(here, elsewhere).await;
    let deleted = elsewhere.delete_by_user("cached", None, 9).await;
    assert_eq!(deleted.expect("delete by user"), [login.id]);
    over(login).await;

    let login = cached(here, elsewhere).await;
    let next = record("cached");
    let limit = Limit {
        count: 1,
        now: NOW,
        spared_since: u64::MAX,
    };
    let created = elsewhere.create(&next, &[], limit).await.expect("create");
    let ended = vec![login.id];
    assert_eq!(created, Created::Done { ended });
    over(login).await;

    until("it is kept", here, &next.id, is_cached).await;
    let by_another = record("another");
    let created = elsewhere.create(&by_another, &[next.id], Limit::NONE).await;
    assert!(created.expect("create").is_done());
    over(next).await;

    let login = cached(here, elsewhere).await;
    let purged = elsewhere.delete_expired(login.expires_at, 99).await;
    assert!(purged.expect("purge") > 0);
    over(login).await;

    let login = cached(here, elsewhere).await;
    let renewed = LoginRecord {
        data: r#"{"session":"another"}"#.to_owned(),
        ..login.clone()
    };
    let updated = elsewhere.update(&renewed).await.expect("update");
    assert_eq!(updated, Updated::Done);
    until(
        "it is renewed",
        here,
        &login.id,
        |found| matches!(found, Ok(Some(found)) if found.data == renewed.data),
    )
    .await;
    elsewhere.delete(&login.id).await.expect("delete");
}

/// The cache knows at once what this process does itself.
///
/// # Panics
///
/// If the cache says anything else.
pub async fn changes_by_this_process_are_known_at_once(
    here: &impl LoginStore,
    elsewhere: &impl LoginStore,
) {
    let gone = |login: LoginRecord| async move {
        let found = here.look_up(&login.id, NOW).await;
        assert!(is_gone(&found), "{found:?}");
    };
    for _ in 0..20 {
        let login = cached(here, elsewhere).await;
        assert!(here.delete(&login.id).await.expect("delete"));
        gone(login).await;

        let login = cached(here, elsewhere).await;
        let deleted = here.delete_by_user("cached", None, 9).await;
        assert_eq!(deleted.expect("delete by user"), [login.id]);
        gone(login).await;

        let login = cached(here, elsewhere).await;
        let next = record("cached");
        let created = here.create(&next, &[login.id], Limit::NONE).await;
        assert!(created.expect("create").is_done());
        gone(login).await;

        until("it is kept", here, &next.id, is_cached).await;
        let touch = Touch {
            now: NOW + 100,
            unless_since: NOW + 50,
            expires_at: next.expires_at,
        };
        assert!(here.touch(&next.id, touch).await.expect("touch"));
        let seen = here.look_up(&next.id, NOW).await.expect("look up");
        assert_eq!(seen.map(|it| it.last_seen_at), Some(NOW + 100));

        until("it is kept", here, &next.id, is_cached).await;
        assert_eq!(here.update(&next).await.expect("update"), Updated::Done);
        let seen = here.look_up(&next.id, NOW).await.expect("look up");
        assert_eq!(seen.map(|it| it.version), Some(next.version + 1));

        until("it is kept", here, &next.id, is_cached).await;
        let limit = Limit {
            count: 1,
            now: NOW,
            spared_since: u64::MAX,
        };
        let last = record("cached");
        assert!(
            here.create(&last, &[], limit)
                .await
                .expect("create")
                .is_done()
        );
        gone(next).await;
        here.delete(&last.id).await.expect("delete");
    }
}

/// The cable is cut unnoticed: `here` is behind this network, `elsewhere` is not.
///
/// # Panics
///
/// When the login goes on.
pub async fn a_cable_that_is_cut_keeps_no_login_alive(
    network: &Network,
    here: &impl LoginStore,
    elsewhere: &impl LoginStore,
) {
    for _ in 0..3 {
        let login = cached(here, elsewhere).await;
        network.lose_connections();
        assert!(elsewhere.delete(&login.id).await.expect("delete"));
        until("it is over", here, &login.id, is_gone).await;
    }
}

/// The cache does not stand in for a server that does not answer.
///
/// # Panics
///
/// If it does, for longer than a lease.
pub async fn a_server_that_hangs_is_not_answered_for(server: &Server, here: &impl LoginStore) {
    let login = cached(here, here).await;
    server.freeze();
    until("nobody knows", here, &login.id, Result::is_err).await;
    server.thaw();
    until("it goes on", here, &login.id, is_cached).await;
}

/// The same with a server that goes away, and comes back without the login.
///
/// # Panics
///
/// When the login goes on.
pub async fn a_server_that_is_gone_is_not_answered_for(
    server: &mut Server,
    here: &impl LoginStore,
) {
    let login = cached(here, here).await;
    server.kill();
    until("nobody knows", here, &login.id, Result::is_err).await;
    server.start_again();
    until("it goes on", here, &login.id, is_cached).await;
    assert!(here.delete(&login.id).await.expect("delete"));
    until("it is over", here, &login.id, is_gone).await;
}

/// The current logins, and the ended ones with the time when the client that ended them got its answer.
#[derive(Default)]
struct Logins {
    live: VecDeque<LoginId>,
    ended: Vec<(LoginId, Instant)>,
}

/// A client that ends logins in one process and makes others.
struct Ender<S> {
    store: Arc<S>,
    logins: Arc<Mutex<Logins>>,
    made: usize,
}

/// A client that uses them in another process.
struct Reader<S> {
    store: Arc<S>,
    logins: Arc<Mutex<Logins>>,
    /// How often the cache has answered all readers.
    hits: Arc<AtomicUsize>,
    turn: usize,
}

enum Either<S, T> {
    Ender(Ender<T>),
    Reader(Reader<S>),
}

impl<S: LoginStore, T: LoginStore> Busy for Either<S, T> {
    fn name(&self) -> &str {
        match self {
            Self::Ender(_) => "the client that ends logins",
            Self::Reader(_) => "the client that uses them",
        }
    }

    async fn round(&mut self) -> bool {
        match self {
            Self::Ender(ender) => ender.round().await.is_ok(),
            Self::Reader(reader) => reader.round().await.is_ok(),
        }
    }
}

/// How many logins there are at a time.
const LOGINS: usize = 10;

impl<S: LoginStore> Ender<S> {
    async fn round(&mut self) -> Result<(), BoxError> {
        // Each login has its own user, so that a change takes one record out of the cache and not all.
        self.made += 1;
        let new = record(&format!("in traffic {}", self.made));
        answer(self.store.create(&new, &[], Limit::NONE)).await?;
        let oldest = {
            let live = &mut lock(&self.logins).live;
            live.push_back(new.id);
            if live.len() > LOGINS {
                live.pop_front()
            } else {
                None
            }
        };
        if let Some(id) = oldest {
            answer(self.store.delete(&id)).await?;
            lock(&self.logins).ended.push((id, Instant::now()));
        }
        Ok(())
    }
}

impl<S: LoginStore> Reader<S> {
    async fn round(&mut self) -> Result<(), BoxError> {
        self.turn += 1;
        match self.turn.is_multiple_of(2) {
            true => self.goes_on().await,
            false => self.has_a_copy().await,
        }
    }

    async fn goes_on(&self) -> Result<(), BoxError> {
        let id = nth(lock(&self.logins).live.make_contiguous(), self.turn / 2);
        if let Some(id) = id
            && let Some(found) = answer(self.store.look_up(&id, NOW)).await?
        {
            let is_cached = usize::from(found.is_cached());
            self.hits.fetch_add(is_cached, Ordering::Relaxed);
        }
        Ok(())
    }

    /// A thief has a copy of a cookie whose login has ended.
    async fn has_a_copy(&self) -> Result<(), BoxError> {
        let stolen = nth(&lock(&self.logins).ended, self.turn / 2);
        let began = Instant::now();
        if let Some((id, ended)) = stolen
            && answer(self.store.look_up(&id, NOW)).await?.is_some()
        {
            let since = began.duration_since(ended);
            assert!(since < LEASE, "a login that ended {since:?} ago goes on");
        }
        Ok(())
    }
}

fn nth<T: Copy>(all: &[T], turn: usize) -> Option<T> {
    all.get(turn % all.len().max(1)).copied()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Logins that are used in one process and end in another, while the connection `fails` again and again.
///
/// # Panics
///
/// When a login goes on for longer than a lease.
pub async fn no_fault_keeps_a_login_alive<S: LoginStore, T: LoginStore>(
    here: &Arc<S>,
    elsewhere: &Arc<T>,
    mut fails: impl AsyncFnMut(),
) {
    let logins = Arc::<Mutex<Logins>>::default();
    let hits = Arc::new(AtomicUsize::new(0));
    let reader = |turn| {
        Either::Reader(Reader {
            store: Arc::clone(here),
            logins: Arc::clone(&logins),
            hits: Arc::clone(&hits),
            turn,
        })
    };
    let ender = Either::Ender(Ender {
        store: Arc::clone(elsewhere),
        logins: Arc::clone(&logins),
        made: 0,
    });
    let mut crowd = Crowd::start([ender].into_iter().chain((0..4).map(reader)));
    let began = Instant::now();
    for times in 0.. {
        crowd.get_through(20).await;
        if times >= 5 && hits.load(Ordering::Relaxed) > 0 {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "the cache answers");
        fails().await;
    }
    crowd.end().await;
}
