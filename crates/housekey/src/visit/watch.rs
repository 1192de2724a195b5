//! Waits for the end of a login, for a stream that outlives its request.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use futures_lite::future;

use crate::error::{Error, ErrorKind};
use crate::login::state::{LoginSource, Who};
use crate::records::LoginId;
use crate::records::secret::LoginSecret;
use crate::visit::OpenVisit;
use crate::visit::shared::Shared;

/// Waits until a login is over. A request is checked once, when it comes. A WebSocket or a stream of events opened by it
/// goes on, and has to be told.
///
/// ```
/// # use housekey::*;
/// # use std::time::Duration;
/// # async fn sleep(_: Duration) {}
/// # async fn next_message() {}
/// # async fn stream(visit: OpenVisit) -> Result<(), Error> {
/// let watch = visit.watch()?;
/// futures_lite::future::or(
///     async {
///         loop {
///             next_message().await;
///         }
///     },
///     async {
///         // Your runtime's sleep, for instance tokio::time::sleep.
///         let over = watch.ended(|| sleep(Duration::from_secs(15))).await;
///         drop(over); // Over, or not to be known: in both cases the stream ends.
///     },
/// )
/// .await;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct LoginWatch {
    shared: Arc<Shared>,
    login: LoginId,
    /// The secret of the session that opened it.
    token: LoginSecret,
    user_id: String,
    /// The auth hash at that time.
    auth_hash: Option<Vec<u8>>,
}

impl OpenVisit {
    /// A watch over the current user's login. For doors. This request must have asked for the user before.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NoLoginStore`], and [`ErrorKind::NotLoggedIn`] if the visitor is anonymous, or an API key rather than a
    /// login proved the user.
    pub fn watch(&self) -> Result<LoginWatch, Error> {
        let shared = self.visit().shared();
        shared.records()?;
        self.with(|view| match (&view.who, &view.live, view.session_token()) {
            (Who::Somebody(user, source), Some(live), Some(token))
                if *source != LoginSource::Request =>
            {
                Ok(LoginWatch {
                    shared: Arc::clone(shared),
                    login: live.record.id,
                    token,
                    user_id: user.id(),
                    auth_hash: user.session_auth_hash(),
                })
            }
            _ => Err(Error::new(
                ErrorKind::NotLoggedIn,
                "the visitor is anonymous, or an API key proved the user, so there is no login to watch",
            )),
        })
    }
}

impl LoginWatch {
    /// Returns when the login is over, for any reason: a logout, an end from elsewhere, a timeout, a user who is gone or not
    /// active any more, or another auth hash. It also returns when the secret that opened the stream is worthless: half a
    /// minute after the user proved themselves again, which is meant to end copies. The user's own page reconnects with the
    /// new secret.
    ///
    /// It notices at once what this process does to the login. For everything else (another process, the clock, the users
    /// table) it looks again after each `pause`, which is your runtime's sleep: 15 seconds or so. Looking does not count as
    /// use of the login.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StoreFailed`] or [`ErrorKind::LoaderFailed`] if this cannot be known. End the stream then too: its
    /// client reconnects.
    pub async fn ended<Pause: Future>(
        &self,
        mut pause: impl FnMut() -> Pause,
    ) -> Result<(), Error> {
        loop {
            // Listens before it looks, so that nothing is missed in between.
            let signal = self.shared.watched.listen(self.login);
            if self.is_over().await? {
                return Ok(());
            }
            future::or(signal.wait(), async {
                pause().await;
            })
            .await;
        }
    }

    /// Whether the login is over now.
    ///
    /// # Errors
    ///
    /// As [`ended`](Self::ended).
    pub async fn is_over(&self) -> Result<bool, Error> {
        let Some(records) = &self.shared.records else {
            return Ok(true);
        };
        let look = self
            .shared
            .look_at_login(records, &self.token, &self.user_id);
        let user = look.await?;
        Ok(user.is_none_or(|user| !user.is_active() || user.session_auth_hash() != self.auth_hash))
    }
}

