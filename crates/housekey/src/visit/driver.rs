//! Asks the user loader and the login store all questions, and contains no rules: the rules say what to ask and do.
//!
//! A fault at any point loses nothing, because of the order: the store is told before the session changes. If the store
//! refuses or fails, the result is an error, and everything stays as it was.

mod pending;

pub(super) use pending::Begun;

use std::sync::Arc;

use super::OpenVisit;
use super::shared::{Records, Shared, Tell};
use crate::error::{BoxError, Error, ErrorKind};
use crate::event::{EndReason, Event};
use crate::head::Head;
use crate::login::actions::LoginOptions;
use crate::login::plan::{
    Ending, Listing, OwnLogins, RenewalPlan, Renewing, marks_of_all, no_record, plan_login,
};
use crate::login::search::{RecordChange, Recorder, Search, Step};
use crate::login::state::{View, Who};
use crate::records::info::LoginInfo;
use crate::records::rules::{MaxLogins, RecordRules, Renewal, Renewed, WhenFull};
use crate::records::secret::LoginSecret;
use crate::records::{Created, Limit, LoginId, LoginRecord, Updated};
use crate::user::User;

/// How often to read a record again that others change at the same time, before giving up.
const MOST_TRIES: usize = 10;
/// How many records one operation of the store deletes.
const BATCH: usize = 1000;

impl Recorder for Records {
    fn rules(&self) -> &RecordRules {
        &self.rules
    }
}

/// A step of the search, and the login it belongs to.
struct Asked<'r> {
    step: Step<'r, Records>,
    generation: u32,
    now: u64,
}

/// How often others were first in one search. Each time it looks again, and the limit ends that, whatever the store says.
#[derive(Default)]
struct Overtaken(usize);

impl Overtaken {
    fn count(&mut self, is_overtaken: bool) -> Result<(), Error> {
        self.0 += usize::from(is_overtaken);
        match self.0 < MOST_TRIES {
            true => Ok(()),
            false => Err(too_busy()),
        }
    }
}

/// The search for the user.
impl OpenVisit {
    /// Searches until the current user is known.
    pub(super) async fn search(&self, request: &impl Head) -> Result<(), Error> {
        let _turn = self.turn().await;
        let shared = self.visit().shared();
        let mut overtaken = Overtaken::default();
        let mut asked = self.begin();
        loop {
            let (generation, now) = (asked.generation, asked.now);
            let next = match asked.step {
                Step::Over => return Ok(()),
                Step::User(id, then) => {
                    let found = shared.load_user(&id).await;
                    found.map(|found| self.go_on(generation, |search| then(search, id, found)))
                }
                Step::RequestUser(then) => {
                    let found = shared.loader.load_from_request(request.parts()).await;
                    let found = found.map_err(loader_failed);
                    found.map(|found| self.go_on(generation, |search| then(search, found)))
                }
                Step::Record(records, id, then) => {
                    let found = records.store.load(&id, now).await;
                    found.map(|found| self.go_on(generation, |search| then(search, found)))
                }
                Step::LookUp(records, id, then) => {
                    let found = records.store.look_up(&id, now).await;
                    found.map(|found| self.go_on(generation, |search| then(search, found)))
                }
                // Boxed, because changes are rare, and otherwise the future of each request would have room for theirs.
                Step::Change(records, change) => {
                    let change = self.change_record(records, change, generation, &mut overtaken);
                    Box::pin(change).await
                }
            };
            asked = next.inspect_err(|_| self.deliver(&Event::LoadFailed))?;
        }
    }

