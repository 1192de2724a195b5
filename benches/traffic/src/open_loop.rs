//! Requests at fixed times, whether the ones before have been answered or not. A client that waits for an answer before it
//! sends the next request would not count the longest waits.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bench_report::BoxError;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

type Requests = JoinSet<Result<Duration, BoxError>>;

/// Requests under way.
pub(crate) struct OpenLoop {
    thread: Option<thread::JoinHandle<Requests>>,
    enough: Arc<AtomicBool>,
}

impl OpenLoop {
    /// One request after each `pause`, from now on. `ask` gets its number, and returns when it was answered.
    pub(crate) fn start<Asked>(pause: Duration, ask: impl Fn(u32) -> Asked + Send + 'static) -> Self
    where
        Asked: Future<Output = Result<Instant, BoxError>> + Send + 'static,
    {
        let (runtime, enough) = (Handle::current(), Arc::new(AtomicBool::new(false)));
        let until = Arc::clone(&enough);
        // A thread of its own, because tokio's timers are exact only to a millisecond.
        let thread = thread::spawn(move || {
            let (mut requests, start) = (Requests::new(), Instant::now());
            for number in 0_u32.. {
                let due = start + pause * number;
                thread::sleep(due.saturating_duration_since(Instant::now()));
                if until.load(Ordering::Relaxed) {
                    break;
                }
                let asked = ask(number);
                let took = async move { Ok(asked.await?.saturating_duration_since(due)) };
                requests.spawn_on(took, &runtime);
            }
            requests
        });
        Self {
            thread: Some(thread),
            enough,
        }
    }

    /// Sends no more, and waits for those under way. The time of each counts from when it was due.
    pub(crate) async fn end(mut self) -> Result<Vec<Duration>, BoxError> {
        self.enough.store(true, Ordering::Relaxed);
        let thread = self.thread.take().expect("it is taken once");
        let mut requests = tokio::task::spawn_blocking(|| thread.join())
            .await?
            .map_err(|_| "the thread of requests panicked")?;
        let mut took = Vec::new();
        while let Some(answered) = requests.join_next().await {
            took.push(answered??);
        }
        Ok(took)
    }
}

impl Drop for OpenLoop {
    fn drop(&mut self) {
        self.enough.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::watch;

    use super::*;

    /// Like a server that stops for a while and then answers everybody.
    #[tokio::test]
    async fn nobody_waits_for_others_to_be_answered_and_each_counts_from_its_own_time() {
        const COUNT: u32 = 20;
        let pause = Duration::from_millis(1);
        let (answer, mut answered) = watch::channel(None);
        let waiting = answered.clone();
        let requests = OpenLoop::start(pause, move |number| {
            // With one request at a time, this one would never be sent.
            if number == COUNT - 1 {
                answer.send_replace(Some(Instant::now()));
            }
            let mut waiting = waiting.clone();
            async move { Ok(waiting.wait_for(Option::is_some).await?.expect("it is")) }
        });
        answered.wait_for(Option::is_some).await.unwrap();
        let mut took = requests.end().await.unwrap();
        took.sort();
        took.reverse();
        // More may have been sent before the end.
        let first = &took[..COUNT as usize];
        assert!(first.windows(2).all(|pair| pair[0] - pair[1] == pause));
    }
}
