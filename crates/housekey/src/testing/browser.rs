//! A browser, as far as a test needs one.

use std::fmt;
use std::future::IntoFuture as _;

use http::request::{Builder, Parts};
use http::{HeaderMap, Request, header};

use super::Jar;
use crate::cookie::Attributes;
use crate::error::Error;
use crate::login::pending::Pending;
use crate::manager::LoginManager;
use crate::session::{SessionMap, keys};
use crate::user::User;
use crate::visit::login::{Login, LoginUser};

/// A browser of one login manager's users: it logs in without a login page, and keeps the cookies of each response.
///
/// Flask-Login's `FlaskLoginClient`. It follows the manager's own rules: where there is a login store, a login has its
/// record. It sends no requests: put [`cookies`](Self::cookies) into yours.
///
/// A session is bound to the browser that it was made for ([`SessionProtection`](crate::SessionProtection)). Test requests
/// with a `User-Agent`, or with an address, come from another browser than requests without; say so with
/// [`requesting`](Self::requesting).
pub struct Browser<U> {
    manager: LoginManager<U>,
    like: Parts,
    jar: Jar,
}

impl<U: User> Browser<U> {
    /// A browser without cookies. Its requests have no `User-Agent`.
    pub fn of(manager: &LoginManager<U>) -> Self {
        let (like, ()) = Request::new(()).into_parts();
        Self {
            manager: manager.clone(),
            like,
            jar: Jar::default(),
        }
    }

    /// Makes its requests like this one: with its header fields and its extensions, from which the manager recognises a
    /// client.
    ///
    /// # Panics
    ///
    /// When the builder has an error.
    #[must_use]
    pub fn requesting(self, request: Builder) -> Self {
        let request = request.body(()).expect("a request");
        let (like, ()) = request.into_parts();
        Self { like, ..self }
    }

    /// Logs this user in, freshly, without a password. Returns what the browser got, as [`receive`](Self::receive) does.
    ///
    /// # Errors
    ///
    /// Those of [`Login::login_user`].
    pub async fn log_in(&mut self, user: &U) -> Result<String, Error> {
        self.log_in_with(user, |login| login).await
    }