impl fmt::Debug for LoginWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginWatch")
            .field("login", &self.login)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
    use std::time::{Duration, SystemTime};

    use futures_lite::future::block_on;
    use http::{HeaderMap, Request, header};

    use super::*;
    use crate::records::MemoryLoginStore;
    use crate::{BoxError, Login, LoginManager, SecretKeys, User};

    struct Member {
        active: bool,
    }

    impl User for Member {
        fn id(&self) -> String {
            "mia".to_owned()
        }
        fn is_active(&self) -> bool {
            self.active
        }
    }

    /// A site, a login of mia's there, and a watch over it.
    struct Site {
        manager: LoginManager<Member>,
        cookie: String,
        watch: LoginWatch,
        now: Arc<AtomicU64>,
        active: Arc<AtomicBool>,
    }

    fn site() -> Site {
        site_with(MemoryLoginStore::new())
    }

    fn site_with(store: MemoryLoginStore) -> Site {
        let now = Arc::new(AtomicU64::new(1_700_000_000));
        let active = Arc::new(AtomicBool::new(true));
        let (clock, is_active) = (Arc::clone(&now), Arc::clone(&active));
        let loader = move |_: String| {
            let active = is_active.load(Ordering::SeqCst);
            ready(Ok::<_, BoxError>(Some(Member { active })))
        };
        let manager = LoginManager::new(SecretKeys::generate(), loader)
            .login_store(store)
            .clock(move || {
                SystemTime::UNIX_EPOCH + Duration::from_secs(clock.load(Ordering::SeqCst))
            })
            .build()
            .unwrap();
        let cookie = respond(&manager, "", |visit| {
            block_on(async { Login::new(visit).login_user(&Member { active: true }).await })
                .unwrap();
        });
        let mut watch = None;
        respond(&manager, &cookie, |visit| {
            let (request, ()) = Request::get("/").body(()).unwrap().into_parts();
            block_on(visit.current_user::<Member>(&request)).unwrap();
            watch = Some(visit.watch().unwrap());
        });
        Site {
            manager,
            cookie,
            watch: watch.unwrap(),
            now,
            active,
        }
    }

    /// The session cookie that a response sets.
    fn respond(
        manager: &LoginManager<Member>,
        cookie: &str,
        handler: impl FnOnce(OpenVisit),
    ) -> String {
        let request = Request::get("/").header(header::COOKIE, cookie);
        let (request, ()) = request.body(()).unwrap().into_parts();
        let visit = manager.visit(&request.uri);
        handler(visit.open(&request).unwrap());
        let mut headers = HeaderMap::new();
        visit.finish(&mut headers).unwrap();
        let set = headers.get(header::SET_COOKIE);
        let set = set.map(|value| value.to_str().unwrap().to_owned());
        set.unwrap_or_default()
            .split(';')
            .next()
            .unwrap()
            .to_owned()
    }

    #[test]
    fn what_this_process_ends_wakes_the_watch_at_once() {
        type End = fn(&Site);
        let ends: [(&str, End); 3] = [
            ("a logout", |site| {
                respond(&site.manager, &site.cookie, |visit| {
                    block_on(Login::<Member>::new(visit).logout_user()).unwrap();
                });
            }),
            ("an administrator", |site| {
                let logins = block_on(site.manager.logins_of("mia")).unwrap();
                assert!(
                    block_on(site.manager.end_login(&logins[0].id))
                        .unwrap()
                        .is_some()
                );
            }),
            ("the end of all", |site| {
                assert_eq!(block_on(site.manager.end_logins_of("mia")).unwrap(), 1);
            }),
        ];
        for (name, end) in ends {
            let site = site();
            let watch = site.watch.clone();
            let waiting = std::thread::spawn(move || block_on(watch.ended(pending::<()>)));
            end(&site);
            let over = waiting.join().unwrap();
            assert!(over.is_ok(), "{name}");
            let left = site.watch.shared.watched.lock().len();
            assert_eq!(left, 0, "{name}: nothing waits any more");
        }
    }

    #[test]
    fn the_clock_and_the_users_table_are_seen_at_the_next_look() {
        type End = fn(&Site);
        let ends: [(&str, End); 2] = [
            ("idle for too long", |site| {
                site.now.fetch_add(24 * 60 * 60, Ordering::SeqCst);
            }),
            ("not active any more", |site| {
                site.active.store(false, Ordering::SeqCst);
            }),
        ];
        for (name, end) in ends {
            let site = site();
            let mut looks = 0;
            let over = block_on(site.watch.ended(|| {
                looks += 1;
                if looks == 3 {
                    end(&site);
                }
                ready(())
            }));
            assert!(over.is_ok(), "{name}");
            assert_eq!(looks, 3, "{name}");
        }
    }

    /// Another process uses the same store, and this process is not told.
    #[test]
    fn what_another_process_ends_is_seen_at_the_next_look() {
        let store = MemoryLoginStore::new();
        let site = site_with(store.clone());
        let elsewhere = site_with(store).manager;
        let mut looks = 0;
        let over = block_on(site.watch.ended(|| {
            looks += 1;
            if looks == 3 {
                assert_eq!(block_on(elsewhere.end_logins_of("mia")).unwrap(), 2);
            }
            ready(())
        }));
        assert!(over.is_ok());
        assert_eq!(looks, 3);
    }

    /// A copy of the session opened the stream. Then its owner proves herself again, which is meant to end copies.
    #[test]
    fn a_watch_ends_with_the_secret_that_opened_it() {
        let site = site();
        respond(&site.manager, &site.cookie, |visit| {
            block_on(Login::new(visit).confirm_login(&Member { active: true })).unwrap();
        });
        assert!(!block_on(site.watch.is_over()).unwrap(), "it is under way");
        site.now.fetch_add(31, Ordering::SeqCst);
        assert!(block_on(site.watch.is_over()).unwrap());
        assert_eq!(block_on(site.manager.logins_of("mia")).unwrap().len(), 1);
    }

    #[test]
    fn another_login_of_the_same_user_wakes_nobody() {
        let site = site();
        let other = respond(&site.manager, "", |visit| {
            block_on(async { Login::new(visit).login_user(&Member { active: true }).await })
                .unwrap();
        });
        respond(&site.manager, &other, |visit| {
            block_on(Login::<Member>::new(visit).logout_user()).unwrap();
        });
        assert!(!block_on(site.watch.is_over()).unwrap());
    }
}
