//! Single operations, one after the other, at stores of several sizes in turns.

use std::pin::Pin;
use std::time::{Duration, Instant};

use bench_report::Figures;
use housekey::records::{Limit, LoginStore as _, Touch};

use crate::BoxError;
use crate::backends::Backend;
use crate::population::{LIFETIME, Population};
use crate::progress::Progress;

/// How many rounds there are.
const ROUNDS: usize = 40;
/// Before the measurement: connections are opened, statements are prepared.
const WARM_UP: usize = 20;
/// How many records a purge deletes.
const BATCH: usize = 100;
/// How many logins a user may have: a manager's default.
const LOGINS: usize = 100;
/// One purge for this many other operations, because a purge does so much more.
const PURGED_OF: usize = 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Plain,
    Load,
    Touch,
    List,
    Create,
    Delete,
    Purge,
}

impl Operation {
    pub(crate) const ALL: [Self; 7] = [
        Self::Plain,
        Self::Load,
        Self::Touch,
        Self::List,
        Self::Create,
        Self::Delete,
        Self::Purge,
    ];

    /// Its name in the tables.
    pub(crate) fn name(self, contender: &dyn Contender) -> Option<String> {
        let name = match self {
            Self::Plain => return contender.plain().map(str::to_owned),
            Self::Load => "load",
            Self::Touch => "touch",
            Self::List => "list one user's",
            Self::Create => "create",
            Self::Delete => "delete",
            Self::Purge => return Some(format!("purge {BATCH}")),
        };
        Some(name.to_owned())
    }
}

type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send + 'a>>;

/// A store of one size.
pub(crate) trait Contender: Send + Sync {
    /// Its [`Backend::PLAIN`].
    fn plain(&self) -> Option<&'static str>;

    /// Does an operation this many times, each with another record, and returns how long each took.
    fn measure(&mut self, operation: Operation, times: usize) -> Pending<'_, Vec<Duration>>;
}

pub(crate) struct Filled<B> {
    pub(crate) backend: B,
    pub(crate) population: Population,
}

impl<B: Backend> Contender for Filled<B> {
    fn plain(&self) -> Option<&'static str> {
        B::PLAIN
    }

    fn measure(&mut self, operation: Operation, times: usize) -> Pending<'_, Vec<Duration>> {
        Box::pin(async move {
            let mut took = Vec::with_capacity(times);
            if operation == Operation::Purge {
                let expired = self.population.expired((times * BATCH) as u64);
                self.backend.add(expired).await?;
            }
            for _ in 0..times {
                let (duration, is_right) = once(operation, self).await?;
                if !is_right {
                    return Err(format!("{operation:?}: the store's answer is not right").into());
                }
                took.push(duration);
            }
            Ok(took)
        })
    }
}

/// How long it took, and whether the answer was right.
async fn once<B: Backend>(
    operation: Operation,
    filled: &mut Filled<B>,
) -> Result<(Duration, bool), BoxError> {
    let Filled {
        backend,
        population,
    } = filled;
    let store = backend.store();
    Ok(match operation {
        Operation::Plain => {
            let (id, _) = population.any();
            let (found, took) = timed(backend.plain(&id)).await?;
            (took, found)
        }
        Operation::Load => {
            let (id, user) = population.any();
            let (found, took) = timed(store.load(&id, population.now)).await?;
            let is_it = found.is_some_and(|found| found.id == id && found.user_id == user);
            (took, is_it)
        }
        Operation::Touch => {
            let (id, _) = population.any();
            let touch = next_touch(population);
            let (noted, took) = timed(store.touch(&id, touch)).await?;
            (took, noted)
        }
        Operation::List => {
            let (id, user) = population.any();
            let (found, took) = timed(store.list_by_user(&user, population.now, LOGINS)).await?;
            (took, found.iter().any(|found| found.id == id))
        }
        Operation::Create => {
            let record = population.add();
            let limit = Limit {
                count: LOGINS,
                // So long ago that no record has expired and is deleted along with it.
                now: 0,
                spared_since: u64::MAX,
            };
            let (created, took) = timed(store.create(&record, &[], limit)).await?;
            (took, created.is_done())
        }
        Operation::Delete => {
            let id = population.take();
            let (deleted, took) = timed(store.delete(&id)).await?;
            (took, deleted)
        }
        Operation::Purge => {
            let (deleted, took) = timed(store.delete_expired(population.now, BATCH)).await?;
            (took, deleted == BATCH)
        }
    })
}

async fn timed<T>(
    asking: impl Future<Output = Result<T, BoxError>>,
) -> Result<(T, Duration), BoxError> {
    let start = Instant::now();
    let answer = asking.await?;
    Ok((answer, start.elapsed()))
}

/// A second later than the one before, so that a record can always be touched again.
pub(crate) fn next_touch(population: &mut Population) -> Touch {
    population.now += 1;
    Touch {
        now: population.now,
        unless_since: population.now,
        expires_at: population.now + LIFETIME,
    }
}

/// The times of each operation for each contender.
pub(crate) async fn measure(
    contenders: &mut [Box<dyn Contender>],
    operations: usize,
) -> Result<Vec<[Figures; Operation::ALL.len()]>, BoxError> {
    let mut figures = vec![Default::default(); contenders.len()];
    let each = operations.div_ceil(ROUNDS);
    let mut progress = Progress::new(
        "measuring".to_owned(),
        ((1 + ROUNDS) * Operation::ALL.len()) as u64,
    );
    round(contenders, 0, WARM_UP, |_, _, _| {}, &mut progress).await?;
    for number in 0..ROUNDS {
        let keep = |contender: usize, operation: usize, took| {
            let of_contender: &mut [Figures; Operation::ALL.len()] = &mut figures[contender];
            of_contender[operation].add_round(took);
        };
        round(contenders, number, each, keep, &mut progress).await?;
    }
    Ok(figures)
}

/// Every operation, each by all contenders, in a rotating order.
async fn round(
    contenders: &mut [Box<dyn Contender>],
    number: usize,
    times: usize,
    mut keep: impl FnMut(usize, usize, Vec<Duration>),
    progress: &mut Progress,
) -> Result<(), BoxError> {
    for (index, operation) in Operation::ALL.into_iter().enumerate() {
        for turn in 0..contenders.len() {
            let turn = (number + turn) % contenders.len();
            let contender = &mut contenders[turn];
            if operation == Operation::Plain && contender.plain().is_none() {
                continue;
            }
            let times = match operation {
                Operation::Purge => times.div_ceil(PURGED_OF),
                _ => times,
            };
            let took = contender.measure(operation, times).await;
            keep(turn, index, took?);
        }
        progress.step();
    }
    Ok(())
}
