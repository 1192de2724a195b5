//! A scenario's stage: the site, the users, their browsers, and the transcript of what they did.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use super::{Browser, RUNTIME, Settings, Side, Site};

/// Where a scenario plays: it starts `here` and continues `there`.
pub(crate) struct Stage {
    pub(crate) here: Side,
    pub(crate) there: Side,
    pub(crate) site: Arc<Site>,
    transcript: Transcript,
    browsers: Mutex<Vec<Browser>>,
}

/// A user with an account.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) password: String,
}

/// Plays a scenario on the site with these settings. If it fails, reports what happened.
pub(crate) fn play(settings: Settings, here: Side, scenario: impl AsyncFnOnce(&Stage)) {
    let site = RUNTIME.block_on(Site::shared(settings));
    play_on(site, here, scenario);
}

/// The same on a site of the scenario's own.
pub(crate) fn play_on(site: Arc<Site>, here: Side, scenario: impl AsyncFnOnce(&Stage)) {
    let stage = Stage::new(site, here);
    let played = AssertUnwindSafe(|| RUNTIME.block_on(scenario(&stage)));
    if let Err(panic) = catch_unwind(played) {
        eprintln!("{}", RUNTIME.block_on(stage.story()));
        resume_unwind(panic);
    }
}

impl Stage {
    pub(crate) fn new(site: Arc<Site>, here: Side) -> Self {
        Self {
            here,
            there: here.other(),
            site,
            transcript: Transcript::default(),
            browsers: Mutex::default(),
        }
    }

    /// A new browser without a cookie.
    pub(crate) fn browser(&self) -> Browser {
        let mut browsers = self.browsers.lock().unwrap();
        let name = format!("browser {}", browsers.len() + 1);
        let browser = Browser::new(self.site.address(), name, self.transcript.clone());
        browsers.push(browser.clone());
        browser
    }

    /// A browser for a request whose cookies do not matter.
    fn somebody(&self) -> Browser {
        let name = "somebody".to_owned();
        Browser::new(self.site.address(), name, self.transcript.clone())
    }

    /// A new user, who signs up at this side.
    pub(crate) async fn person_from(&self, side: Side, id: &str, name: &str) -> Person {
        let password = format!("pässword of {id}");
        self.sign_up(side, id, name, &password).await
    }

    /// The same, with this password. The id gets a number, since scenarios share a site.
    pub(crate) async fn sign_up(&self, side: Side, id: &str, name: &str, password: &str) -> Person {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::SeqCst);
        let person = Person {
            id: format!("{id}-{number}"),
            password: password.to_owned(),
        };
        let form = [&person.credentials()[..], &[("name", name)]].concat();
        let answer = self.somebody().post(side, "/signup", &form).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        person
    }

    /// A new user, who signed up where the scenario starts.
    pub(crate) async fn person(&self, id: &str) -> Person {
        self.person_from(self.here, id, id).await
    }

    /// Activates or deactivates an account, at this side.
    pub(crate) async fn set_active(&self, side: Side, person: &Person, active: bool) {
        let form = [
            ("id", &*person.id),
            ("active", if active { "on" } else { "off" }),
        ];
        let answer = self.somebody().post(side, "/active", &form).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// What happened, what is in the browsers, and what the servers printed.
    pub(crate) async fn story(&self) -> String {
        let mut story = format!("\nWhat happened:\n{}", self.transcript.text());
        let browsers = self.browsers.lock().unwrap().clone();
        for browser in browsers {
            story.push_str(&browser.describe().await);
        }
        for side in Side::BOTH {
            story.push_str(&self.site.last_output(side));
        }
        story
    }
}

impl Person {
    /// The fields of a login form.
    pub(crate) fn credentials(&self) -> [(&str, &str); 2] {
        [("id", &self.id), ("password", &self.password)]
    }
}

/// What was done, line by line.
#[derive(Clone, Default)]
pub(super) struct Transcript(Arc<Mutex<Vec<String>>>);

impl Transcript {
    pub(super) fn add(&self, line: &str) {
        self.0.lock().unwrap().push(line.to_owned());
    }

    fn text(&self) -> String {
        let lines = self.0.lock().unwrap();
        lines.iter().map(|line| format!("  {line}\n")).collect()
    }
}
