//! Work that blocks a thread, a bounded number of it at a time, on any async runtime.

use std::num::NonZero;
use std::sync::Arc;
use std::thread;

use async_lock::Semaphore;

/// Places for blocking work. Clones share them.
#[derive(Clone)]
pub(super) struct Workers {
    places: Arc<Semaphore>,
    count: usize,
}

impl Workers {
    /// 0 counts as 1, because work without any place would wait forever.
    pub(super) fn new(count: usize) -> Self {
        let count = count.max(1);
        Workers {
            places: Arc::new(Semaphore::new(count)),
            count,
        }
    }

    /// Half of the cores: the other half answers the requests that hash nothing.
    pub(super) fn default_count() -> usize {
        thread::available_parallelism().map_or(1, NonZero::get) / 2
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Waits for a place, then runs `work` on a blocking thread.
    ///
    /// Whoever stops waiting gives up their turn. Work that has begun cannot be stopped, so it carries its place with
    /// it: dropping the future then loses the result, and the place is free when the thread really is.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> T {
        let place = self.places.acquire_arc().await;
        blocking::unblock(move || {
            let _place = place;
            work()
        })
        .await
    }
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

    #[test]
    fn one_place_means_that_no_two_run_at_the_same_time() {
        let workers = Workers::new(1);
        let running = Arc::new(AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let running = running.clone();
                    block_on(workers.run(move || {
                        assert_eq!(running.fetch_add(1, Ordering::SeqCst), 0);
                        // Room for another one to come in between, if the place did not keep it out.
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
            workers.run(move || {
                barrier.wait();
            })
        };
        block_on(zip(meet(), meet()));
    }

    #[test]
    fn who_stops_waiting_gives_the_place_to_the_next() {
        let workers = Workers::new(1);
        let place = workers.places.try_acquire_arc().unwrap();
        block_on(async {
            let mut first = Box::pin(workers.run(|| "first"));
            let mut second = pin!(workers.run(|| "second"));
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
            let mut abandoned = Box::pin(workers.run(move || {
                started.send(()).unwrap();
                may_end.recv().unwrap();
            }));
            assert!(poll_once(&mut abandoned).await.is_none());
            has_started.recv().unwrap();
            drop(abandoned);
            assert!(workers.places.try_acquire().is_none());

            let mut next = pin!(workers.run(|| "next"));
            assert!(poll_once(&mut next).await.is_none());
            end.send(()).unwrap();
            assert_eq!(next.await, "next");
        });
    }

    #[test]
    fn work_that_panics_frees_its_place() {
        let workers = Workers::new(1);
        let waiter = workers.clone();
        let panicked = thread::spawn(move || block_on(waiter.run(|| panic!("on purpose")))).join();
        assert!(panicked.is_err());
        assert_eq!(block_on(workers.run(|| "next")), "next");
    }

    #[test]
    fn no_places_are_one_place_because_nobody_may_wait_for_ever() {
        assert_eq!(Workers::new(0).count(), 1);
        assert_eq!(block_on(Workers::new(0).run(|| "done")), "done");
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
