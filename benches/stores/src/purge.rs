//! Loads and touches at the rate of requests, without other work and during a purge of expired records.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bench_report::Figures;
use housekey::records::LoginStore;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use crate::BoxError;
use crate::backends::Backend;
use crate::operations::{Filled, next_touch};
use crate::population::Population;
use crate::progress::Progress;

/// As many as `LoginManager::delete_expired_logins` deletes at a time.
const BATCH: usize = 1000;
/// The time between two requests. Each loads a record.
const PAUSE: Duration = Duration::from_millis(1);
/// One of this many requests notes that the login was used.
const TOUCHES: u64 = 20;
/// How long there are only requests.
const CALM: Duration = Duration::from_secs(5);

/// The times of the operations that requests need.
#[derive(Default)]
pub(crate) struct Traffic {
    pub(crate) loads: Figures,
    pub(crate) touches: Figures,
}

pub(crate) struct Purged {
    pub(crate) calm: Traffic,
    pub(crate) during: Traffic,
    pub(crate) took: Duration,
}

/// Purges this many expired records, which are in the store beside the live ones.
pub(crate) async fn measure<B: Backend>(
    what: String,
    filled: Filled<B>,
    expired: u64,
) -> Result<Purged, BoxError> {
    let Filled {
        backend,
        population,
    } = filled;
    let store = backend.store();
    let now = population.now;

    let requests = Requests::start(store.clone(), population);
    tokio::time::sleep(CALM).await;
    let (calm, population) = requests.end().await?;

    let mut progress = Progress::new(what, expired);
    let requests = Requests::start(store.clone(), population);
    let start = Instant::now();
    let mut purged = 0;
    loop {
        let batch = store.delete_expired(now, BATCH).await?;
        purged += batch as u64;
        progress.add(batch as u64);
        if batch < BATCH {
            break;
        }
    }
    let took = start.elapsed();
    let (during, _) = requests.end().await?;
    if purged != expired {
        return Err(format!("{expired} records had expired, and {purged} were purged").into());
    }
    Ok(Purged { calm, during, took })
}

type Outcome = Result<(Traffic, Population), BoxError>;

/// Requests that arrive at a fixed rate, whether the ones before have been answered or not.
struct Requests {
    thread: Option<thread::JoinHandle<Outcome>>,
    enough: Arc<AtomicBool>,
}

impl Requests {
    fn start<S: LoginStore + Clone>(store: S, population: Population) -> Self {
        let (runtime, enough) = (Handle::current(), Arc::new(AtomicBool::new(false)));
        let until = Arc::clone(&enough);
        // A thread of its own: whatever delays the runtime does not delay the requests.
        let thread = thread::spawn(move || come(&store, population, &runtime, &until));
        Self {
            thread: Some(thread),
            enough,
        }
    }

    /// Sends no more, and waits for those under way.
    async fn end(mut self) -> Outcome {
        self.enough.store(true, Ordering::Relaxed);
        let thread = self.thread.take().expect("it is taken once");
        let waiting = tokio::task::spawn_blocking(|| thread.join());
        waiting
            .await?
            .map_err(|_| "the thread of requests panicked")?
    }
}

impl Drop for Requests {
    fn drop(&mut self) {
        self.enough.store(true, Ordering::Relaxed);
    }
}

enum Answered {
    Load(Duration),
    Touch(Duration),
}

fn come<S: LoginStore + Clone>(
    store: &S,
    mut population: Population,
    runtime: &Handle,
    enough: &AtomicBool,
) -> Outcome {
    let mut requests: JoinSet<Result<Answered, BoxError>> = JoinSet::new();
    for number in 0_u64.. {
        if enough.load(Ordering::Relaxed) {
            break;
        }
        thread::sleep(PAUSE);
        let (id, _) = population.any();
        let (store, now, came) = (store.clone(), population.now, Instant::now());
        if number.is_multiple_of(TOUCHES) {
            let touch = next_touch(&mut population);
            requests.spawn_on(
                async move {
                    // Not noted if a later request has overtaken it.
                    store.touch(&id, touch).await?;
                    Ok(Answered::Touch(came.elapsed()))
                },
                runtime,
            );
        } else {
            requests.spawn_on(
                async move {
                    match store.load(&id, now).await? {
                        Some(_) => Ok(Answered::Load(came.elapsed())),
                        None => Err("a live record was not found".into()),
                    }
                },
                runtime,
            );
        }
    }
    let (mut loads, mut touches) = (Vec::new(), Vec::new());
    for answered in runtime.block_on(requests.join_all()) {
        match answered? {
            Answered::Load(took) => loads.push(took),
            Answered::Touch(took) => touches.push(took),
        }
    }
    let mut traffic = Traffic::default();
    traffic.loads.add_round(loads);
    traffic.touches.add_round(touches);
    Ok((traffic, population))
}