    /// The same, with options for the login:
    ///
    /// ```
    /// # use housekey::testing::Browser;
    /// # use housekey::*;
    /// # struct Member(&'static str);
    /// # impl User for Member { fn id(&self) -> String { self.0.to_owned() } }
    /// # futures_lite::future::block_on(async {
    /// # let mia = Member("mia");
    /// # let loader = |_: String| async { Ok::<_, BoxError>(Some(Member("mia"))) };
    /// # let manager = LoginManager::new(SecretKeys::generate(), loader).build()?;
    /// let mut browser = Browser::of(&manager);
    /// let login = browser.log_in_with(&mia, |login| login.not_fresh().remember(true));
    /// assert_eq!(login.await?, "remember token of mia; session of mia, not fresh");
    /// # Ok::<_, Error>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// As [`log_in`](Self::log_in).
    pub async fn log_in_with(
        &mut self,
        user: &U,
        options: impl for<'a> FnOnce(LoginUser<'a, U>) -> LoginUser<'a, U>,
    ) -> Result<String, Error> {
        self.changing(async |login| options(login.login_user(user)).into_future().await)
            .await
    }

    /// Lets this user take the first step of a login in two, and no more ([`Login::begin`]): they are half logged in, for a test of
    /// the page that follows. Says what the browser has got: `pending login of mia`.
    ///
    /// # Errors
    ///
    /// Those of [`Login::begin`].
    pub async fn begin(&mut self, user: &U) -> Result<String, Error> {
        self.changing(async |login| login.begin(user).into_future().await)
            .await
    }

    async fn changing(
        &mut self,
        change: impl AsyncFnOnce(Login<U>) -> Result<(), Error>,
    ) -> Result<String, Error> {
        let mut request = self.like.clone();
        if let Ok(cookies) = self.cookies().parse() {
            request.headers.insert(header::COOKIE, cookies);
        }
        let visit = self.manager.visit(&request.uri);
        change(Login::new(visit.open(&request)?)).await?;
        let mut answer = HeaderMap::new();
        visit.finish(&mut answer)?;
        Ok(self.receive(answer.get_all(header::SET_COOKIE)))
    }

    /// The value of the `Cookie` field for a request.
    pub fn cookies(&self) -> String {
        self.jar.header("/", self.now())
    }

    /// Keeps the cookies that a response sets or deletes, and says what they are, for instance `session of mia, fresh; no
    /// remember token`. Empty if the response changes none of the browser's cookies. Takes the values of all `Set-Cookie`
    /// fields: `response.headers().get_all("set-cookie")` in any framework.
    pub fn receive(&mut self, fields: impl IntoIterator<Item = impl AsRef<[u8]>>) -> String {
        let mut told = Vec::new();
        for field in fields {
            let field = String::from_utf8_lossy(field.as_ref()).into_owned();
            let before = self.jar.clone();
            self.jar.keep(&field, self.now());
            if self.jar == before {
                continue;
            }
            let (name, _) = field.split_once('=').unwrap_or((&field, ""));
            let words = self.words(name, self.jar.value(name));
            if !words.is_empty() && !told.contains(&words) {
                told.push(words);
            }
        }
        told.join("; ")
    }

    /// Closes the browser: cookies without an expiry are gone, and with them a session that is not permanent. A remember
    /// token survives.
    pub fn close(&mut self) {
        self.jar.end_session();
    }

    /// Its cookies.
    pub fn jar(&mut self) -> &mut Jar {
        &mut self.jar
    }

    fn now(&self) -> u64 {
        self.manager.shared.now()
    }

    /// What a cookie is. `None` for a deleted one.
    fn words(&self, name: &str, value: Option<&str>) -> String {
        let policy = &self.manager.shared.policy;
        let session = &policy.session_cookie;
        let is = |attributes: &Attributes| attributes.name == name;
        let values = session.values.as_ref();
        let kind = match () {
            () if is(&session.main.attributes) => "session",
            () if values.is_some_and(|values| is(&values.attributes)) => "session values",
            () if is(&policy.remember.attributes) => "remember token",
            () => return format!("cookie {name}"),
        };
        let Some(value) = value else {
            return format!("no {kind}");
        };
        let value = value.as_bytes();
        let text = match kind {
            "session" => session.main.open(value, self.now()).ok().map(session_of),
            "remember token" => {
                let claims = policy.remember.verify(value, self.now()).ok();
                claims.map(|claims| format!("remember token of {}", claims.user_id))
            }
            _ => values.and_then(|cookie| {
                let (session, _) = cookie.open(value, self.now()).ok()?;
                Some(pending_of(&session).unwrap_or(kind.to_owned()))
            }),
        };
        text.unwrap_or_else(|| format!("{kind} that counts for nothing"))
    }
}

fn session_of<T>((session, _): (SessionMap, T)) -> String {
    let Some(user_id) = session.text(keys::USER_ID) else {
        return pending_of(&session).unwrap_or("session of nobody".to_owned());
    };
    match session.is_true(keys::FRESH) {
        true => format!("session of {user_id}, fresh"),
        false => format!("session of {user_id}, not fresh"),
    }
}

fn pending_of(session: &SessionMap) -> Option<String> {
    let pending = Pending::of(session)?;
    Some(format!("pending login of {}", pending.user_id))
}

