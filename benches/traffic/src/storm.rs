//! Many people sign in at once, while others go on reading protected pages.
//!
//! A round measures all sites, one right after the other, each with a server of its own: first only pages, then pages while
//! everybody signs in, until the last of them has an answer. The table has the medians of the rounds.
//!
//! The server has one core and two worker threads. So both ways of hashing get the same power, the load does not get in the
//! way, and a server that hashes on one worker thread still has another for pages.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use bench_report::{BoxError, Figures, Progress, Row, Table, counted, median, written};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::Storm;
use crate::client::{Answer, Connection, Cookies, credentials};
use crate::open_loop::OpenLoop;
use crate::server::{Pinned, Server, pin_the_load};
use crate::site::{ACCOUNT, LOGIN, PASSWORD, Site, name};

pub(crate) const MARK: &str = "storm";

/// How long there are only pages.
const CALM: Duration = Duration::from_secs(5);
/// The readers of pages, who sign in before the measurement.
const READERS: u64 = 20;
/// The people who sign in. None of them is a reader.
const FIRST_OF_THE_STORM: u64 = 1000;

const SITES: [(Site, &str); 2] = [
    (Site::Housekey, "housekey"),
    (Site::OnWorkers, "hashing on tokio's workers"),
];

pub(crate) async fn measure(options: &Storm) -> Result<Table, BoxError> {
    let pinned = pin_the_load();
    let title = format!(
        "{} people sign in at once, beside {} protected pages a second",
        counted(options.people.into()),
        counted(options.pages.into())
    );
    let mut progress = Progress::new(&title, options.rounds);
    let mut rounds = [const { Vec::new() }; SITES.len()];
    for round in 0..options.rounds {
        let mut turns = [0, 1];
        if round % 2 == 1 {
            turns.reverse();
        }
        for site in turns {
            let (kind, name) = SITES[site];
            let measured = measure_round(kind, options, pinned).await;
            rounds[site].push(measured.map_err(|error| format!("{name}: {error}"))?);
        }
        progress.step();
    }
    Ok(table(&title, &rounds, pinned))
}

/// The figures of one site in one round.
struct Round {
    calm: Figures,
    storm: Figures,
    /// From the first sign-in until the last answer.
    took: Duration,
    answers: Answers,
}

/// The answers to people who gave the right name and password.
#[derive(Clone, Copy, Default)]
struct Answers {
    /// 303, with valid cookies.
    signed_in: u64,
    /// 503.
    turned_away: u64,
    other: u64,
}

async fn measure_round(site: Site, options: &Storm, pinned: Pinned) -> Result<Round, BoxError> {
    let folder = tempfile::tempdir()?;
    let server = Server::start(site, folder.path(), pinned)?;
    let pages = Arc::new(Pages::open(server.address, options.pages).await?);
    let people = Crowd::gather(server.address, options.people.into()).await?;

    let requests = pages.come(options.pages);
    tokio::time::sleep(CALM).await;
    let calm = requests.end().await?;

    let requests = pages.come(options.pages);
    let (took, answered) = people.sign_in().await?;
    let storm = requests.end().await?;

    let mut round = Round {
        calm: Figures::default(),
        storm: Figures::default(),
        took,
        answers: Answers::default(),
    };
    round.calm.add_round(calm);
    round.storm.add_round(storm);
    for person in answered {
        round.answers.count(person).await?;
    }
    Ok(round)
}

/// The pages of signed-in people.
struct Pages {
    address: SocketAddr,
    readers: Vec<(String, Cookies)>,
    /// Idle connections. If there is none, another one is opened, because each carries one request at a time.
    idle: Mutex<Vec<Connection>>,
}

impl Pages {
    async fn open(address: SocketAddr, connections: u32) -> Result<Self, BoxError> {
        let mut readers = Vec::new();
        let mut connection = Connection::open(address).await?;
        for number in 0..READERS {
            let name = name(number);
            let form = credentials(&name, PASSWORD, false);
            let answer = connection.post(LOGIN, &Cookies::default(), form).await?;
            answer.must_have_signed_in()?;
            readers.push((name, Cookies::of(&answer)));
        }
        let anonymous = connection.get(ACCOUNT, &Cookies::default()).await?;
        anonymous.must_be_anonymous()?;
        let pages = Self {
            address,
            readers,
            idle: Mutex::default(),
        };
        let mut idle = vec![connection];
        for _ in 1..connections {
            idle.push(Connection::open(address).await?);
        }
        // Each has been asked once, and each reader has seen their page.
        for (number, connection) in (0..).zip(&mut idle) {
            pages.ask_on(connection, number).await?;
        }
        pages.idle(|all| *all = idle);
        Ok(pages)
    }

    fn come(self: &Arc<Self>, a_second: u32) -> OpenLoop {
        let pages = Arc::clone(self);
        OpenLoop::start(Duration::from_secs(1) / a_second, move |number| {
            let pages = Arc::clone(&pages);
            async move { pages.ask(number).await }
        })
    }

