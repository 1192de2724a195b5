//! What a cookie says, for an administrator. Nothing here changes anything: no use is noted, no token is used up.
//!
//! A cookie is read as of the moment when it was signed, and judged as of now, both by the rules of a visit.

use std::time::{Duration, SystemTime};

use crate::error::Error;
use crate::event::{EndReason, Rejection};
use crate::login::lifetime::end_of;
use crate::records::data::LoginData;
use crate::records::info::LoginInfo;
use crate::records::marks::{marker_id, was_ended};
use crate::records::rules::Remembered;
use crate::records::secret::LoginSecret;
use crate::records::{LoginId, LoginRecord};
use crate::remember::{Claims, ClaimsKind, RememberFormat};
use crate::session::{OWNER, PERMANENT, SessionMap, SignedCookie, keys};
use crate::signing::timed::{Refused, Signature};
use crate::visit::shared::{Records, Shared};

/// What a cookie signed with one of the manager's keys says: see [`LoginManager::read_cookie`](super::LoginManager::read_cookie).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CookieReading {
    /// What it is.
    pub kind: CookieKind,
    /// Whether it counts at this moment.
    pub verdict: CookieVerdict,
    /// The number of the key that signed it: 0 is the one that signs, 1 the first fallback.
    pub key: usize,
    /// When it was signed. Flask-Login's remember token does not say.
    pub signed_at: Option<SystemTime>,
    /// Until when it counts by this manager's settings, if nobody uses it before. `None` if it does not say, or if only the
    /// login's record would.
    pub ends_at: Option<SystemTime>,
    /// Whose login it is; `None` for an anonymous visitor's, and for [`CookieKind::SessionValues`].
    pub user_id: Option<String>,
    /// Whether the login counts as fresh now, by the manager's [`fresh_within`](super::LoginManagerBuilder::fresh_within). What a
    /// remember token starts never is.
    pub fresh: bool,
    /// When the user proved who they are in this session, if it says so. A Flask peer does not write that.
    pub fresh_at: Option<SystemTime>,
    /// Whether the session outlives the browser: Flask's `session.permanent`.
    pub permanent: bool,
    /// Whether it ends when the user's [`session_auth_hash`](crate::User::session_auth_hash) changes.
    pub bound_to_auth_hash: bool,
    /// The login's record, as the cookie names it.
    pub login: Option<LoginId>,
    /// What the store has under that number, or for a peer's cookie under the one that follows from it. `None` without a store.
    pub record: Option<LoginInfo>,
    /// The names of the application's values beside the login. The values are the application's affair.
    pub values: Vec<String>,
}

/// What a cookie is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CookieKind {
    /// A session; in the safe preset only the login.
    Session,
    /// The application's values, which the safe preset keeps beside the login.
    SessionValues,
    /// A remember token in this format, which the manager may not accept.
    RememberToken(RememberFormat),
}

/// Whether a cookie counts, as far as the cookie itself, the settings and the store say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CookieVerdict {
    /// It counts.
    Counts,
    /// It belongs to a login with a record, which may have ended, and this manager has no store to ask.
    NeedsStore,
    /// It does not count. A remember token in a format that the manager does not accept is [`Rejection::BadPayload`].
    Rejected(Rejection),
    /// Its login is over.
    Ended(EndReason),
    /// A remember token that was used before, and whose successor was used too: one of the two is a copy. A request with it ends
    /// the login ([`Event::RememberTokenStolen`](crate::Event::RememberTokenStolen)).
    UsedBefore,
}

pub(super) async fn read(
    shared: &Shared,
    name: Option<&str>,
    value: &[u8],
) -> Result<Option<CookieReading>, Error> {
    let is_named = |other: &str| name.is_none_or(|name| name == other);
    let session = &shared.session_cookie;
    if is_named(&session.main.attributes.name)
        && let Some(signature) = session.main.signer.signature_of(value)
    {
        let reader = Reader::new(shared, CookieKind::Session, signature);
        return reader.session(&session.main, value).await.map(Some);
    }
    if let Some(cookie) = &session.values
        && is_named(&cookie.attributes.name)
        && let Some(signature) = cookie.signer.signature_of(value)
    {
        let reader = Reader::new(shared, CookieKind::SessionValues, signature);
        return Ok(Some(reader.values(cookie, value)));
    }
    if is_named(&shared.remember.attributes.name)
        && let Some((format, signature)) = shared.remember.signature_of(value)
    {
        let reader = Reader::new(shared, CookieKind::RememberToken(format), signature);
        return reader.token(format, value).await.map(Some);
    }
    Ok(None)
}

struct Reader<'a> {
    shared: &'a Shared,
    now: u64,
    /// When the cookie was signed, or now if it does not say.
    then: u64,
    reading: CookieReading,
}

