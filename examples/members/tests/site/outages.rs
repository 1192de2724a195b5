//! The server that keeps the logins goes away and comes back while members use the site.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::http::StatusCode;
use store_tests::{Kind, Server};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::browser::{Answer, Browser, text};
use crate::{OK, PASSWORD, Site};

/// Longer than anything takes that is not stuck.
const STUCK: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn whatever_postgresql_does_in_mid_traffic_no_login_and_no_logout_is_lost() {
    the_site_outlives(Server::start(Kind::Postgres)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_redis_does_in_mid_traffic_no_login_and_no_logout_is_lost() {
    the_site_outlives(Server::start(Kind::Redis)).await;
}

async fn the_site_outlives(mut server: Server) {
    let site = Site::open_with(&["--store", &server.url()]).await;
    let mut watcher = site.member("watcher").await;
    let stream = watcher.open("/events").await;
    let stream = tokio::spawn(text(stream.into_body()));

    let mut traffic = Traffic::start(&site).await;
    type Act = fn(&mut Server);
    let outages: [(Act, Act); 3] = [
        (Server::kill, Server::start_again),
        (Server::stop, Server::start_again),
        (|server| server.freeze(), |server| server.thaw()),
    ];
    for (goes, comes) in outages {
        traffic.flows().await;
        goes(&mut server);
        traffic.is_refused().await;
        comes(&mut server);
    }
    traffic.flows().await;
    traffic.end().await;

    watcher.get("/dashboard").await.shows(OK, "Hello, watcher.");
    assert!(!stream.is_finished(), "its login goes on");
    watcher.post("/sign-out", &[]).await.leads_to("/");
    let sent = stream.await.unwrap();
    assert!(sent.ends_with("event: ended\ndata: The login is over.\n\n"));
}

/// What somebody does again and again.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Habit {
    /// Pages that need nobody, whether somebody is signed in or not.
    ReadsWhatIsOpen,
    StaysIn,
    /// Without the session cookie, by the remember token.
    ComesBack,
    SignsInAndOut,
}

/// People of all habits. Each answer is looked at; whoever gets a wrong one panics.
struct Traffic {
    stop: Arc<AtomicBool>,
    people: Vec<Visible>,
}

/// What is seen of somebody from outside.
struct Visible {
    habit: Habit,
    seen: watch::Receiver<Seen>,
    task: JoinHandle<Person>,
}

/// How often somebody got through with what they wanted, and how often they were told that it cannot be done now.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    rounds: usize,
    refusals: usize,
}

struct Person {
    name: &'static str,
    habit: Habit,
    browser: Browser,
    /// What thieves have: the cookies of logins of which the site has said that they are over.
    ended: Vec<Browser>,
}

/// The site has said that it cannot be done now.
struct Refused;

impl Traffic {
    async fn start(site: &Site) -> Self {
        let mut people = Vec::new();
        for (name, habit) in [
            ("ada", Habit::StaysIn),
            ("grace", Habit::StaysIn),
            ("barbara", Habit::ReadsWhatIsOpen),
            ("frances", Habit::ComesBack),
            ("radia", Habit::ComesBack),
            ("jean", Habit::SignsInAndOut),
            ("kay", Habit::SignsInAndOut),
        ] {
            site.member(name).await;
            people.push(Person {
                name,
                habit,
                browser: site.sign_in(site.browser(), name, true).await,
                ended: Vec::new(),
            });
        }
        people.push(Person {
            name: "nobody",
            habit: Habit::ReadsWhatIsOpen,
            browser: site.browser(),
            ended: Vec::new(),
        });

        let stop = Arc::new(AtomicBool::new(false));
        let people = people.into_iter().map(|person| {
            let (sender, seen) = watch::channel(Seen::default());
            Visible {
                habit: person.habit,
                seen,
                task: tokio::spawn(person.live(Arc::clone(&stop), sender)),
            }
        });
        Self {
            people: people.collect(),
            stop,
        }
    }

    /// Waits until everybody has got through with some things.
    async fn flows(&mut self) {
        self.each(|_, before, now| now.rounds >= before.rounds + 3)
            .await;
    }

