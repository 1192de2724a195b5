//! Log in, log out, confirm: how each changes the session and the remember token.

use std::time::Duration;

use super::protection::Protection;
use super::state::{View, Who};
use crate::auth_hash::{self, AuthHash};
use crate::cookie::LONGEST_LIFE;
use crate::error::{Error, ErrorKind};
use crate::event::Event;
use crate::records::rules::{Issued, Renewal, Renewed};
use crate::records::secret::LoginSecret;
use crate::remember::NewToken;
use crate::session::keys;
use crate::settings::AnonymousData;
use crate::signing::json;
use crate::user::{User, is_usable_id};

/// The options of a login.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LoginOptions {
    /// `Some` to remember the browser, with the duration if it differs from the manager's.
    pub(crate) remember: Option<Option<Duration>>,
    pub(crate) not_fresh: bool,
    pub(crate) force: bool,
    /// The longest that the login lasts.
    pub(crate) lifetime: Option<Duration>,
    /// The latest time that the login lasts to, in seconds since 1970.
    pub(crate) until: Option<u64>,
    /// When the user proved themselves, if not just now, in seconds since 1970.
    pub(crate) authenticated_at: Option<u64>,
}

impl LoginOptions {
    /// When the login ends by itself, if it has its own lifetime.
    pub(crate) fn ends_at(&self, now: u64) -> Option<u64> {
        let lifetime = self.lifetime.map(|it| now.saturating_add(it.as_secs()));
        lifetime.into_iter().chain(self.until).min()
    }

    /// When the user proved themselves. A time in the future counts as now.
    pub(crate) fn proved_at(&self, now: u64) -> u64 {
        self.authenticated_at.map_or(now, |at| at.min(now))
    }
}