    fn begin(&self) -> Asked<'_> {
        self.with_search(|search| match search.who {
            Who::NotAsked => search.begin(),
            _ => Step::Over,
        })
    }

    async fn change_record<'r>(
        &'r self,
        records: &'r Records,
        change: RecordChange<'r, Records>,
        generation: u32,
        overtaken: &mut Overtaken,
    ) -> Result<Asked<'r>, Error> {
        let shared = self.visit().shared();
        Ok(match change {
            RecordChange::Touch(login, touch, then) => {
                records.store.touch(&login, touch).await?;
                self.go_on(generation, |search| then(search, ()))
            }
            RecordChange::Update(record, then) => {
                let updated = records.store.update(&record).await?;
                shared.watched.wake(&record.id);
                overtaken.count(updated == Updated::Conflict)?;
                self.go_on(generation, |search| then(search, updated))
            }
            RecordChange::Delete(login, then) => {
                shared.end(records, &login).await?;
                self.go_on(generation, |search| then(search, ()))
            }
            RecordChange::Create(record, then) => {
                let created =
                    shared.try_to_create(records, &record, &[], WhenFull::EndOldest, self);
                let is_new = created.await?;
                overtaken.count(!is_new)?;
                self.go_on(generation, |search| then(search, is_new))
            }
            RecordChange::Mark(marker, then) => {
                let is_new = records.mark(&marker).await?;
                self.go_on(generation, |search| then(search, is_new))
            }
        })
    }

    /// Goes on with an answer, unless a login or a logout came in between.
    fn go_on<'r>(
        &'r self,
        generation: u32,
        then: impl FnOnce(&mut Search<'_, 'r, Records>) -> Step<'r, Records>,
    ) -> Asked<'r> {
        self.with_search(
            |search| match (search.generation == generation, &search.who) {
                (true, _) => then(search),
                (false, Who::NotAsked) => search.begin(),
                (false, _) => Step::Over,
            },
        )
    }

    fn with_search<'r>(
        &'r self,
        act: impl FnOnce(&mut Search<'_, 'r, Records>) -> Step<'r, Records>,
    ) -> Asked<'r> {
        let records = self.visit().shared().records.as_ref();
        self.with(|view| {
            let view = view.reborrow();
            let mut search = Search { view, records };
            let step = act(&mut search);
            Asked {
                step,
                generation: search.generation,
                now: search.now,
            }
        })
    }
}

/// The actions, with the login store.
impl OpenVisit {
    pub(crate) async fn log_in(&self, user: &dyn User, options: LoginOptions) -> Result<(), Error> {
        let shared = self.visit().shared();
        let Some(records) = &shared.records else {
            return self.change(|view| view.log_in(user, options, None));
        };
        let _turn = self.turn().await;
        self.log_in_recorded(records, user, options, None).await
    }

    /// The same with a record, in a turn. `pending` is the mark of the pending login that this one finishes. If the mark
    /// exists already, another request has finished that login, and this one is refused.
    async fn log_in_recorded(
        &self,
        records: &Records,
        user: &dyn User,
        options: LoginOptions,
        pending: Option<&LoginId>,
    ) -> Result<(), Error> {
        let shared = self.visit().shared();
        let new = self.change(|view| view.issue(&records.rules, user, options))?;
        let own = self.own_logins(records).await?;
        let plan = plan_login(shared, new, own, options);

        let marked = records.mark_all(&plan.replacing.marks).await?;
        let (record, replaced) = (&plan.new.live.record, &plan.replacing.logins);
        let when_full = records.rules.max_logins.when_full;
        let is_used = pending.is_some_and(|mark| !marked.contains(mark));
        let created = match is_used {
            true => Err(pending::used()),
            false => {
                shared
                    .create(records, record, replaced, when_full, self)
                    .await
            }
        };
        if let Err(error) = created {
            // The login that was to be replaced stays.
            for marker in &marked {
                // The store logs its fault. What failed first is what the application hears.
                let _ = records.store.delete(marker).await;
            }
            return Err(error);
        }
        self.tell_of_theft(plan.replacing.stolen_of);
        let logged_in = self.change(|view| view.log_in(user, options, Some(&plan.new)));
        if logged_in.is_err() {
            records.store.delete(&record.id).await?;
            return logged_in;
        }
        if let Some(mark) = plan.unmark {
            // The store logs its fault. The login stands, and is not remembered.
            let _ = records.store.delete(&mark).await;
        }
        Ok(())
    }