impl<'a> Reader<'a> {
    fn new(shared: &'a Shared, kind: CookieKind, signature: Signature) -> Self {
        let now = shared.now();
        Self {
            shared,
            now,
            then: signature.signed_at.unwrap_or(now),
            reading: CookieReading {
                kind,
                verdict: CookieVerdict::Counts,
                key: signature.key,
                signed_at: signature.signed_at.and_then(time),
                ends_at: None,
                user_id: None,
                fresh: false,
                fresh_at: None,
                permanent: false,
                bound_to_auth_hash: false,
                login: None,
                record: None,
                values: Vec::new(),
            },
        }
    }

    fn rejected(mut self, refused: Refused) -> CookieReading {
        self.reading.verdict = CookieVerdict::Rejected(refused.into());
        self.reading
    }

    fn ends_at(&mut self, seconds: u64) {
        self.reading.ends_at = time(seconds);
    }

    /// What a session's cookie holds, and why it does not count now.
    fn open(&mut self, cookie: &SignedCookie, value: &[u8]) -> Result<SessionMap, Refused> {
        let (session, _) = cookie.open(value, self.then)?;
        if let Err(refused) = cookie.open(value, self.now) {
            self.reading.verdict = CookieVerdict::Rejected(refused.into());
        }
        self.ends_at(self.then.saturating_add(cookie.lifetime.as_secs()));
        self.reading.permanent = session.is_permanent();
        let names = session.names().into_iter();
        let is_values = |name: &String| {
            let is_ours = keys::LOGIN.contains(&&**name)
                || [OWNER, PERMANENT, keys::PENDING].contains(&&**name);
            !is_ours
        };
        self.reading.values = names.filter(is_values).collect();
        Ok(session)
    }

    fn values(mut self, cookie: &SignedCookie, value: &[u8]) -> CookieReading {
        match self.open(cookie, value) {
            Ok(session) => {
                let owner = session.values_owner();
                self.reading.login = owner.and_then(|owner| owner.parse().ok());
                self.reading
            }
            Err(refused) => self.rejected(refused),
        }
    }

    async fn session(
        mut self,
        cookie: &SignedCookie,
        value: &[u8],
    ) -> Result<CookieReading, Error> {
        let session = match self.open(cookie, value) {
            Ok(session) => session,
            Err(refused) => return Ok(self.rejected(refused)),
        };
        let policy = &self.shared.policy;
        let within = policy.settings.fresh_within;
        let user_id = session.user_id();
        let reading = &mut self.reading;
        reading.user_id = user_id.clone();
        reading.fresh = user_id.is_some() && policy.is_fresh(&session, within, self.now);
        reading.fresh_at = session.number(keys::FRESH_AT).and_then(time);
        reading.bound_to_auth_hash = session.get(keys::AUTH_HASH).is_some();
        let Some(user_id) = user_id else {
            return Ok(self.reading);
        };
        if let Some(ends_at) = end_of(&session, &user_id) {
            let by_cookie = self.reading.ends_at;
            self.reading.ends_at = by_cookie.into_iter().chain(time(ends_at)).min();
            if self.now >= ends_at {
                return Ok(self.ended(EndReason::LifetimeOver));
            }
        }
        let owner = session.text(keys::TOKEN);
        let owner = owner.as_deref().and_then(LoginSecret::owner_in_session);
        // Another user's: a peer that logged this user in left it behind.
        let token = session.token().filter(|_| owner == Some(&*user_id));
        self.reading.login = token.as_ref().map(|token| token.id);
        match (&self.shared.records, token) {
            (None, None) => Ok(self.reading),
            (None, Some(_)) => Ok(self.without_store()),
            (Some(records), Some(token)) => {
                let found = records.store.load(&token.id, self.now).await?;
                Ok(self.recorded(records, &token, &user_id, found))
            }
            (Some(records), None) if records.rules.adopts => {
                let token = LoginSecret::of_peers_session(value);
                self.peers_session(records, &token, &user_id).await
            }
            (Some(_), None) => Ok(self.ended(EndReason::NoRecord)),
        }
    }

    /// Its record says how long it counts.
    fn without_store(mut self) -> CookieReading {
        let verdict = &mut self.reading.verdict;
        if matches!(
            verdict,
            CookieVerdict::Counts | CookieVerdict::Rejected(Rejection::Expired)
        ) {
            *verdict = CookieVerdict::NeedsStore;
        }
        self.reading.ends_at = None;
        self.reading
    }

    fn ended(mut self, reason: EndReason) -> CookieReading {
        if self.reading.verdict == CookieVerdict::Counts {
            self.reading.verdict = CookieVerdict::Ended(reason);
        }
        self.reading
    }

    fn recorded(
        mut self,
        records: &Records,
        token: &LoginSecret,
        user_id: &str,
        found: Option<LoginRecord>,
    ) -> CookieReading {
        self.show(found.as_ref());
        match records.rules.check_session(token, user_id, found, self.now) {
            Ok(live) => {
                let by_cookie = self.reading.ends_at;
                let ends = records
                    .rules
                    .session_ends_at(&live.data, live.record.last_seen_at);
                self.reading.ends_at = by_cookie.into_iter().chain(time(ends)).min();
                self.reading
            }
            Err(dead) => self.ended(dead.reason),
        }
    }

