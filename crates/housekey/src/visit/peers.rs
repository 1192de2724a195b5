//! The logins that a Flask peer makes, together with the login store: they have no secret of ours, so their cookies find their
//! records, and a mark stays when one ends.

use std::time::Duration;

use super::driver::{MOST_TRIES, taken, too_busy};
use crate::cookie::LONGEST_LIFE;
use crate::error::Error;
use crate::event::EventClient;
use crate::login::records::Issued;
use crate::login::search::Adoption;
use crate::records::rules::{MaxLogins, WhenFull};
use crate::records::secret::{
    ended_before, marker_id, sessions_ended, sessions_of_peers, was_ended,
};
use crate::records::{Limit, LoginId, LoginRecord, Updated};
use crate::visit::shared::{Records, Shared};

impl Shared {
    /// A record for a peer's login, and the mark that stays when it ends.
    pub(crate) async fn adopt(
        &self,
        records: &Records,
        new: &Issued,
        adoption: &Adoption,
        client: EventClient<'_>,
    ) -> Result<Updated, Error> {
        let record = &new.live.record;
        let created = self.try_to_create(records, record, &[], WhenFull::EndOldest, client);
        if !created.await? {
            let found = records.store.load(&record.id, record.created_at).await?;
            return found.map(|_| Updated::Conflict).ok_or_else(taken);
        }
        let is_first = records
            .mark(match adoption {
                Adoption::Session { .. } => {
                    records.session_marker(&record.id, &record.user_id, record.created_at)
                }
                Adoption::Token(_) => records.token_marker(&record.id, record.created_at),
            })
            .await?;
        let mut is_over = !is_first && records.was_ended(&record.id, record.created_at).await?;
        if let Adoption::Session { age } = adoption {
            is_over |= records
                .are_over(&record.user_id, *age, record.created_at)
                .await?;
        }
        if is_over {
            self.end(records, &record.id).await?;
            return Ok(Updated::Gone);
        }
        Ok(Updated::Done)
    }
}

impl Records {
    /// Keeps a mark; once is enough. `false` when it was there.
    pub(crate) async fn mark(&self, marker: LoginRecord) -> Result<bool, Error> {
        let limit = Limit {
            count: MaxLogins::MOST,
            spared_since: u64::MAX,
            now: marker.created_at,
        };
        let created = self.store.create(&marker, &[], limit).await?;
        Ok(created.is_done())
    }

    /// Keeps these marks, and says which of them are new.
    pub(crate) async fn mark_all(&self, markers: Vec<LoginRecord>) -> Result<Vec<LoginId>, Error> {
        let mut new = Vec::new();
        for marker in markers {
            let id = marker.id;
            if self.mark(marker).await? {
                new.push(id);
            }
        }
        Ok(new)
    }

    /// Whether somebody ended a peer's login, or logged out, that was about to get its record.
    async fn was_ended(&self, id: &LoginId, now: u64) -> Result<bool, Error> {
        let marker = self.store.load(&marker_id(id), now).await?;
        Ok(marker.is_some_and(|marker| was_ended(&marker)))
    }

    /// Ends all sessions of a user that peers have signed until now, whether they ever came here or not.
    pub(crate) async fn end_peers_sessions(&self, user_id: &str, now: u64) -> Result<(), Error> {
        let sessions = sessions_of_peers(self.store.realm(), user_id);
        let mark = sessions_ended(&sessions, now, now.saturating_add(LONGEST_LIFE.as_secs()));
        for _ in 0..MOST_TRIES {
            if self.mark(mark.clone()).await? {
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

    /// Whether all sessions of this user that are as old as this one were ended.
    pub(crate) async fn are_over(
        &self,
        user_id: &str,
        age: Duration,
        now: u64,
    ) -> Result<bool, Error> {
        let id = marker_id(&sessions_of_peers(self.store.realm(), user_id));
        let mark = self.store.load(&id, now).await?;
        let before = mark.as_ref().and_then(ended_before);
        Ok(before.is_some_and(|before| now.saturating_sub(age.as_secs()) < before))
    }

    /// Whether there was a login by the cookie of a peer's that this number follows from.
    pub(crate) async fn was_there(&self, id: &LoginId, now: u64) -> Result<bool, Error> {
        Ok(self.store.load(&marker_id(id), now).await?.is_some())
    }
}