    /// Waits until everybody who needs the server has been refused something, and the others have not noticed.
    async fn is_refused(&mut self) {
        self.each(|habit, before, now| match habit {
            Habit::ReadsWhatIsOpen => now.rounds > before.rounds,
            _ => now.refusals > before.refusals,
        })
        .await;
    }

    async fn each(&mut self, enough: impl Fn(Habit, Seen, Seen) -> bool) {
        let before: Vec<Seen> = self.people.iter().map(|one| *one.seen.borrow()).collect();
        for (one, before) in self.people.iter_mut().zip(before) {
            let habit = one.habit;
            let seen = one.seen.wait_for(|now| enough(habit, before, *now));
            timeout(STUCK, seen)
                .await
                .unwrap_or_else(|_| panic!("{habit:?} is stuck at {before:?}"))
                .expect("a person met something wrong; the message is above");
        }
    }

    /// Ends it. Whoever was in still is, and who went out cannot come in again with what they had.
    async fn end(self) {
        self.stop.store(true, Ordering::SeqCst);
        for one in self.people {
            let mut person = one.task.await.unwrap();
            match person.habit {
                Habit::ReadsWhatIsOpen => assert_eq!(one.seen.borrow().refusals, 0),
                Habit::SignsInAndOut => {
                    assert!(!person.ended.is_empty(), "{} was out", person.name);
                    for mut thief in person.ended {
                        let answer = thief.get("/dashboard").await;
                        answer.leads_to("/sign-in?next=%2Fdashboard");
                    }
                }
                Habit::StaysIn | Habit::ComesBack => {
                    let hello = format!("Hello, {}.", person.name);
                    let answer = person.browser.get("/dashboard").await;
                    answer.shows(OK, &hello);
                }
            }
        }
    }
}

impl Person {
    async fn live(mut self, stop: Arc<AtomicBool>, seen: watch::Sender<Seen>) -> Self {
        while !stop.load(Ordering::SeqCst) {
            let done = match self.habit {
                Habit::ReadsWhatIsOpen => self.read_what_is_open().await,
                Habit::StaysIn => self.see_the_dashboard().await,
                Habit::ComesBack => {
                    self.browser.reopen();
                    self.see_the_dashboard().await
                }
                Habit::SignsInAndOut => self.sign_in_and_out().await,
            };
            seen.send_modify(|seen| match done {
                Ok(()) => seen.rounds += 1,
                Err(Refused) => seen.refusals += 1,
            });
            tokio::task::yield_now().await;
        }
        self
    }

    async fn read_what_is_open(&mut self) -> Result<(), Refused> {
        for (path, text) in [("/", "<h1"), ("/static/site.css", "color")] {
            self.browser.get(path).await.shows(OK, text);
        }
        Ok(())
    }

    async fn see_the_dashboard(&mut self) -> Result<(), Refused> {
        let answer = unless_refused(self.browser.get("/dashboard").await)?;
        answer.shows(OK, &format!("Hello, {}.", self.name));
        Ok(())
    }

    async fn sign_in_and_out(&mut self) -> Result<(), Refused> {
        let fields = [
            ("username", self.name),
            ("password", PASSWORD),
            ("remember", "yes"),
        ];
        let answer = self.browser.post("/sign-in", &fields).await;
        unless_refused(answer)?.leads_to("/dashboard");
        self.see_the_dashboard().await?;
        let copied = self.browser.clone();
        unless_refused(self.browser.post("/sign-out", &[]).await)?.leads_to("/");
        self.ended.push(copied);
        Ok(())
    }
}

fn unless_refused(answer: Answer) -> Result<Answer, Refused> {
    if answer.status != StatusCode::SERVICE_UNAVAILABLE {
        return Ok(answer);
    }
    assert!(answer.body.contains("Nobody has been signed out"));
    answer.header("retry-after");
    for header in ["set-cookie", "location"] {
        assert!(!answer.headers.contains_key(header), "{answer:?}");
    }
    Err(Refused)
}
