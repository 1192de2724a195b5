//! Blocking work, a bounded number at a time, on any async runtime.

use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use async_lock::{Mutex, Semaphore, SemaphoreGuardArc};

use crate::error::{Error, ErrorKind};

/// How many calls may wait for each place by default. With hashes of 10 to 30 ms the last of them waits for some seconds,
/// about as long as people do. Even on one core, two hundred simultaneous logins all get in.
const WAITING_PER_PLACE: usize = 256;

/// Places for blocking work, with a queue in front. Clones share both.
#[derive(Clone)]
pub(super) struct Workers {
    places: Arc<Semaphore>,
    /// The holder is first in the queue. The lock is handed on in order, which a place alone would not be.
    front: Arc<Mutex<()>>,
    waiting: Arc<AtomicUsize>,
    count: usize,
    most_waiting: Option<usize>,
}

impl Workers {
    /// 0 counts as 1, because work without a place would wait forever.
    pub(super) fn new(count: usize) -> Self {
        let count = count.max(1);
        Workers {
            places: Arc::new(Semaphore::new(count)),
            front: Arc::default(),
            waiting: Arc::default(),
            count,
            most_waiting: None,
        }
    }

    /// The same number of places, with a queue of their own.
    pub(super) fn with_most_waiting(&self, most: usize) -> Self {
        Workers {
            most_waiting: Some(most),
            ..Workers::new(self.count)
        }
    }

    /// This many places, with the queue length of these.
    pub(super) fn with_count(&self, count: usize) -> Self {
        Workers {
            most_waiting: self.most_waiting,
            ..Workers::new(count)
        }
    }

