//! Many tasks that repeat the same work, watched from outside.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::operations::HUNG;

/// A member of a [`Crowd`].
pub trait Busy: Send + 'static {
    /// Its name, for messages.
    fn name(&self) -> &str;

    /// Does the work once. Returns whether it succeeded; a wrong result panics.
    fn round(&mut self) -> impl Future<Output = bool> + Send;
}

/// Tasks that go on until they are stopped.
pub struct Crowd<B> {
    stop: Arc<AtomicBool>,
    members: Vec<Member<B>>,
}

struct Member<B> {
    name: String,
    seen: watch::Receiver<Seen>,
    task: JoinHandle<B>,
}

/// How many rounds finished, and how many of them ended with a refusal or an error.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    rounds: usize,
    errors: usize,
}

impl<B: Busy> Crowd<B> {
    /// Starts them.
    pub fn start(members: impl IntoIterator<Item = B>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let members = members.into_iter().map(|member| {
            let (sender, seen) = watch::channel(Seen::default());
            Member {
                name: member.name().to_owned(),
                seen,
                task: tokio::spawn(go_on(member, Arc::clone(&stop), sender)),
            }
        });
        Self {
            members: members.collect(),
            stop,
        }
    }

    /// Waits until every member has succeeded in this many rounds.
    ///
    /// # Panics
    ///
    /// If a member does not, or gets a wrong result.
    pub async fn get_through(&mut self, rounds: usize) {
        self.each(|before, now| now.rounds >= before.rounds + rounds)
            .await;
    }

    /// Waits until every member has failed once.
    ///
    /// # Panics
    ///
    /// If a member never fails, or gets a wrong result.
    pub async fn fail(&mut self) {
        self.each(|before, now| now.errors > before.errors).await;
    }

    async fn each(&mut self, enough: impl Fn(Seen, Seen) -> bool) {
        let before: Vec<_> = self
            .members
            .iter()
            .map(|member| *member.seen.borrow())
            .collect();
        for (member, before) in self.members.iter_mut().zip(before) {
            let seen = member.seen.wait_for(|now| enough(before, *now));
            timeout(HUNG, seen)
                .await
                .unwrap_or_else(|_| panic!("{} is stuck since {before:?}", member.name))
                .unwrap_or_else(|_| panic!("{} failed; the message is above", member.name));
        }
    }

    /// Stops them, and returns them as they are now, with how often they failed.
    ///
    /// # Panics
    ///
    /// If a member has got a wrong result.
    pub async fn end(self) -> Vec<(B, usize)> {
        self.stop.store(true, Ordering::SeqCst);
        let mut ended = Vec::new();
        for member in self.members {
            let one = member.task.await;
            let one = one.unwrap_or_else(|error| panic!("{} failed: {error}", member.name));
            ended.push((one, member.seen.borrow().errors));
        }
        ended
    }
}

async fn go_on<B: Busy>(mut member: B, stop: Arc<AtomicBool>, seen: watch::Sender<Seen>) -> B {
    while !stop.load(Ordering::SeqCst) {
        let got_through = member.round().await;
        seen.send_modify(|seen| match got_through {
            true => seen.rounds += 1,
            false => seen.errors += 1,
        });
        tokio::task::yield_now().await;
    }
    member
}
