//! Remember tokens: a second cookie, of its own purpose and lifetime, that starts a new session after the first has
//! gone. What it starts is never fresh.
//!
//! Three formats, each in a file of its own:
//!
//! - [`timed`]: the default without a login store. Says whom it is for and until when, is bound to the user's auth hash, and is worth
//!   nothing as anything but this cookie.
//! - [`flask`]: Flask-Login's. A keyed digest of the user's id: valid for ever, which is why the default differs.
//!
//! Both live in the browser alone. A copied token works until it expires or the user's auth hash changes.
//!
//! - [`rotating`]: the default with a login store. Each use replaces it, so that a copy is noticed.

mod flask;
mod rotating;
mod timed;

use std::time::Duration;

use crate::cookie::{Attributes, SetCookie, Several, Values, expiry};
use crate::error::{Error, ErrorKind};
use crate::event::Rejection;
use crate::signing::SecretKeys;
use crate::signing::timed::{Refused, Signature};

use crate::records::LoginId;
use crate::records::secret::LoginSecret;
use crate::session;
pub use flask::{decode_flask_cookie, encode_flask_cookie};

use flask::FlaskTokens;
use rotating::RotatingTokens;
use timed::TimedTokens;

/// Which remember tokens are written, and which are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RememberFormat {
    /// housekey's own: expires on the server, bound to the user's auth hash. The default without a login store, and an error
    /// with one, since it would undo what the store ends.
    Timed,
    /// housekey's own, for managers with a [`login_store`](crate::LoginManagerBuilder::login_store), and the default
    /// there: as the one before, and each use replaces it. Somebody who comes with one that was used (more than a minute
    /// ago, and what it gave out was used since) has a copy, or is the owner of one that somebody copied: the login that it
    /// belongs to ends, for both.
    Rotating,
    /// Flask-Login's own, which a Flask peer reads and writes. **It never expires on the server**: a copy of it is
    /// good for as long as the secret key is, and for every password that the user will ever have. With a login store, a
    /// logout in any browser that has it ends it for all of them, until the user logs in with "remember me" again.
    FlaskLogin,
    /// Writes the first and reads both; a token of Flask-Login's is replaced when it is used. For the time after the
    /// last Flask route has moved. An error with a login store.
    TimedReplacingFlaskLogin,
}

/// Reads and writes the remember token's cookie.
pub(crate) struct RememberCookie {
    pub(crate) attributes: Attributes,
    pub(crate) duration: Duration,
    pub(crate) refresh_each_request: bool,
    realm: String,
    format: RememberFormat,
    timed: TimedTokens,
    flask: FlaskTokens,
    rotating: RotatingTokens,
}

/// What a valid token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claims {
    pub(crate) user_id: String,
    pub(crate) kind: ClaimsKind,
    /// When it was given out; `None` when it does not say.
    pub(crate) issued_at: Option<u64>,
    /// How long it was to live from the beginning; `None` when it does not say.
    pub(crate) duration: Option<Duration>,
    /// How long it still has to live.
    pub(crate) remaining: Option<Duration>,
    /// When the login itself ends, if it has a lifetime of its own, in seconds since 1970.
    pub(crate) ends_at: Option<u64>,
    /// Whether it is to be replaced: signed with an older key, or in the format that is being left behind.
    pub(crate) outdated: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ClaimsKind {
    Flask,
    Timed { auth_digest: Option<String> },
    Rotating(LoginSecret),
}

impl RememberCookie {
    pub(crate) fn new(
        keys: &SecretKeys,
        attributes: Attributes,
        format: RememberFormat,
        duration: Duration,
        refresh_each_request: bool,
        clock_tolerance: u64,
        realm: &str,
    ) -> Self {
        Self {
            realm: realm.to_owned(),
            timed: TimedTokens::new(keys, &attributes.name, clock_tolerance),
            flask: FlaskTokens::new(keys),
            rotating: RotatingTokens::new(keys, &attributes.name, clock_tolerance),
            attributes,
            duration,
            refresh_each_request,
            format,
        }
    }

    pub(crate) fn verify(&self, value: &[u8], now: u64) -> Result<Claims, Refused> {
        let claims = self.claims(self.format, value, now);
        if self.format != RememberFormat::TimedReplacingFlaskLogin {
            return claims;
        }
        claims.or_else(|refused| match self.flask.verify(value) {
            Some(claims) => Ok(Claims {
                outdated: true,
                ..claims
            }),
            None => Err(refused),
        })
    }

