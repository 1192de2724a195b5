//! The server that keeps the logins goes away and comes back while members use the site.

use axum::http::{HeaderValue, StatusCode};
use store_tests::{Busy, Crowd, Kind, Server};
use tokio::task::JoinHandle;

use crate::browser::{Answer, Browser, text};
use crate::{OK, PASSWORD, Site};

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
    let mut stream = watch(&mut watcher).await;

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
    if stream.is_finished() {
        // It looked while the server was away. Its page connects again.
        let sent = stream.await.unwrap();
        assert!(!sent.contains("event: ended"), "its login goes on: {sent}");
        stream = watch(&mut watcher).await;
    }
    watcher.post("/sign-out", &[]).await.leads_to("/");
    let sent = stream.await.unwrap();
    assert!(sent.ends_with("event: ended\ndata: The login is over.\n\n"));
}

async fn watch(watcher: &mut Browser) -> JoinHandle<String> {
    let stream = watcher.open("/events").await;
    tokio::spawn(text(stream.into_body()))
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
    /// Those who read what is open.
    readers: Crowd<Person>,
    /// Those who need the server.
    members: Crowd<Person>,
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
        let nobody = Person::new("nobody", Habit::ReadsWhatIsOpen, site.browser());
        let barbara = Person::sign_up(site, "barbara", Habit::ReadsWhatIsOpen).await;
        let mut members = Vec::new();
        for (name, habit) in [
            ("ada", Habit::StaysIn),
            ("grace", Habit::StaysIn),
            ("frances", Habit::ComesBack),
            ("radia", Habit::ComesBack),
            ("jean", Habit::SignsInAndOut),
            ("kay", Habit::SignsInAndOut),
        ] {
            members.push(Person::sign_up(site, name, habit).await);
        }
        Self {
            readers: Crowd::start([nobody, barbara]),
            members: Crowd::start(members),
        }
    }

    /// Waits until everybody has got through with some things.
    async fn flows(&mut self) {
        self.readers.get_through(3).await;
        self.members.get_through(3).await;
    }

    /// Waits until everybody who needs the server has been refused something, and the others have not noticed.
    async fn is_refused(&mut self) {
        self.members.fail().await;
        self.readers.get_through(1).await;
    }

    /// Ends it. Whoever was in still is, and who went out cannot come in again with what they had.
    async fn end(self) {
        for (_, refusals) in self.readers.end().await {
            assert_eq!(refusals, 0);
        }
        for (mut person, _) in self.members.end().await {
            if person.habit == Habit::SignsInAndOut {
                assert!(!person.ended.is_empty(), "{} was out", person.name);
                for mut thief in person.ended {
                    let answer = thief.get("/dashboard").await;
                    answer.leads_to("/sign-in?next=%2Fdashboard");
                }
            } else {
                let hello = format!("Hello, {}.", person.name);
                let answer = person.browser.get("/dashboard").await;
                answer.shows(OK, &hello);
            }
        }
    }
}

impl Busy for Person {
    fn name(&self) -> &str {
        self.name
    }

    async fn round(&mut self) -> bool {
        let done = match self.habit {
            Habit::ReadsWhatIsOpen => self.read_what_is_open().await,
            Habit::StaysIn => self.see_the_dashboard().await,
            Habit::ComesBack => {
                self.browser.reopen();
                self.see_the_dashboard().await
            }
            Habit::SignsInAndOut => self.sign_in_and_out().await,
        };
        done.is_ok()
    }
}

impl Person {
    fn new(name: &'static str, habit: Habit, browser: Browser) -> Self {
        Self {
            name,
            habit,
            browser,
            ended: Vec::new(),
        }
    }

    async fn sign_up(site: &Site, name: &'static str, habit: Habit) -> Self {
        site.member(name).await;
        Self::new(name, habit, site.sign_in(site.browser(), name, true).await)
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
    assert!(!answer.headers.contains_key("location"), "{answer:?}");
    // That this browser gave the right password holds, whatever became of its login.
    let mut cookies = answer.headers.get_all("set-cookie").iter();
    let is_known = |cookie: &HeaderValue| cookie.as_bytes().starts_with(b"remember_token-browser=");
    assert!(cookies.all(is_known), "{answer:?}");
    Err(Refused)
}