    fn show(&mut self, record: Option<&LoginRecord>) {
        self.reading.record = record.and_then(|record| LoginInfo::of(record, None));
    }

    /// As a visit looks at a session that a peer made (`login/search/peers.rs`).
    async fn peers_session(
        mut self,
        records: &Records,
        token: &LoginSecret,
        user_id: &str,
    ) -> Result<CookieReading, Error> {
        let store = &records.store;
        let found = store.load(&token.id, self.now).await?;
        let marker = store.load(&marker_id(&token.id), self.now).await?;
        let is_over = match &marker {
            Some(marker) => found.is_none() || was_ended(marker),
            None => {
                let mark = self.shared.policy.settings.realm.as_str();
                let mark = records.rules.sessions_mark(mark, user_id);
                let mark = store.load(&mark, self.now).await?;
                records.rules.are_over(mark.as_ref(), self.then)
            }
        };
        self.show(found.as_ref());
        Ok(match (found, is_over) {
            (_, true) => self.ended(EndReason::RecordGone),
            // It gets its record when it first comes.
            (None, false) => self.reading,
            (found, false) => self.recorded(records, token, user_id, found),
        })
    }

    async fn token(mut self, format: RememberFormat, value: &[u8]) -> Result<CookieReading, Error> {
        let remember = &self.shared.policy.remember;
        let claims = match remember.claims(format, value, self.then) {
            Ok(claims) => claims,
            // Signed, but not the content of such a token.
            Err(_) => return Ok(self.rejected(Refused::BadPayload)),
        };
        if let Err(refused) = remember.claims(format, value, self.now) {
            self.reading.verdict = CookieVerdict::Rejected(refused.into());
        }
        self.reading.user_id = Some(claims.user_id.clone());
        if let Some(duration) = claims.duration {
            self.ends_at(self.then.saturating_add(duration.as_secs()));
        }
        let store = self.shared.records.as_ref();
        match &claims.kind {
            ClaimsKind::Rotating(token) => {
                self.reading.login = Some(token.id);
                if store.is_none() {
                    return Ok(self.without_store());
                }
            }
            ClaimsKind::Timed { auth_digest } => {
                self.reading.bound_to_auth_hash = auth_digest.is_some();
            }
            ClaimsKind::Flask => {}
        }
        if !remember.reads(format) {
            return Ok(self.rejected(Refused::BadPayload));
        }
        match (store, &claims.kind) {
            (Some(records), ClaimsKind::Rotating(token)) => {
                self.rotating(records, token, &claims).await
            }
            (Some(records), ClaimsKind::Flask) => {
                let token = remember.flask_token(&claims.user_id);
                self.shared_token(records, &token, &claims.user_id).await
            }
            _ => Ok(self.reading),
        }
    }

    async fn rotating(
        mut self,
        records: &Records,
        token: &LoginSecret,
        claims: &Claims,
    ) -> Result<CookieReading, Error> {
        let found = records.store.load(&token.id, self.now).await?;
        self.show(found.as_ref());
        let rules = &records.rules;
        let (user_id, issued_at) = (&claims.user_id, claims.issued_at);
        let remembered = rules.check_remember(token, user_id, issued_at, found, self.now);
        if self.reading.verdict == CookieVerdict::Counts {
            match remembered {
                Remembered::Valid(live) => self.until(&live.data),
                Remembered::Gone => {
                    self.reading.verdict = CookieVerdict::Rejected(Rejection::LoginEnded);
                }
                Remembered::Stolen(_) => self.reading.verdict = CookieVerdict::UsedBefore,
            }
        }
        Ok(self.reading)
    }

    /// As a visit looks at Flask-Login's token (`login/search/peers.rs`).
    async fn shared_token(
        mut self,
        records: &Records,
        token: &LoginSecret,
        user_id: &str,
    ) -> Result<CookieReading, Error> {
        let found = records.store.load(&token.id, self.now).await?;
        let marker = marker_id(&token.id);
        let marker = records.store.load(&marker, self.now).await?;
        self.show(found.as_ref());
        let is_over = match &marker {
            Some(marker) => found.is_none() || was_ended(marker),
            None => false,
        };
        let live = found.map(|record| records.rules.check_shared(user_id, record));
        match live {
            _ if is_over => {
                self.reading.verdict = CookieVerdict::Rejected(Rejection::LoginEnded);
            }
            // It gets its record when it first comes.
            None => {}
            Some(Some(live)) => self.until(&live.data),
            Some(None) => self.reading.verdict = CookieVerdict::Rejected(Rejection::LoginEnded),
        }
        Ok(self.reading)
    }

    fn until(&mut self, data: &LoginData) {
        if let Some(remember) = &data.remember {
            self.ends_at(remember.expires_at);
        }
    }
}

fn time(seconds: u64) -> Option<SystemTime> {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}
