//! A login in two steps: its questions to the loader and the store.

use std::sync::Arc;

use crate::error::{Error, ErrorKind};
use crate::event::PendingRefusal;
use crate::login::pending::{Pending, PendingKind, PendingOptions};
use crate::records::marks::marker_id;
use crate::records::rules::Renewal;
use crate::user::User;
use crate::visit::OpenVisit;
use crate::visit::shared::Records;

/// A pending login that counts, and its user.
pub(in crate::visit) type Begun = (Pending, Arc<dyn User>);

impl OpenVisit {
    /// Begins a login, or a new proof for the current login.
    pub(crate) async fn begin_login(
        &self,
        user: &dyn User,
        options: &PendingOptions,
    ) -> Result<(), Error> {
        let records = self.visit().shared().records.as_ref();
        let _turn = self.turn().await;
        if let (Some(records), PendingKind::Login) = (records, options.kind) {
            self.change(|view| view.could_begin(user, options))?;
            let own = self.own_logins(records).await?;
            self.end_planned(records, own.replace()).await?;
        }
        self.change(|view| view.begin(user, options))
    }

    /// The pending login, if it counts. If it does not, it is forgotten.
    ///
    /// # Errors
    ///
    /// If the loader or the store does not answer.
    pub(crate) async fn pending_login(&self) -> Result<Option<Begun>, Error> {
        let found = self.with(|view| {
            let pending = view.pending()?;
            let refusal = view.refuse_pending(&pending);
            Some((pending, refusal, view.now))
        });
        let Some((pending, refusal, now)) = found else {
            return Ok(None);
        };
        let Some(id) = pending.id() else {
            return Ok(self.refuse_pending(pending, PendingRefusal::Used));
        };
        if let Some(reason) = refusal {
            return Ok(self.refuse_pending(pending, reason));
        }
        let shared = self.visit().shared();
        if let Some(records) = &shared.records
            && records.store.load(&marker_id(&id), now).await?.is_some()
        {
            return Ok(self.refuse_pending(pending, PendingRefusal::Used));
        }
        let user = shared.load_user(&pending.user_id).await?;
        match self.with(|view| view.refuse_pending_user(&pending, user.as_deref())) {
            Some(reason) => Ok(self.refuse_pending(pending, reason)),
            None => Ok(user.map(|user| {
                self.with(|view| view.personal = true);
                (pending, user)
            })),
        }
    }

    /// Turns the pending login into a login.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NoPendingLogin`], and those of the login or the proof itself.
    pub(crate) async fn finish_login(&self) -> Result<Begun, Error> {
        let _turn = self.turn().await;
        // If no change can follow, there is no point in asking.
        self.change(|_| Ok(()))?;
        let (pending, user) = self.pending_login().await?.ok_or_else(none)?;
        let done = match &self.visit().shared().records {
            Some(records) => self.finish_recorded(records, &pending, &*user).await,
            None => self.change(|view| match pending.is_confirmation() {
                true => view.renew(&*user, Renewal::Confirm, None),
                false => view.log_in(&*user, pending.options(), None),
            }),
        };
        match done {
            Ok(()) => Ok((pending, user)),
            Err(error) => {
                if error.kind() == ErrorKind::NoPendingLogin {
                    self.refuse_pending(pending, PendingRefusal::Used);
                }
                Err(error)
            }
        }
    }

    async fn finish_recorded(
        &self,
        records: &Records,
        pending: &Pending,
        user: &dyn User,
    ) -> Result<(), Error> {
        let id = pending.id().ok_or_else(none)?;
        if !pending.is_confirmation() {
            let mark = marker_id(&id);
            let options = pending.options();
            return self
                .log_in_recorded(records, user, options, Some(&mark))
                .await;
        }
        let mark = records
            .rules
            .pending_marker(&id, pending.ends_at(), self.now());
        if !records.mark(&mark).await? {
            return Err(used());
        }
        let renewed = self.renew_recorded(records, user, Renewal::Confirm).await;
        if renewed.is_err() {
            records.store.delete(&mark.id).await?;
        }
        renewed
    }

    /// Forgets the pending login, and with a store every copy of it.
    pub(crate) async fn cancel_login(&self) -> Result<(), Error> {
        let _turn = self.turn().await;
        let pending = self.change(|view| Ok(view.pending()))?;
        let Some(pending) = pending else {
            return Ok(());
        };
        if let (Some(records), Some(id)) = (&self.visit().shared().records, pending.id()) {
            let (ends_at, now) = (pending.ends_at(), self.now());
            let mark = records.rules.pending_marker(&id, ends_at, now);
            records.mark(&mark).await?;
        }
        self.change(|view| {
            view.session.remove(crate::session::keys::PENDING);
            Ok(())
        })
    }

    fn refuse_pending(&self, pending: Pending, reason: PendingRefusal) -> Option<Begun> {
        self.with(|view| view.forget_refused_pending(pending.user_id, reason));
        None
    }
}

/// The error if there is no pending login that counts.
pub(crate) fn none() -> Error {
    Error::new(
        ErrorKind::NoPendingLogin,
        "no login has begun here that could be finished: it took too long, was finished already, or began in another \
         browser; log in again",
    )
}

/// The error if another request has finished it.
pub(super) fn used() -> Error {
    Error::new(
        ErrorKind::NoPendingLogin,
        "this login was finished already; log in again",
    )
}