    pub(crate) async fn log_out(&self) -> Result<(), Error> {
        let log_out = |view: &mut View<'_>| {
            view.log_out();
            Ok(())
        };
        let Some(records) = &self.visit().shared().records else {
            return self.change(log_out);
        };
        let _turn = self.turn().await;
        self.change(|_| Ok(()))?;
        self.end_own_logins(records).await?;
        self.change(log_out)
    }

    pub(crate) async fn renew(&self, user: &dyn User, renewal: Renewal) -> Result<(), Error> {
        let Some(records) = &self.visit().shared().records else {
            return self.change(|view| view.renew(user, renewal, None));
        };
        let _turn = self.turn().await;
        self.renew_recorded(records, user, renewal).await
    }

    /// The same with records, in a turn.
    async fn renew_recorded(
        &self,
        records: &Records,
        user: &dyn User,
        renewal: Renewal,
    ) -> Result<(), Error> {
        let renew =
            |renewed: Option<&Renewed>| self.change(|view| view.renew(user, renewal, renewed));
        if self.change(|view| Ok(view.is_to_end(user)))? {
            self.end_own_logins(records).await?;
        }
        let renewing = self.change(|view| view.may_renew(&records.rules, user))?;
        let Some(token) = &renewing.token else {
            let own = self.own_logins(records).await?;
            self.end_planned(records, own.replace()).await?;
            return renew(None);
        };
        let renewed = self
            .renew_record(records, &renewing, token, renewal)
            .await?;
        renew(Some(&renewed))?;
        if renewal == Renewal::AuthHash {
            let (kept, reason) = (Some(&renewed.session.id), EndReason::AuthHashChanged);
            self.end_all(records, &renewing.user_id, kept, reason)
                .await?;
        }
        Ok(())
    }

    /// Gives the record a new secret, even if others change it meanwhile.
    async fn renew_record(
        &self,
        records: &Records,
        renewing: &Renewing,
        token: &LoginSecret,
        renewal: Renewal,
    ) -> Result<Renewed, Error> {
        let (shared, now) = (self.visit().shared(), self.now());
        for _ in 0..MOST_TRIES {
            let found = records.store.load(&token.id, now).await?;
            match renewing.plan(&records.rules, token, found, renewal, now)? {
                RenewalPlan::Create(new) => {
                    let record = &new.live.record;
                    shared
                        .create(records, record, &[], WhenFull::EndOldest, self)
                        .await?;
                    return Ok(Renewed {
                        session: new.session,
                        remember: None,
                    });
                }
                RenewalPlan::Update(next, renewed) => {
                    match records.store.update(&next.record).await? {
                        Updated::Done => {
                            shared.watched.wake(&token.id);
                            return Ok(renewed);
                        }
                        // The next look finds its current state, or that it is gone, and reports that.
                        Updated::Conflict | Updated::Gone => {}
                    }
                }
            }
        }
        Err(too_busy())
    }

    pub(crate) async fn logins(&self) -> Result<Vec<LoginInfo>, Error> {
        let records = self.visit().shared().records()?;
        let listing = self.with(|view| view.may_list())?;
        self.is_still_in(records, &listing).await?;
        records
            .list(&listing.user_id, Some(&listing.current), self.now())
            .await
    }

    pub(crate) async fn end_login(&self, id: &LoginId) -> Result<bool, Error> {
        let shared = self.visit().shared();
        let records = shared.records()?;
        let listing = self.with(|view| view.may_end())?;
        self.is_still_in(records, &listing).await?;
        let found = records.store.load(id, self.now()).await?;
        if !listing.has(found.as_ref()) {
            return Ok(false);
        }
        let ended = shared.end(records, id).await?;
        if ended {
            self.deliver(&Event::LoginEnded {
                user_id: listing.user_id,
                reason: EndReason::EndedByUser,
            });
        }
        Ok(ended)
    }

    pub(crate) async fn end_other_logins(&self) -> Result<usize, Error> {
        let records = self.visit().shared().records()?;
        let listing = self.with(|view| view.may_end())?;
        self.is_still_in(records, &listing).await?;
        let (kept, reason) = (Some(&listing.current), EndReason::EndedByUser);
        self.end_all(records, &listing.user_id, kept, reason).await
    }

    /// A cached record lets a login go on, but not end others: the store is asked whether it is still there.
    async fn is_still_in(&self, records: &Records, listing: &Listing) -> Result<(), Error> {
        let (is_cached, token) = self.with(|view| {
            let is_cached = view.live.as_ref().is_some_and(|live| live.is_cached);
            (is_cached, view.session.token())
        });
        if !is_cached {
            return Ok(());
        }
        let now = self.now();
        let found = records.store.load(&listing.current, now).await?;
        let is_in = match &token {
            Some(token) => {
                let live = records
                    .rules
                    .check_session(token, &listing.user_id, found, now);
                live.is_ok()
            }
            None => listing.has(found.as_ref()),
        };
        is_in.then_some(()).ok_or_else(no_record)
    }

    async fn end_all(
        &self,
        records: &Records,
        user_id: &str,
        except: Option<&LoginId>,
        reason: EndReason,
    ) -> Result<usize, Error> {
        let shared = self.visit().shared();
        shared.end_all(records, user_id, except, reason, self).await
    }

    /// The logins whose secrets this browser has.
    async fn own_logins(&self, records: &Records) -> Result<OwnLogins, Error> {
        let (named, now) = self.with(|view| (view.named_logins(), view.now));
        let mut own = OwnLogins::default();
        for name in named {
            let found = match name.record() {
                Some(id) => records.store.load(id, now).await?,
                None => None,
            };
            own.add(&records.rules, name, found, now);
        }
        Ok(own)
    }

    async fn end_own_logins(&self, records: &Records) -> Result<(), Error> {
        let own = self.own_logins(records).await?;
        let ending = own.log_out(&records.rules, self.now());
        self.end_planned(records, ending).await
    }

    async fn end_planned(&self, records: &Records, ending: Ending) -> Result<(), Error> {
        records.mark_all(&ending.marks).await?;
        for login in &ending.logins {
            self.visit().shared().end(records, login).await?;
        }
        self.tell_of_theft(ending.stolen_of);
        Ok(())
    }

    fn tell_of_theft(&self, stolen_of: Vec<String>) {
        for user_id in stolen_of {
            self.deliver(&Event::RememberTokenStolen { user_id });
        }
    }

    fn now(&self) -> u64 {
        self.with(|view| view.now)
    }
}

