//! One at a time, for async code: a lock without a value, which costs next to nothing if there is no contention.

use std::sync::atomic::{AtomicU8, Ordering};

use event_listener::Event;

const FREE: u8 = 0;
const TAKEN: u8 = 1;
/// Taken, and others may be waiting.
const AWAITED: u8 = 2;

pub(crate) struct Turns {
    state: AtomicU8,
    freed: Event,
}

/// Ends when it is dropped.
#[must_use = "a turn is over when it is dropped"]
pub(crate) struct Turn<'a> {
    turns: &'a Turns,
}

impl Turns {
    pub(crate) const fn new() -> Self {
        Self {
            state: AtomicU8::new(FREE),
            freed: Event::new(),
        }
    }

    /// Waits for a turn. If a waiting caller is dropped, the next one gets the turn.
    pub(crate) async fn take(&self) -> Turn<'_> {
        let (acquire, relaxed) = (Ordering::Acquire, Ordering::Relaxed);
        let free = self
            .state
            .compare_exchange(FREE, TAKEN, acquire, relaxed)
            .is_ok();
        if !free {
            self.wait().await;
        }
        Turn { turns: self }
    }

    /// Whether the turn is taken.
    pub(crate) fn is_taken(&self) -> bool {
        self.state.load(Ordering::Relaxed) != FREE
    }

    /// Boxed, because waiting is rare and otherwise every caller would carry it.
    #[cold]
    async fn wait(&self) {
        Box::pin(async {
            loop {
                let freed = self.freed.listen();
                // Others may be waiting too, so the end of this turn wakes the next.
                if self.state.swap(AWAITED, Ordering::Acquire) == FREE {
                    return;
                }
                freed.await;
            }
        })
        .await;
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if self.turns.state.swap(FREE, Ordering::Release) == AWAITED {
            self.turns.freed.notify(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::atomic::AtomicUsize;

    use futures_lite::future::{block_on, poll_once, yield_now};

    use super::*;

    #[test]
    fn a_turn_is_had_by_one_at_a_time_and_by_everybody_in_the_end() {
        let (turns, inside, turns_had) = (Turns::new(), AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    block_on(async {
                        for _ in 0..500 {
                            let _turn = turns.take().await;
                            assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                            yield_now().await;
                            inside.fetch_sub(1, Ordering::SeqCst);
                            turns_had.fetch_add(1, Ordering::SeqCst);
                        }
                    });
                });
            }
        });
        assert_eq!(turns_had.into_inner(), 8 * 500);
    }

    #[test]
    fn whoever_stops_waiting_does_not_keep_the_turn_from_the_next() {
        block_on(async {
            let turns = Turns::new();
            let turn = turns.take().await;
            let (mut first, mut second) = (Box::pin(turns.take()), pin!(turns.take()));
            assert!(poll_once(&mut first).await.is_none());
            assert!(poll_once(&mut second).await.is_none());
            drop(turn);
            drop(first);
            assert!(poll_once(second).await.is_some());
        });
    }

    #[test]
    fn a_turn_that_is_over_is_free_again() {
        block_on(async {
            let turns = Turns::new();
            assert!(!turns.is_taken());
            let turn = turns.take().await;
            assert!(turns.is_taken());
            drop(turn);
            assert!(!turns.is_taken());
            assert!(poll_once(turns.take()).await.is_some());
        });
    }
}