    /// Half of the cores: the other half serves the requests that hash nothing.
    pub(super) fn default_count() -> usize {
        thread::available_parallelism().map_or(1, NonZero::get) / 2
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn most_waiting(&self) -> usize {
        self.most_waiting
            .unwrap_or(self.count.saturating_mul(WAITING_PER_PLACE))
    }

    /// Waits for a free place. A waiting call holds nothing but its turn, and gives that up when it is dropped.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Busy`], at once, when the queue is full.
    pub(super) async fn place(&self) -> Result<Place, Error> {
        // The front of the queue comes on top of those behind it.
        if let Some(_front) = self.front.try_lock()
            && let Some(place) = self.places.try_acquire_arc()
        {
            return Ok(Place { _guard: place });
        }
        let _waiting = Waiting::one_of(&self.waiting, self.most_waiting()).ok_or_else(busy)?;
        let _front = self.front.lock().await;
        let _guard = self.places.acquire_arc().await;
        Ok(Place { _guard })
    }
}

/// The right to one thread.
pub(super) struct Place {
    _guard: SemaphoreGuardArc,
}

impl Place {
    /// Runs `work` on a blocking thread. The work cannot be stopped once it has begun, so it carries its place: dropping
    /// the future loses the result, and the place becomes free only when the thread does.
    pub(super) async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> T {
        blocking::unblock(move || {
            let _place = self;
            work()
        })
        .await
    }
}

/// One waiting call, for as long as it exists.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn one_of(waiting: &'a AtomicUsize, most: usize) -> Option<Self> {
        let one_more = |count: usize| (count < most).then_some(count + 1);
        waiting
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more)
            .ok()?;
        Some(Self(waiting))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn busy() -> Error {
    Error::new(
        ErrorKind::Busy,
        "too many passwords are being checked at the moment; try again in a little while",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::password::tests::cheap;
    use futures_lite::future::{block_on, poll_once, zip};
    use std::pin::pin;
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::channel;

    async fn run<T: Send + 'static>(
        workers: &Workers,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> T {
        workers.place().await.unwrap().run(work).await
    }

    #[test]
    fn one_place_means_that_no_two_run_at_the_same_time() {
        let workers = Workers::new(1);
        let running = Arc::new(AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let running = running.clone();
                    block_on(run(&workers, move || {
                        assert_eq!(running.fetch_add(1, Ordering::SeqCst), 0);
                        // Gives another call the chance to come in between, if the place did not keep it out.
                        (0..1000).for_each(|_| thread::yield_now());
                        assert_eq!(running.fetch_sub(1, Ordering::SeqCst), 1);
                    }));
                });
            }
        });
    }

    #[test]
    fn two_places_mean_that_two_do() {
        let workers = Workers::new(2);
        let barrier = Arc::new(Barrier::new(2));
        let meet = || {
            let barrier = barrier.clone();
            run(&workers, move || {
                barrier.wait();
            })
        };
        block_on(zip(meet(), meet()));
    }

    #[test]
    fn a_task_that_stops_waiting_gives_the_place_to_the_next() {
        let workers = Workers::new(1);
        let place = workers.places.try_acquire_arc().unwrap();
        block_on(async {
            let mut first = Box::pin(run(&workers, || "first"));
            let mut second = pin!(run(&workers, || "second"));
            assert!(poll_once(&mut first).await.is_none());
            assert!(poll_once(&mut second).await.is_none());
            drop(first);
            drop(place);
            assert_eq!(second.await, "second");
        });
    }

    #[test]
    fn work_that_nobody_waits_for_keeps_its_place_until_it_has_ended() {
        let workers = Workers::new(1);
        let (started, has_started) = channel();
        let (end, may_end) = channel::<()>();
        block_on(async {
            let mut abandoned = Box::pin(run(&workers, move || {
                started.send(()).unwrap();
                may_end.recv().unwrap();
            }));
            assert!(poll_once(&mut abandoned).await.is_none());
            has_started.recv().unwrap();
            drop(abandoned);
            assert!(workers.places.try_acquire().is_none());

            let mut next = pin!(run(&workers, || "next"));
            assert!(poll_once(&mut next).await.is_none());
            end.send(()).unwrap();
            assert_eq!(next.await, "next");
        });
    }

    #[test]
    fn work_that_panics_frees_its_place() {
        let workers = Workers::new(1);
        let waiter = workers.clone();
        let panicked =
            thread::spawn(move || block_on(run(&waiter, || panic!("on purpose")))).join();
        assert!(panicked.is_err());
        assert_eq!(block_on(run(&workers, || "next")), "next");
    }

    #[test]
    fn no_places_are_one_place_because_nobody_may_wait_for_ever() {
        assert_eq!(Workers::new(0).count(), 1);
        assert_eq!(block_on(run(&Workers::new(0), || "done")), "done");
    }

    #[test]
    fn when_the_queue_is_full_it_is_busy_at_once_until_a_waiter_leaves_or_has_its_turn() {
        let passwords = cheap().max_concurrent(1).max_waiting(2);
        let place = passwords.workers.places.try_acquire_arc().unwrap();
        let is_busy = || {
            let answers = block_on(zip(passwords.verify("x", None), passwords.hash("x")));
            let kinds = (
                answers.0.map_err(|it| it.kind()),
                answers.1.map_err(|it| it.kind()),
            );
            kinds == (Err(ErrorKind::Busy), Err(ErrorKind::Busy))
        };
        block_on(async {
            let mut waiting: Vec<_> = (0..2)
                .map(|_| Box::pin(passwords.verify("x", None)))
                .collect();
            for one in &mut waiting {
                assert!(poll_once(one).await.is_none());
            }
            assert!(is_busy());
            // A call that gives up makes room for one, both in the queue and at its front.
            for goes in [1, 0] {
                drop(waiting.remove(goes));
                let mut next = Box::pin(passwords.verify("x", None));
                assert!(poll_once(&mut next).await.is_none());
                waiting.push(next);
                assert!(is_busy());
            }
            drop(place);
            let [one, other] = waiting.try_into().ok().unwrap();
            let (one, other) = zip(one, other).await;
            assert!(!one.unwrap() && !other.unwrap());
        });
        assert!(
            !block_on(passwords.verify("x", None)).unwrap(),
            "and then it is not"
        );
        assert_eq!(passwords.workers.waiting.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn with_no_queue_at_all_the_places_are_still_used() {
        let passwords = cheap().max_concurrent(1).max_waiting(0);
        for _ in 0..3 {
            assert!(!block_on(passwords.verify("x", None)).unwrap());
        }
        let _place = passwords.workers.places.try_acquire_arc().unwrap();
        let busy = block_on(passwords.verify("x", None)).unwrap_err();
        assert_eq!(busy.kind(), ErrorKind::Busy);
        assert!(busy.is_temporary());
    }

    #[test]
    fn as_many_wait_as_are_set_in_either_order_and_otherwise_as_there_are_places_for() {
        for (passwords, most) in [
            (cheap().max_concurrent(3), 3 * WAITING_PER_PLACE),
            (cheap().max_concurrent(3).max_waiting(5), 5),
            (cheap().max_waiting(5).max_concurrent(3), 5),
        ] {
            assert_eq!(passwords.workers.most_waiting(), most);
            assert_eq!(passwords.workers.count(), 3);
        }
    }

    #[test]
    fn an_earlier_task_has_its_turn_before_later_ones() {
        let workers = Workers::new(1);
        let place = block_on(workers.place()).ok().unwrap();
        block_on(async {
            let mut first = pin!(workers.place());
            assert!(poll_once(&mut first).await.is_none());
            let mut second = pin!(workers.place());
            assert!(poll_once(&mut second).await.is_none());
            drop(place);
            let mut third = pin!(workers.place());
            assert!(poll_once(&mut third).await.is_none(), "others wait");
            drop(first.await);
            drop(second.await);
            assert!(third.await.is_ok());
        });
    }

    /// A form has room for a password of four thousand bytes, and many calls may wait.
    #[test]
    fn a_waiting_task_keeps_no_copy_of_the_password() {
        let passwords = cheap().max_concurrent(1);
        let _place = passwords.workers.places.try_acquire_arc().unwrap();
        let password = "x".repeat(4096);
        let mut waiting = pin!(passwords.verify(&password, None));
        block_on(async { assert!(poll_once(&mut waiting).await.is_none()) });
        assert!(size_of_val(&*waiting) < 1024);
    }

    #[test]
    fn hash_and_verify_wait_for_a_place_that_clones_share() {
        let passwords = cheap().max_concurrent(1);
        let clone = passwords.clone();
        let place = clone.workers.places.try_acquire_arc().unwrap();
        block_on(async {
            let mut hash = pin!(passwords.hash("x"));
            let mut verify = pin!(passwords.verify("x", None));
            assert!(poll_once(&mut hash).await.is_none());
            assert!(poll_once(&mut verify).await.is_none());
            drop(place);
            let (hash, verify) = zip(hash, verify).await;
            assert!(hash.is_ok());
            assert!(!verify.unwrap());
        });
        assert!(clone.workers.places.try_acquire().is_some());
    }
}