impl View<'_> {
    /// Logs in `user`. `new` is their record, if logins have records.
    pub(crate) fn log_in(
        &mut self,
        user: &dyn User,
        options: LoginOptions,
        new: Option<&Issued>,
    ) -> Result<(), Error> {
        let token = self.write_session(user, options, new)?;
        let user_id = user.id();
        match token {
            Some(token) => self.remember.issue(token),
            None => self.remember.delete(),
        }
        self.replaced = true;
        self.changed();
        self.event(Event::LoggedIn {
            user_id,
            remember: options.remember.is_some(),
        });
        Ok(())
    }

    /// Whether [`log_in`](Self::log_in) would succeed.
    pub(crate) fn could_log_in(
        &mut self,
        user: &dyn User,
        options: LoginOptions,
        new: Option<&Issued>,
    ) -> Result<(), Error> {
        let before = self.session.clone();
        let result = self.write_session(user, options, new);
        self.session = before;
        result.map(|_| ())
    }

    /// Writes the session of a new login, and returns its remember token.
    fn write_session(
        &mut self,
        user: &dyn User,
        options: LoginOptions,
        new: Option<&Issued>,
    ) -> Result<Option<NewToken>, Error> {
        let id = user.id();
        if !is_usable_id(&id) {
            return Err(Error::new(
                ErrorKind::InvalidUserId,
                format!("a user whose id is {id:?} cannot log in: User::id must name the user"),
            ));
        }
        if !user.is_active() && !options.force {
            return Err(Error::new(
                ErrorKind::InactiveUser,
                "the user is not active and so cannot log in",
            ));
        }
        let ends_at = options.ends_at(self.now);
        if ends_at.is_some()
            && options.remember.is_some()
            && self.policy.remember.is_shared_with_flask()
        {
            return Err(Error::setting(
                "lifetime: Flask-Login's remember token never expires, so a login that ends cannot be remembered by it; \
                 leave out one of the two, or use the safe preset",
            ));
        }
        let digest = self.policy.auth_hashes.digest(user);
        let token = options.remember.map(|duration| NewToken {
            user_id: id.clone(),
            auth_digest: digest.clone(),
            duration,
            ends_at,
            login: new.and_then(|new| new.remember.clone()),
        });
        if let Some(token) = &token {
            self.policy.remember.must_fit(token, self.now)?;
        }
        self.fit_or_clear(|view| {
            view.write_login(&id, digest.as_deref(), new.map(|new| &new.session));
            if let Some(ends_at) = ends_at.filter(|_| new.is_none()) {
                view.write_end(&id, ends_at);
            }
            if options.not_fresh {
                view.make_stale();
            } else {
                view.make_fresh_since(options.proved_at(view.now));
            }
            if let Some(Some(duration)) = options.remember
                && self.policy.remember.is_shared_with_flask()
            {
                view.session.set(
                    keys::REMEMBER_SECONDS,
                    json::python_float(duration.as_secs_f64()),
                );
            }
        })?;
        Ok(token)
    }

    /// Logs out the current user. Works for anonymous visitors too, and does not query a database.
    pub(crate) fn log_out(&mut self) {
        let user_id = self.session_user_id();
        // One user's data must never reach the next, so all of it goes. A cookie that did not count goes too: it would count
        // again once a clock or a key is corrected.
        self.session.clear();
        self.remember.delete();
        self.replaced = true;
        self.changed();
        self.who = Who::Nobody;
        self.event(Event::LoggedOut { user_id });
    }

    /// Renews this user's login after a proof, or after a change of their auth hash.
    pub(crate) fn renew(
        &mut self,
        user: &dyn User,
        renewal: Renewal,
        renewed: Option<&Renewed>,
    ) -> Result<(), Error> {
        match renewal {
            Renewal::Confirm => self.confirm(user, renewed),
            Renewal::AuthHash => self.update_auth_hash(user, renewed),
        }
    }

    /// Makes this user's login fresh, because they have just proved themselves again. `renewed` has the new secret of their
    /// record.
    fn confirm(&mut self, user: &dyn User, renewed: Option<&Renewed>) -> Result<(), Error> {
        let id = self.logged_in_as(user)?;
        self.if_it_fits(|view| {
            view.write_renewed(&id, renewed);
            view.make_fresh();
            view.bind_to_client();
            view.session.remove(keys::PENDING);
        })?;
        self.changed();
        self.event(Event::LoginConfirmed { user_id: id });
        Ok(())
    }

    /// Marks a session without a login as fresh, if the settings allow it.
    pub(crate) fn confirm_anonymous(&mut self) -> Result<(), Error> {
        let settings = &self.policy.settings;
        let names_a_user = settings.finds_by_id && self.session_user_id().is_some();
        if !settings.confirms_nobody || names_a_user {
            return Err(Error::new(
                ErrorKind::NotLoggedIn,
                "only a session without a login is marked as fresh like this, and only in the flask_login preset",
            ));
        }
        self.if_it_fits(|view| {
            view.make_fresh();
            view.bind_to_client();
        })?;
        self.personal = true;
        Ok(())
    }

    /// Keeps this browser logged in after a change of the user's auth hash, which ends all other logins.
    fn update_auth_hash(
        &mut self,
        user: &dyn User,
        renewed: Option<&Renewed>,
    ) -> Result<(), Error> {
        let id = self.logged_in_as(user)?;
        let digest = self.policy.auth_hashes.digest(user);
        self.if_it_fits(|view| {
            view.write_renewed(&id, renewed);
            view.write_auth_hash(&id, digest.as_deref());
        })?;
        match renewed.and_then(|renewed| renewed.remember.clone()) {
            Some((token, left)) => self.remember.issue(NewToken {
                user_id: id,
                auth_digest: None,
                duration: Some(left),
                ends_at: None,
                login: Some(token),
            }),
            None => {
                let state = &mut *self.state;
                let cookie = &self.policy.remember;
                state.remember.rebind(id, digest, cookie, state.now);
            }
        }
        self.changed();
        Ok(())
    }

    /// Sends the current user's token again, with its original duration, if the settings say so.
    pub(crate) fn refresh_remember_token(&mut self, id: &str) {
        let Who::Somebody(user, _) = &self.who else {
            return;
        };
        let claims = self.remember.refreshable(&self.policy.remember, self.now);
        let own = claims.as_ref().is_some_and(|claims| claims.user_id == id);
        if !own && self.policy.settings.refreshes_everybody {
            self.remember_anyway(id);
            return;
        }
        let Some(claims) = claims else {
            return;
        };
        if claims.user_id == id
            && self.policy.auth_hashes.check_token(&**user, &claims) != AuthHash::Changed
        {
            let digest = self.policy.auth_hashes.digest(&**user);
            let duration = claims.duration.or_else(|| self.remember_seconds());
            self.remember.issue(NewToken {
                user_id: claims.user_id,
                auth_digest: digest,
                duration,
                ends_at: claims.ends_at,
                login: None,
            });
        }
    }

    /// Makes a token for a user who came without their own.
    fn remember_anyway(&mut self, id: &str) {
        let Who::Somebody(user, _) = &self.who else {
            return;
        };
        if self.remember.is_changed()
            || !self.policy.remember.is_shared_with_flask()
            || self.has_end(id)
        {
            return;
        }
        let token = NewToken {
            user_id: id.to_owned(),
            auth_digest: self.policy.auth_hashes.digest(&**user),
            duration: self.remember_seconds(),
            ends_at: None,
            login: None,
        };
        self.remember.issue(token);
    }

    /// How long the token was meant to last, as Flask-Login keeps it in the session: its token has no field for it.
    fn remember_seconds(&self) -> Option<Duration> {
        let seconds = self.session.get(keys::REMEMBER_SECONDS)?.parse().ok()?;
        Some(Duration::try_from_secs_f64(seconds).ok()?.min(LONGEST_LIFE))
    }

    /// Writes a session that a remember token starts. It is never fresh, and is bound to this client from the start.
    pub(crate) fn restore_session(
        &mut self,
        id: &str,
        digest: Option<&str>,
        ends_at: Option<u64>,
        token: Option<&LoginSecret>,
    ) {
        let written = self.fit_or_clear(|view| {
            view.write_login(id, digest, token);
            if let Some(ends_at) = ends_at {
                view.write_end(id, ends_at);
            }
            view.make_stale();
        });
        if let Err(error) = written {
            tracing::warn!(target: "housekey", %error, "a session was not restored");
        }
    }

    /// Removes everything that an earlier login left. The settings decide what stays of an anonymous visitor's session,
    /// whether a password or a token makes the login.
    fn write_login(&mut self, id: &str, digest: Option<&str>, token: Option<&LoginSecret>) {
        match self.session_user_id() {
            Some(previous) if previous == id => {}
            Some(_) => self.session.clear(),
            None => match &self.policy.settings.anonymous_data {
                AnonymousData::Keep => {}
                AnonymousData::Drop { except } => self
                    .session
                    .retain(|key| except.iter().any(|kept| kept == key)),
            },
        }
        let next = self.session.get(keys::NEXT).map(str::to_owned);
        self.forget_login();
        if let Some(next) = next.filter(|_| self.policy.settings.login_keeps_next) {
            self.session.set(keys::NEXT, next);
        }
        self.session.set_text(keys::USER_ID, id);
        self.write_auth_hash(id, digest);
        match token {
            Some(token) => self.write_token(id, token),
            None if self.policy.session_cookie.values.is_some() => self.session.number_login(),
            None => {}
        }
        self.bind_to_client();
    }

    pub(crate) fn write_token(&mut self, id: &str, token: &LoginSecret) {
        self.session.set_text(keys::TOKEN, &token.for_session(id));
    }

    fn write_renewed(&mut self, id: &str, renewed: Option<&Renewed>) {
        if let Some(renewed) = renewed {
            self.write_token(id, &renewed.session);
        }
    }

    /// Also clears the note of a missing digest, which belonged to the earlier login.
    pub(crate) fn write_auth_hash(&mut self, id: &str, digest: Option<&str>) {
        self.missing_digest = None;
        match digest {
            Some(digest) => self
                .session
                .set_text(keys::AUTH_HASH, &auth_hash::for_session(digest, id)),
            None => {
                self.session.remove(keys::AUTH_HASH);
            }
        }
    }

    pub(crate) fn bind_to_client(&mut self) {
        let identifier = self.policy.settings.identifier.of(&self.client);
        self.session.set_text(keys::IDENTIFIER, &identifier);
    }

    /// The user's id, if the session is theirs and may be renewed. Session protection is applied first.
    pub(crate) fn logged_in_as(&mut self, user: &dyn User) -> Result<String, Error> {
        let no_login = |message: &'static str| Err(Error::new(ErrorKind::NotLoggedIn, message));
        let Some(id) = self.session_user_id() else {
            return no_login("the session does not hold a login, so no login can be renewed");
        };
        if user.id() != id {
            return no_login("another user is logged in, so this user's login cannot be renewed");
        }
        if self.reads_only {
            return no_login(
                "the login was renewed by another request at the same time, so this one cannot renew it too",
            );
        }
        if matches!(self.who, Who::NotAsked) && self.protect(&id) {
            return no_login("session protection has ended the login, so there is none to renew");
        }
        Ok(id)
    }

    /// Whether session protection is about to end the login that this user wants to renew.
    pub(crate) fn is_to_end(&self, user: &dyn User) -> bool {
        matches!(self.who, Who::NotAsked)
            && self.session_user_id() == Some(user.id())
            && self.protection() == Protection::Ends
    }

    /// Makes the next question for the user search again.
    pub(crate) fn changed(&mut self) {
        self.generation += 1;
        self.who = Who::NotAsked;
        self.live = None;
        self.reads_only = false;
        self.personal = true;
    }
}