impl Shared {
    pub(crate) fn records(&self) -> Result<&Records, Error> {
        self.records.as_ref().ok_or_else(no_store)
    }

    async fn load_user(&self, id: &str) -> Result<Option<Arc<dyn User>>, Error> {
        self.loader.load_user(id).await.map_err(loader_failed)
    }

    /// Whether the login of the session with this token is over, and the user as they are now.
    pub(super) async fn look_at_login(
        &self,
        records: &Records,
        token: &LoginSecret,
        user_id: &str,
    ) -> Result<Option<Arc<dyn User>>, Error> {
        let now = self.now();
        let found = records.store.load(&token.id, now).await?;
        match records.rules.check_session(token, user_id, found, now) {
            Ok(_) => self.load_user(user_id).await,
            Err(_) => Ok(None),
        }
    }

    /// Ends a login. `false` if it did not exist.
    async fn end(&self, records: &Records, login: &LoginId) -> Result<bool, Error> {
        let ended = records.store.delete(login).await?;
        self.watched.wake(login);
        Ok(ended)
    }

    /// Ends a login for the application, and reports it. Returns its user, or `None` if it did not exist.
    pub(crate) async fn end_login(&self, id: &LoginId) -> Result<Option<String>, Error> {
        let records = self.records()?;
        let Some(record) = records.store.load(id, self.now()).await? else {
            return Ok(None);
        };
        if !self.end(records, id).await? {
            return Ok(None);
        }
        let reason = EndReason::EndedByApplication;
        self.have_ended(&record.user_id, &[*id], reason, self);
        Ok(Some(record.user_id))
    }

    /// Stores a new login in place of those that it replaces, and ends the user's logins over the limit.
    async fn create(
        &self,
        records: &Records,
        new: &LoginRecord,
        replaced: &[LoginId],
        when_full: WhenFull,
        teller: &dyn Tell,
    ) -> Result<(), Error> {
        let created = self.try_to_create(records, new, replaced, when_full, teller);
        match created.await? {
            true => Ok(()),
            // Ids are random.
            false => Err(taken()),
        }
    }