impl<U> fmt::Debug for Browser<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Browser").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_lite::future::block_on;

    use super::super::Clock;
    use super::*;
    use crate::records::MemoryLoginStore;
    use crate::{BoxError, LoginManagerBuilder, SecretKeys};

    struct Member(String);

    impl User for Member {
        fn id(&self) -> String {
            self.0.clone()
        }
    }

    async fn load(id: String) -> Result<Option<Member>, BoxError> {
        Ok(Some(Member(id)))
    }

    /// What a page sees when it asks for the current user, and what its response sets.
    fn look(browser: &mut Browser<Member>, request: Builder) -> (String, String) {
        let request = request.header("cookie", browser.cookies());
        let (request, ()) = request.body(()).unwrap().into_parts();
        let visit = browser.manager.visit(&request.uri);
        let open = visit.open(&request).unwrap();
        let current = block_on(open.current_user::<Member>(&request)).unwrap();
        let seen = current.map_or("nobody".to_owned(), |current| {
            let fresh = if current.fresh { "fresh" } else { "not fresh" };
            format!("{}, {fresh}", current.user.0)
        });
        let mut answer = HeaderMap::new();
        visit.finish(&mut answer).unwrap();
        (seen, browser.receive(answer.get_all("set-cookie")))
    }

    #[test]
    fn a_browser_is_who_it_is_logged_in_as_in_every_preset_with_and_without_records() {
        const KEY: &str = "9f2c8d54b61e4bd9a1f0c7d35e8b2a64";
        let keys = || SecretKeys::flask(KEY).unwrap();
        let clock = Clock::default();
        let presets: [fn(SecretKeys) -> LoginManagerBuilder<Member>; 3] = [
            |keys| LoginManager::new(keys, load),
            |keys| LoginManager::new(keys, load).login_store(MemoryLoginStore::new()),
            |keys| LoginManager::flask(keys, load).login_store(MemoryLoginStore::new()),
        ];
        for preset in presets {
            let manager = preset(keys()).clock(clock.reader()).build().unwrap();
            let mia = Member("mia".to_owned());
            let get = || Request::get("/");
            let mut browser = Browser::of(&manager);
            assert_eq!(look(&mut browser, get()), ("nobody".into(), String::new()));

            let told = block_on(browser.log_in(&mia)).unwrap();
            assert_eq!(told, "session of mia, fresh");
            assert_eq!(look(&mut browser, get()).0, "mia, fresh");

            let stale = browser.log_in_with(&mia, |login| login.not_fresh().remember(true));
            let told = block_on(stale).unwrap();
            assert_eq!(told, "remember token of mia; session of mia, not fresh");
            assert_eq!(look(&mut browser, get()).0, "mia, not fresh");

            browser.close();
            let (seen, told) = look(&mut browser, get());
            assert_eq!(seen, "mia, not fresh");
            assert!(told.contains("session of mia, not fresh"), "{told}");

            // A login without "remember me" deletes the token.
            let told = block_on(browser.log_in(&mia)).unwrap();
            assert!(told.contains("no remember token"), "{told}");

            let told = block_on(browser.begin(&mia)).unwrap();
            assert!(told.contains("pending login of mia"), "{told}");
            assert_eq!(look(&mut browser, get()).0, "nobody");
            browser.jar().put("theme", "dark");
            assert_eq!(browser.receive(["theme=light; Path=/"]), "cookie theme");
            assert_eq!(browser.receive(["theme=light; Path=/"]), "");
            clock.advance(Duration::from_secs(1));
        }
    }

    #[test]
    fn a_browser_has_the_user_agent_that_its_requests_have() {
        let manager = LoginManager::new(SecretKeys::generate(), load);
        let manager = manager.build().unwrap();
        let request = || Request::get("/").header("user-agent", "Phone/1");
        let mia = Member("mia".to_owned());
        let mut bare = Browser::of(&manager);
        let mut phone = Browser::of(&manager).requesting(request());
        for (browser, seen) in [(&mut bare, "mia, not fresh"), (&mut phone, "mia, fresh")] {
            block_on(browser.log_in(&mia)).unwrap();
            assert_eq!(look(browser, request()).0, seen);
        }
    }
}