    /// In which format a token is, accepted or not, and which key signed it. `None` when none of the keys did.
    pub(crate) fn signature_of(&self, value: &[u8]) -> Option<(RememberFormat, Signature)> {
        let timed = |value| Some((RememberFormat::Timed, self.timed.signature_of(value)?));
        let rotating = |value| Some((RememberFormat::Rotating, self.rotating.signature_of(value)?));
        let flask = |value| Some((RememberFormat::FlaskLogin, self.flask.signature_of(value)?));
        timed(value)
            .or_else(|| rotating(value))
            .or_else(|| flask(value))
    }

    /// What a token of this format says, accepted or not.
    pub(crate) fn claims(
        &self,
        format: RememberFormat,
        value: &[u8],
        now: u64,
    ) -> Result<Claims, Refused> {
        match format {
            RememberFormat::Timed | RememberFormat::TimedReplacingFlaskLogin => {
                self.timed.verify(value, now)
            }
            RememberFormat::Rotating => self.rotating.verify(value, now),
            RememberFormat::FlaskLogin => self.flask.verify(value).ok_or(Refused::BadSignature),
        }
    }

    /// Whether tokens of this format are accepted.
    pub(crate) fn reads(&self, format: RememberFormat) -> bool {
        use RememberFormat::{FlaskLogin, Timed, TimedReplacingFlaskLogin};
        self.format == format
            || self.format == TimedReplacingFlaskLogin && matches!(format, Timed | FlaskLogin)
    }

    /// The fingerprints of all keys whose tokens are accepted.
    pub(crate) fn fingerprints(&self) -> Vec<Vec<u8>> {
        match self.format {
            RememberFormat::Timed => self.timed.fingerprints(),
            RememberFormat::Rotating => self.rotating.fingerprints(),
            RememberFormat::FlaskLogin => self.flask.fingerprints(),
            RememberFormat::TimedReplacingFlaskLogin => {
                [self.timed.fingerprints(), self.flask.fingerprints()].concat()
            }
        }
    }

    /// The token of the login that all browsers share which have Flask-Login's remember token of this user.
    pub(crate) fn flask_token(&self, user_id: &str) -> LoginSecret {
        LoginSecret::of_flask_token(&self.realm, user_id, &self.flask.issue(user_id))
    }

    /// Whether a Flask peer reads and writes these tokens too.
    pub(crate) fn is_shared_with_flask(&self) -> bool {
        self.format == RememberFormat::FlaskLogin
    }

    /// Whether a token is good for one use.
    pub(crate) fn rotates(&self) -> bool {
        self.format == RememberFormat::Rotating
    }

    /// # Errors
    ///
    /// [`ErrorKind::InvalidUserId`] when the id is so long that browsers would drop its token.
    pub(crate) fn must_fit(&self, token: &NewToken, now: u64) -> Result<(), Error> {
        match self.set(token, now) {
            Some(_) => Ok(()),
            None => Err(Error::new(
                ErrorKind::InvalidUserId,
                "the user's id is too long for a remember token, which is a cookie of at most 4096 bytes",
            )),
        }
    }

    fn set(&self, token: &NewToken, now: u64) -> Option<SetCookie<'_>> {
        let mut duration = token.duration.unwrap_or(self.duration);
        if let Some(ends_at) = token.ends_at {
            duration = duration.min(Duration::from_secs(ends_at.saturating_sub(now)));
        }
        let value = match self.format {
            RememberFormat::FlaskLogin => self.flask.issue(&token.user_id),
            RememberFormat::Rotating => {
                self.rotating
                    .issue(&token.user_id, token.login.as_ref()?, now)
            }
            _ => self.timed.issue(token, duration, now),
        };
        self.attributes.set(&value, Some(expiry(now, duration)))
    }
}

/// The remember token in one request: what came, and what is to become of it.
#[derive(Debug, Default)]
pub(crate) struct RememberState {
    /// The values of the cookie. Joined by the semicolon, which is in no cookie's value.
    sent: Vec<u8>,
    /// Whether there were more.
    crowded: bool,
    change: Change,
    /// Whether the change has been written into the response.
    is_written: bool,
    /// Whether a new token has been written into the response, which a later word can take back.
    is_given_out: bool,
}

#[derive(Debug, Default)]
enum Change {
    #[default]
    Keep,
    Issue(Box<NewToken>),
    Delete,
}