    async fn ask(&self, number: u32) -> Result<Instant, BoxError> {
        let idle = self.idle(Vec::pop);
        let mut connection = match idle {
            Some(connection) => connection,
            None => Connection::open(self.address).await?,
        };
        let answered = self.ask_on(&mut connection, number).await?;
        self.idle(|idle| idle.push(connection));
        Ok(answered)
    }

    async fn ask_on(&self, connection: &mut Connection, number: u32) -> Result<Instant, BoxError> {
        let (name, cookies) = &self.readers[number as usize % self.readers.len()];
        let answer = connection.get(ACCOUNT, cookies).await?;
        let answered = Instant::now();
        answer.must_be_page_of(name)?;
        Ok(answered)
    }

    fn idle<T>(&self, change: impl FnOnce(&mut Vec<Connection>) -> T) -> T {
        change(&mut self.idle.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// People at the login page.
struct Crowd(Vec<(String, Connection)>);

/// What one of them got.
struct Answered {
    name: String,
    connection: Connection,
    answer: Answer,
}

impl Crowd {
    async fn gather(address: SocketAddr, count: u64) -> Result<Self, BoxError> {
        let mut people = Vec::new();
        for number in 0..count {
            let mut connection = Connection::open(address).await?;
            let page = connection.get(LOGIN, &Cookies::default()).await?;
            page.must_be(StatusCode::OK)?;
            people.push((name(FIRST_OF_THE_STORM + number), connection));
        }
        Ok(Self(people))
    }

    /// All at once. Returns how long it took until the last answer.
    async fn sign_in(self) -> Result<(Duration, Vec<Answered>), BoxError> {
        let (go, ready) = watch::channel(false);
        let mut asked = JoinSet::new();
        for (name, mut connection) in self.0 {
            let mut ready = ready.clone();
            asked.spawn(async move {
                ready.wait_for(|go| *go).await?;
                let form = credentials(&name, PASSWORD, false);
                let answer = connection.post(LOGIN, &Cookies::default(), form).await?;
                Ok::<_, BoxError>(Answered {
                    name,
                    connection,
                    answer,
                })
            });
        }
        let start = Instant::now();
        go.send_replace(true);
        let mut answered = Vec::new();
        while let Some(one) = asked.join_next().await {
            answered.push(one??);
        }
        Ok((start.elapsed(), answered))
    }
}

impl Answers {
    async fn count(&mut self, person: Answered) -> Result<(), BoxError> {
        let Answered {
            name,
            mut connection,
            answer,
        } = person;
        match answer.status {
            StatusCode::SEE_OTHER => {
                answer.must_have_signed_in()?;
                let page = connection.get(ACCOUNT, &Cookies::of(&answer)).await?;
                page.must_be_page_of(&name)?;
                self.signed_in += 1;
            }
            StatusCode::SERVICE_UNAVAILABLE => self.turned_away += 1,
            _ => self.other += 1,
        }
        Ok(())
    }
}

fn table(title: &str, rounds: &[Vec<Round>; SITES.len()], pinned: Pinned) -> Table {
    let columns = [
        "a page: median",
        "p99",
        "longest",
        "in the storm: median",
        "p99",
        "longest",
        "the storm took",
        "answered 303",
        "503",
        "otherwise",
    ];
    let mut table = Table::new(MARK, title, &columns);
    for ((_, name), rounds) in SITES.iter().zip(rounds) {
        table.rows.push(row(name, rounds));
    }
    let count = rounds[0].len();
    table.notes.push(match count {
        1 => "One round.".to_owned(),
        _ => format!("Medians of {count} rounds; answers of all of them."),
    });
    table.notes.extend(pinned.note());
    table
}

fn row(name: &str, rounds: &[Round]) -> Row {
    let figure = |of: &dyn Fn(&Round) -> Option<Duration>| {
        let each: Option<Vec<_>> = rounds
            .iter()
            .map(|round| Some(of(round)?.as_secs_f64()))
            .collect();
        written(each.map(|each| Duration::from_secs_f64(median(each))))
    };
    let answered = |of: &dyn Fn(&Answers) -> u64| {
        let all = rounds.iter().map(|round| of(&round.answers));
        counted(all.sum())
    };
    Row {
        name: name.to_owned(),
        cells: vec![
            figure(&|round| round.calm.median()),
            figure(&|round| round.calm.p99()),
            figure(&|round| round.calm.max()),
            figure(&|round| round.storm.median()),
            figure(&|round| round.storm.p99()),
            figure(&|round| round.storm.max()),
            figure(&|round| Some(round.took)),
            answered(&|answers| answers.signed_in),
            answered(&|answers| answers.turned_away),
            answered(&|answers| answers.other),
        ],
    }
}
