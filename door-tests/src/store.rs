//! A login store that tests can inspect, break and pause.

use std::sync::{Arc, Mutex};

use futures_lite::future;
use housekey::BoxError;
use housekey::records::{
    Created, Limit, LoginId, LoginRecord, LoginStore, MemoryLoginStore, Touch, Updated,
};
use tokio::sync::Notify;

/// The operations of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Create,
    Load,
    Update,
    Touch,
    Delete,
    DeleteByUser,
    ListByUser,
    DeleteExpired,
}

/// Records in memory, behind a door that counts, fails and waits on command. Clones are the same store.
#[derive(Clone, Default)]
pub(crate) struct TestStore {
    records: MemoryLoginStore,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    calls: Vec<Call>,
    touched: usize,
    away: bool,
    failing: Vec<Call>,
    losing: Vec<Call>,
    held: Option<(Call, Gate)>,
}

impl TestStore {
    /// The number of records, including expired ones.
    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// A user's records, including expired ones, in any order.
    pub(crate) async fn of(&self, user_id: &str) -> Vec<LoginRecord> {
        self.records
            .list_by_user(user_id, 0, usize::MAX)
            .await
            .unwrap()
    }

    /// The only record of a user.
    pub(crate) async fn only(&self, user_id: &str) -> LoginRecord {
        let mut records = self.of(user_id).await;
        assert_eq!(records.len(), 1, "{records:?}");
        records.remove(0)
    }

    /// Changes a user's only record without telling the site.
    pub(crate) async fn change(&self, user_id: &str, change: impl FnOnce(&mut LoginRecord)) {
        let mut record = self.only(user_id).await;
        change(&mut record);
        assert_eq!(self.records.update(&record).await.unwrap(), Updated::Done);
    }

    /// The operations since the last call.
    pub(crate) fn calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.state.lock().unwrap().calls)
    }

    /// How many touches wrote something since the last call.
    pub(crate) fn touched(&self) -> usize {
        std::mem::take(&mut self.state.lock().unwrap().touched)
    }

    /// From now on every call fails.
    pub(crate) fn go_away(&self) {
        self.state.lock().unwrap().away = true;
    }

    /// From now on these calls fail, and do nothing.
    pub(crate) fn fail(&self, calls: &[Call]) {
        self.state.lock().unwrap().failing = calls.to_vec();
    }

    /// From now on these calls are carried out, and then fail: their answer is lost.
    pub(crate) fn lose(&self, calls: &[Call]) {
        self.state.lock().unwrap().losing = calls.to_vec();
    }

    /// From now on nothing fails.
    pub(crate) fn come_back(&self) {
        let mut state = self.state.lock().unwrap();
        state.away = false;
        state.failing.clear();
        state.losing.clear();
    }

    /// The next call of this kind waits at the gate, before it does anything.
    pub(crate) fn hold(&self, call: Call) -> Gate {
        let gate = Gate::default();
        self.state.lock().unwrap().held = Some((call, gate.clone()));
        gate
    }

    async fn answer<T>(
        &self,
        call: Call,
        work: impl Future<Output = Result<T, BoxError>>,
    ) -> Result<T, BoxError> {
        let gate = {
            let mut state = self.state.lock().unwrap();
            state.calls.push(call);
            state
                .held
                .take_if(|(held, _)| *held == call)
                .map(|(_, gate)| gate)
        };
        // Lets other tasks run first, as a database would.
        future::yield_now().await;
        if let Some(gate) = gate {
            gate.pass().await;
        }
        let is = |calls: &[Call]| calls.contains(&call);
        let (fails, loses) = {
            let state = self.state.lock().unwrap();
            (state.away || is(&state.failing), is(&state.losing))
        };
        if fails {
            return Err("the login database is away".into());
        }
        let result = work.await;
        if loses {
            return Err("the answer of the login database was lost".into());
        }
        result
    }
}

impl LoginStore for TestStore {
    async fn create(
        &self,
        new: &LoginRecord,
        replacing: &[LoginId],
        limit: Limit,
    ) -> Result<Created, BoxError> {
        self.answer(Call::Create, self.records.create(new, replacing, limit))
            .await
    }

    async fn load(&self, id: &LoginId, now: u64) -> Result<Option<LoginRecord>, BoxError> {
        self.answer(Call::Load, self.records.load(id, now)).await
    }

    async fn update(&self, changed: &LoginRecord) -> Result<Updated, BoxError> {
        self.answer(Call::Update, self.records.update(changed))
            .await
    }

    async fn touch(&self, id: &LoginId, touch: Touch) -> Result<bool, BoxError> {
        let wrote = self
            .answer(Call::Touch, self.records.touch(id, touch))
            .await?;
        self.state.lock().unwrap().touched += usize::from(wrote);
        Ok(wrote)
    }

    async fn delete(&self, id: &LoginId) -> Result<bool, BoxError> {
        self.answer(Call::Delete, self.records.delete(id)).await
    }

    async fn delete_by_user(
        &self,
        user_id: &str,
        except: Option<&LoginId>,
        limit: usize,
    ) -> Result<Vec<LoginId>, BoxError> {
        let deleted = self.records.delete_by_user(user_id, except, limit);
        self.answer(Call::DeleteByUser, deleted).await
    }

    async fn list_by_user(
        &self,
        user_id: &str,
        now: u64,
        limit: usize,
    ) -> Result<Vec<LoginRecord>, BoxError> {
        let list = self.records.list_by_user(user_id, now, limit);
        self.answer(Call::ListByUser, list).await
    }

    async fn delete_expired(&self, now: u64, limit: usize) -> Result<usize, BoxError> {
        let deleted = self.records.delete_expired(now, limit);
        self.answer(Call::DeleteExpired, deleted).await
    }
}

/// A gate where a call waits until it is released. Clones are the same gate.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<Signals>);

#[derive(Default)]
struct Signals {
    reached: Notify,
    open: Notify,
}

impl Gate {
    pub(crate) async fn pass(&self) {
        self.0.reached.notify_one();
        self.0.open.notified().await;
    }

    pub(crate) fn open(&self) {
        self.0.open.notify_one();
    }

    /// Starts this, and returns when it has reached the gate. From there it continues only with [`Stopped::go_on`].
    pub(crate) async fn stop<F: Future + Unpin>(&self, mut work: F) -> Stopped<F> {
        let reached = async {
            self.0.reached.notified().await;
        };
        let ended = async {
            (&mut work).await;
            panic!("it ended and was never at the gate");
        };
        future::or(reached, ended).await;
        Stopped {
            gate: self.clone(),
            work,
        }
    }
}

/// A call that waits at a gate.
pub(crate) struct Stopped<F> {
    gate: Gate,
    work: F,
}

impl<F: Future> Stopped<F> {
    /// Lets it run to its end.
    pub(crate) async fn go_on(self) -> F::Output {
        self.gate.open();
        self.work.await
    }
}
