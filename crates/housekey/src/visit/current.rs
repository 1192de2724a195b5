//! Asks the loader and the store what the search for the user wants to know.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use http::request::Parts;

use super::{Current, OpenVisit};
use crate::error::{BoxError, Error, ErrorKind};
use crate::event::{Event, EventClient};
use crate::login::search::{Adopted, Answer, Search, Write};
use crate::login::{VisitState, Who};
use crate::policy::Policy;
use crate::records::Updated;
use crate::user::{User, downcast};
use crate::visit::shared::{Records, Shared};

/// What is to be asked next, and of which login, while it is not known who is there.
struct Step {
    search: Search,
    generation: u32,
    now: u64,
}

/// Who is there; `None` is an anonymous visitor.
type Known<U> = Result<Option<Current<U>>, Error>;

impl VisitState {
    /// Somebody asks who is there. What was found without use is looked for again when it is to count.
    fn ask(&mut self, without_use: bool) {
        if !self.is_used && !without_use && !matches!(self.who, Who::NotAsked) {
            self.generation += 1;
            self.who = Who::NotAsked;
        }
        self.is_used |= !without_use;
    }

    /// Who is there, if the search for them is over.
    fn known<U: User>(&self, policy: &Policy) -> Option<Known<U>> {
        let (user, source) = match &self.who {
            Who::NotAsked => return None,
            Who::Nobody => return Some(Ok(None)),
            Who::Somebody(user, source) => (Arc::clone(user), *source),
        };
        let Some(user) = downcast(user) else {
            return Some(Err(Error::new(
                ErrorKind::MissingLayer,
                "the login manager of this route is one for users of another type",
            )));
        };
        Some(Ok(Some(Current {
            user,
            source,
            fresh: self.is_fresh(policy, policy.settings.fresh_within),
        })))
    }

    fn begin<U: User>(&mut self, policy: &Policy) -> Result<Step, Known<U>> {
        match self.who {
            Who::NotAsked => {
                let search = self.search(policy);
                self.next(policy, search)
            }
            _ => self.next(policy, Search::Over),
        }
    }

    /// Goes on with an answer, unless somebody logged in or out since it was asked for.
    fn go_on<U: User>(
        &mut self,
        policy: &Policy,
        asked: Step,
        answer: Answer,
    ) -> Result<Step, Known<U>> {
        if self.generation != asked.generation {
            return self.begin(policy);
        }
        let search = self.search_on(policy, asked.search, answer);
        self.next(policy, search)
    }

    fn next<U: User>(&self, policy: &Policy, search: Search) -> Result<Step, Known<U>> {
        match search {
            Search::Over => Err(self.known(policy).unwrap_or(Ok(None))),
            search => Ok(Step {
                search,
                generation: self.generation,
                now: self.now,
            }),
        }
    }
}

impl Shared {
    pub(crate) async fn load_user(&self, id: &str) -> Result<Option<Arc<dyn User>>, Error> {
        self.loader.load_user(id).await.map_err(loader_failed)
    }
}

impl OpenVisit {
    /// Who is there: found at the first call, remembered for the others. `None` is an anonymous visitor.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::LoaderFailed`] or [`ErrorKind::StoreFailed`] when that is not known at the moment. Nothing is remembered of it: the next call asks
    /// again.
    pub async fn current_user<U: User>(&self, request: &Parts) -> Known<U> {
        let without_use = self.visit.inner.without_use.load(Ordering::Relaxed);
        let first_time = self.with(|state, policy| {
            state.ask(without_use);
            match state.known(policy) {
                Some(known) => Err(known),
                None => Ok(!std::mem::replace(&mut state.accessed, true)),
            }
        });
        match first_time {
            Err(known) => return known,
            // At every request, and hardly anybody listens.
            Ok(true) if self.visit.inner.shared.hears_accesses() => self.deliver(&Event::Accessed),
            Ok(_) => {}
        }
        let _turn = self.turn().await;
        let mut step = match self.with(VisitState::begin) {
            Ok(step) => step,
            Err(known) => return known,
        };
        loop {
            let answer = self.answer(&step.search, request, step.now).await;
            let answer = answer.inspect_err(|_| self.deliver(&Event::LoadFailed))?;
            match self.with(|state, policy| state.go_on(policy, step, answer)) {
                Ok(next) => step = next,
                Err(known) => return known,
            }
        }
    }

    async fn answer(&self, search: &Search, request: &Parts, now: u64) -> Result<Answer, Error> {
        let shared = &self.visit.inner.shared;
        Ok(match (search, &shared.records) {
            (Search::SessionUser(id), _) => Answer::User(shared.load_user(id).await?),
            (Search::RememberedUser(claims), _) => {
                Answer::User(shared.load_user(&claims.user_id).await?)
            }
            (Search::RequestUser, _) => {
                let found = shared.loader.load_from_request(request).await;
                Answer::User(found.map_err(loader_failed)?)
            }
            (
                Search::SessionRecord(_, token) | Search::RememberedRecord(_, token),
                Some(records),
            ) => Answer::Record(records.store.load(&token.id, now).await?),
            (Search::Adopted(adopted), Some(records)) => {
                let found = records.store.load(adopted.id(), now).await?;
                let was_there = match found {
                    // Whoever made the record may not have come to this.
                    Some(_) => {
                        records.mark(adopted.marker(records, now)).await?;
                        true
                    }
                    None => {
                        records.was_there(adopted.id(), now).await?
                            || match adopted {
                                Adopted::Session { user_id, age, .. } => {
                                    records.are_over(user_id, *age, now).await?
                                }
                                Adopted::Token(..) => false,
                            }
                    }
                };
                Answer::Adopted(found, was_there)
            }
            (Search::Write(write), Some(records)) => {
                Answer::Written(self.write(records, write).await?)
            }
            // Without a store, no search asks for one.
            _ => Answer::Record(None),
        })
    }

    async fn write(&self, records: &Records, write: &Write) -> Result<Updated, Error> {
        let (store, shared) = (&records.store, &self.visit.inner.shared);
        match write {
            Write::Touch(login, touch, _) => {
                store.touch(login, *touch).await?;
                Ok(Updated::Done)
            }
            Write::Refresh(next, _) | Write::Reopen(next, ..) => store.update(&next.record).await,
            Write::Delete(login, _) => {
                shared.end(records, login).await?;
                Ok(Updated::Done)
            }
            Write::Restore(restoration) => {
                let record = &restoration.next.record;
                let updated = store.update(record).await?;
                shared.watched.wake(&record.id);
                Ok(updated)
            }
            Write::Adopt(new, _, adoption) => {
                let client = self.client();
                shared
                    .adopt(records, new, adoption, EventClient::of(&client))
                    .await
            }
        }
    }
}

fn loader_failed(error: BoxError) -> Error {
    tracing::error!(target: "housekey", %error, "the user loader failed");
    Error::new(
        ErrorKind::LoaderFailed,
        "who is signed in cannot be told at the moment; try again in a little while",
    )
    .caused_by(error)
}