/// A token to be given out.
#[derive(Debug)]
pub(crate) struct NewToken {
    pub(crate) user_id: String,
    pub(crate) auth_digest: Option<String>,
    /// `None` for the manager's.
    pub(crate) duration: Option<Duration>,
    /// When the login itself ends, if it has a lifetime of its own: no token outlives that.
    pub(crate) ends_at: Option<u64>,
    /// Which record it belongs to, where tokens rotate.
    pub(crate) login: Option<LoginSecret>,
}

impl RememberState {
    pub(crate) fn new(values: &Values<'_>) -> Self {
        Self {
            sent: values.as_slice().join(&b';'),
            crowded: values.is_crowded(),
            change: Change::Keep,
            is_written: false,
            is_given_out: false,
        }
    }

    /// What the token that came with the request says. `None` when there is none, or when it is to be deleted.
    pub(crate) fn read(
        &self,
        cookie: &RememberCookie,
        now: u64,
    ) -> Option<Result<Box<Claims>, Rejection>> {
        if matches!(self.change, Change::Delete) {
            return None;
        }
        if self.sent.is_empty() {
            return None;
        }
        let mut refused = None;
        let mut valid = Vec::new();
        for value in self.values() {
            match cookie.verify(value, now) {
                Ok(claims) => valid.push(claims),
                // One that may count again outweighs one that never will.
                Err(Refused::Expired) => refused = refused.or(Some(Refused::Expired)),
                Err(why) => refused = Some(why),
            }
        }
        if valid.is_empty() {
            return Some(Err(refused.unwrap_or(Refused::BadSignature).into()));
        }
        let several = Several {
            valid: &valid,
            is_crowded: self.crowded,
            is_host_only: cookie.attributes.is_host_only(),
        };
        let chosen = several.choose(|claims| Some(&claims.user_id), |claims| claims.issued_at);
        Some(match chosen {
            Some(chosen) => Ok(Box::new(valid.swap_remove(chosen))),
            None => Err(Rejection::Ambiguous),
        })
    }

    /// What all valid tokens say that came with the request, whatever becomes of them.
    pub(crate) fn all(&self, cookie: &RememberCookie, now: u64) -> impl Iterator<Item = Claims> {
        self.values()
            .filter_map(move |value| cookie.verify(value, now).ok())
    }

    /// Whether the browser has a cookie of this name, valid or not.
    pub(crate) fn was_sent(&self) -> bool {
        !self.sent.is_empty()
    }

    fn values(&self) -> impl Iterator<Item = &[u8]> {
        let values = self.sent.split(|byte| *byte == b';');
        values.filter(|value| !value.is_empty())
    }

    /// Whether this user's login is or will be remembered by this browser.
    pub(crate) fn remembers(&self, user_id: &str, cookie: &RememberCookie, now: u64) -> bool {
        match &self.change {
            Change::Issue(token) => token.user_id == user_id,
            _ => matches!(self.read(cookie, now), Some(Ok(claims)) if claims.user_id == user_id),
        }
    }

    /// Whether this browser has or will have the token of this record.
    pub(crate) fn remembers_login(&self, id: &LoginId, cookie: &RememberCookie, now: u64) -> bool {
        let token = match &self.change {
            Change::Issue(token) => token.login.clone(),
            Change::Keep | Change::Delete => self.login_token(cookie, now),
        };
        token.is_some_and(|token| token.id == *id)
    }

    /// A new token goes out with the response.
    pub(crate) fn issue(&mut self, token: NewToken) {
        self.change = Change::Issue(Box::new(token));
        self.is_written = false;
    }

    /// The token that came, if it is one that belongs to a record.
    fn login_token(&self, cookie: &RememberCookie, now: u64) -> Option<LoginSecret> {
        match self.read(cookie, now)?.ok()?.kind {
            ClaimsKind::Rotating(token) => Some(token),
            ClaimsKind::Flask | ClaimsKind::Timed { .. } => None,
        }
    }