    /// The same. `false`, with nothing done, if its id exists.
    async fn try_to_create(
        &self,
        records: &Records,
        new: &LoginRecord,
        replaced: &[LoginId],
        when_full: WhenFull,
        teller: &dyn Tell,
    ) -> Result<bool, Error> {
        let limit = records.rules.limit(when_full, self.now());
        loop {
            let reason = EndReason::TooManyLogins;
            match records.store.create(new, replaced, limit).await? {
                Created::Done { ended } => {
                    replaced.iter().for_each(|login| self.watched.wake(login));
                    self.have_ended(&new.user_id, &ended, reason, teller);
                    return Ok(true);
                }
                Created::Crowded { ended } => self.have_ended(&new.user_id, &ended, reason, teller),
                Created::Full => return Err(records.rules.too_many()),
                Created::Taken => return Ok(false),
            }
        }
    }

    /// Ends all logins of a user except one.
    pub(crate) async fn end_all(
        &self,
        records: &Records,
        user_id: &str,
        except: Option<&LoginId>,
        reason: EndReason,
        teller: &dyn Tell,
    ) -> Result<usize, Error> {
        let now = self.now();
        let marks = marks_of_all(self, &records.rules, user_id, now);
        if let Some(mark) = marks.of_sessions {
            records.renew_mark(mark, now).await?;
        }
        if let Some(mark) = marks.of_token {
            records.mark(&mark).await?;
        }
        let mut count = 0;
        loop {
            let ended = records.store.delete_by_user(user_id, except, BATCH).await?;
            self.have_ended(user_id, &ended, reason, teller);
            count += ended.len();
            if ended.len() < BATCH {
                return Ok(count);
            }
        }
    }

    fn have_ended(&self, user_id: &str, ended: &[LoginId], reason: EndReason, teller: &dyn Tell) {
        for login in ended {
            self.watched.wake(login);
            let event = Event::LoginEnded {
                user_id: user_id.to_owned(),
                reason,
            };
            teller.tell(&event);
        }
    }
}

impl Records {
    /// A user's logins, beginning with the one last used.
    pub(crate) async fn list(
        &self,
        user_id: &str,
        current: Option<&LoginId>,
        now: u64,
    ) -> Result<Vec<LoginInfo>, Error> {
        let most = self.rules.most_listed();
        let records = self.store.list_by_user(user_id, now, most).await?;
        Ok(LoginInfo::list(records, current))
    }

    /// Deletes all records that have expired.
    pub(crate) async fn delete_expired(&self, now: u64) -> Result<usize, Error> {
        let mut deleted = 0;
        loop {
            let batch = self.store.delete_expired(now, BATCH).await?;
            deleted += batch;
            if batch < BATCH {
                return Ok(deleted);
            }
        }
    }

    /// Stores a mark, unless it exists. `false` if it did.
    async fn mark(&self, mark: &LoginRecord) -> Result<bool, Error> {
        let limit = Limit {
            count: MaxLogins::MOST,
            spared_since: u64::MAX,
            now: mark.created_at,
        };
        let created = self.store.create(mark, &[], limit).await?;
        Ok(created.is_done())
    }

    /// Stores these marks, and returns the new ones.
    async fn mark_all(&self, marks: &[LoginRecord]) -> Result<Vec<LoginId>, Error> {
        let mut new = Vec::new();
        for mark in marks {
            if self.mark(mark).await? {
                new.push(mark.id);
            }
        }
        Ok(new)
    }

    /// Stores a mark in place of an older one.
    async fn renew_mark(&self, mark: LoginRecord, now: u64) -> Result<(), Error> {
        for _ in 0..MOST_TRIES {
            if self.mark(&mark).await? {
                return Ok(());
            }
            let Some(before) = self.store.load(&mark.id, now).await? else {
                continue;
            };
            let next = LoginRecord {
                version: before.version,
                ..mark.clone()
            };
            if self.store.update(&next).await? == Updated::Done {
                return Ok(());
            }
        }
        Err(too_busy())
    }
}

fn loader_failed(error: BoxError) -> Error {
    tracing::error!(target: "housekey", %error, "the user loader failed");
    Error::new(
        ErrorKind::LoaderFailed,
        "the current user cannot be determined at the moment; try again in a little while",
    )
    .caused_by(error)
}

fn too_busy() -> Error {
    Error::new(
        ErrorKind::StoreFailed,
        "the login is being changed by many requests at once; try again",
    )
}

fn no_store() -> Error {
    Error::new(
        ErrorKind::NoLoginStore,
        "logins are not recorded: give the login manager a login_store",
    )
}

fn taken() -> Error {
    crate::records::store_failed("the id of a new login exists already".into())
}