    /// Binds this user's token to another auth hash: the one that goes out with the response, or else the one that
    /// came, which then ends when it was to end. Flask-Login's token is bound to none, and one that rotates is bound by
    /// its record.
    pub(crate) fn rebind(
        &mut self,
        user_id: String,
        auth_digest: Option<String>,
        cookie: &RememberCookie,
        now: u64,
    ) {
        if let Change::Issue(token) = &mut self.change {
            token.auth_digest = auth_digest;
            self.is_written = false;
        } else if !cookie.is_shared_with_flask()
            && !cookie.rotates()
            && let Some(Ok(claims)) = self.read(cookie, now)
            && claims.user_id == user_id
        {
            self.issue(NewToken {
                user_id,
                auth_digest,
                duration: claims.remaining,
                ends_at: claims.ends_at,
                login: None,
            });
        }
    }

    /// The token goes, and counts for nothing from now on.
    pub(crate) fn delete(&mut self) {
        self.is_written &= matches!(self.change, Change::Delete);
        self.change = Change::Delete;
    }

    /// What the token says that came, if the settings want it refreshed and nothing else is to become of it.
    pub(crate) fn refreshable(&self, cookie: &RememberCookie, now: u64) -> Option<Box<Claims>> {
        let wanted =
            cookie.refresh_each_request && !cookie.rotates() && matches!(self.change, Change::Keep);
        wanted.then(|| self.read(cookie, now))??.ok()
    }

    /// Whether something else is to become of the token than that it stays.
    pub(crate) fn is_changed(&self) -> bool {
        !matches!(self.change, Change::Keep)
    }

    /// What is to become of the cookie has been written into the response.
    pub(crate) fn written(&mut self) {
        self.is_written = true;
        self.is_given_out |= matches!(self.change, Change::Issue(_));
    }

    /// What becomes of the cookie. A deletion goes only to a browser that has something to delete.
    pub(crate) fn write<'a>(&self, cookie: &'a RememberCookie, now: u64) -> session::Change<'a> {
        match &self.change {
            _ if self.is_written => session::Change::Keep,
            Change::Keep => session::Change::Keep,
            Change::Issue(token) => match cookie.set(token, now) {
                Some(cookie) => session::Change::Set(cookie),
                None => session::Change::Keep,
            },
            Change::Delete if self.was_sent() || self.is_given_out => session::Change::Delete,
            Change::Delete => session::Change::Keep,
        }
    }
}

impl From<Refused> for Rejection {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::BadSignature => Self::BadSignature,
            Refused::Expired => Self::Expired,
            Refused::FromTheFuture => Self::FromTheFuture,
            Refused::BadPayload => Self::BadPayload,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use futures_lite::future::block_on;
    use http::{HeaderMap, Request};

    use crate::{BoxError, Login, LoginManager, SecretKeys, User};

    struct Member;

    impl User for Member {
        fn id(&self) -> String {
            "1".to_owned()
        }
    }

    #[test]
    fn a_flask_token_that_is_sent_again_keeps_the_duration_of_its_login() {
        let loader = |_: String| async { Ok::<_, BoxError>(Some(Member)) };
        let manager = LoginManager::flask(
            SecretKeys::flask("of-the-token-that-is-sent-again").unwrap(),
            loader,
        )
        .remember_refresh_each_request()
        .clock(|| SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000))
        .build()
        .unwrap();
        let set_cookies = |headers: &HeaderMap| -> Vec<String> {
            let cookies = headers.get_all("set-cookie").iter();
            cookies
                .map(|cookie| cookie.to_str().unwrap().to_owned())
                .collect()
        };

        let (request, ()) = Request::get("/login").body(()).unwrap().into_parts();
        let (visit, mut headers) = (manager.visit(&request.uri), HeaderMap::new());
        let login = Login::new(visit.open(&request).unwrap());
        block_on(async {
            login
                .login_user(&Member)
                .remember_for(Duration::from_secs(604_800))
                .await
        })
        .unwrap();
        visit.finish(&mut headers).unwrap();
        let sent = set_cookies(&headers);
        assert!(sent[0].contains("; Expires=Tue, 21 Nov 2023 22:13:20 GMT"));

        let mut request = Request::get("/");
        for cookie in &sent {
            request = request.header("cookie", cookie.split(';').next().unwrap());
        }
        let (request, ()) = request.body(()).unwrap().into_parts();
        let (visit, mut headers) = (manager.visit(&request.uri), HeaderMap::new());
        let user = block_on(
            visit
                .open(&request)
                .unwrap()
                .current_user::<Member>(&request),
        )
        .unwrap();
        assert!(user.is_some());
        visit.finish(&mut headers).unwrap();
        assert_eq!(set_cookies(&headers), sent[..1]);
    }
}
