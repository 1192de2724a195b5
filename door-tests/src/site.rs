//! A site and everything around it: its members, a clock that tests set, and the events of its hook.

use std::ops::Deref;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use housekey::{Event, LoginManager, LoginManagerBuilder, PublicRoutes, SecretKeys};
use http::Request;

use crate::answer::Answer;
use crate::browser::Browser;
use crate::door::{AnyDoor, Local};
use crate::people::{Member, Members, Staff};
use crate::plan::{Guard, Page, Plan};
use crate::store::TestStore;
use housekey::testing::Clock;
use housekey::testing::Jar;

/// Where every test's clock starts.
pub(crate) const START: u64 = Clock::START;
pub(crate) const KEY: &str = "9f2c8d54b61e4bd9a1f0c7d35e8b2a64";
pub(crate) const OLD_KEY: &str = "2b7e151628aed2a6abf7158809cf4f3c";
pub(crate) const HOUR: Duration = Duration::from_secs(60 * 60);
pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

pub(crate) type Builder = LoginManagerBuilder<Member>;

/// Ends every login of mia, without her doing.
pub(crate) const ENDS_OF_MIA: [fn(&Site); 4] = [
    |site| site.members.remove("mia"),
    |site| site.members.change("mia", |member| member.active = false),
    |site| site.members.set_stamp("mia", "after a new password"),
    // A column set to NULL.
    |site| site.members.change("mia", |member| member.stamp = None),
];

/// The events that the manager's hook got.
#[derive(Clone, Default)]
pub(crate) struct Events(Arc<Mutex<Vec<Event>>>);

impl Events {
    /// The events since the last call.
    pub(crate) fn take(&self) -> Vec<Event> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// Makes sites for the door under test.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct Sites {
    door: &'static dyn AnyDoor,
}

type Preset = fn(SecretKeys, Members) -> Builder;

impl Sites {
    pub(crate) fn new(door: &'static dyn AnyDoor) -> Self {
        Self { door }
    }

    /// What the error of a route without a layer advises.
    pub(crate) fn advice(self) -> &'static str {
        self.door.advice()
    }

    /// Runs this on the current thread, as one of a server's workers does.
    pub(crate) fn block_on(self, work: impl Future<Output = ()> + 'static) {
        self.door.block_on(Box::pin(work));
    }

    /// The safe preset.
    pub(crate) fn safe(self) -> Site {
        self.safe_with(|builder| builder)
    }

    pub(crate) fn safe_with(self, set: impl FnOnce(Builder) -> Builder) -> Site {
        self.of(
            |keys, members| with_pages(LoginManager::new(keys, members)),
            set,
        )
    }

    /// Flask's format.
    pub(crate) fn flask(self) -> Site {
        self.flask_with(|builder| builder)
    }

    pub(crate) fn flask_with(self, set: impl FnOnce(Builder) -> Builder) -> Site {
        self.of(
            |keys, members| with_pages(LoginManager::flask(keys, members)),
            set,
        )
    }

    /// Flask's format, with neither a login page nor a refresh page.
    pub(crate) fn flask_without_pages(self) -> Site {
        self.of(LoginManager::flask, |builder| builder)
    }

    /// The safe preset, with login records.
    pub(crate) fn stored(self) -> Site {
        self.stored_with(|builder| builder)
    }

    pub(crate) fn stored_with(self, set: impl FnOnce(Builder) -> Builder) -> Site {
        self.begin(
            |keys, members| with_pages(LoginManager::new(keys, members)),
            true,
            set,
        )
    }

    /// Flask's format, with login records.
    pub(crate) fn stored_flask(self) -> Site {
        self.stored_flask_with(|builder| builder)
    }

    pub(crate) fn stored_flask_with(self, set: impl FnOnce(Builder) -> Builder) -> Site {
        self.begin(
            |keys, members| with_pages(LoginManager::flask(keys, members)),
            true,
            set,
        )
    }

    /// A manager that the test builds itself, for instance with another loader around the members.
    pub(crate) fn of(self, preset: Preset, set: impl FnOnce(Builder) -> Builder) -> Site {
        self.begin(preset, false, set)
    }

    fn begin(
        self,
        preset: Preset,
        keeps_records: bool,
        set: impl FnOnce(Builder) -> Builder,
    ) -> Site {
        let surroundings = Surroundings {
            clock: Clock::default(),
            events: Events::default(),
            store: TestStore::default(),
            keeps_records,
            preset,
            members: Members::default(),
        };
        let manager = surroundings.manager(SecretKeys::flask(KEY).unwrap(), set);
        let plan = Plan::new(
            Some(manager),
            None,
            surroundings.members.clone(),
            Vec::new(),
        );
        Site {
            server: self.server(plan),
            surroundings,
        }
    }

    /// A site without a manager for members.
    pub(crate) fn without_members(
        self,
        staff: Option<&LoginManager<Staff>>,
        pages: impl Into<Vec<Page>>,
    ) -> Server {
        let plan = Plan::new(None, staff.cloned(), Members::default(), pages.into());
        self.server(plan)
    }

    fn server(self, plan: Plan) -> Server {
        Server {
            sites: self,
            plan: Arc::new(plan),
        }
    }
}

/// Answers requests by a plan.
#[derive(Clone)]
pub(crate) struct Server {
    sites: Sites,
    plan: Arc<Plan>,
}

impl Server {
    /// Builds the application for this thread, so that the first request finds it.
    pub(crate) fn open(&self) -> Local<()> {
        self.sites.door.open(&self.plan)
    }

    /// Sends exactly these headers, as a program does.
    pub(crate) async fn send(&self, request: Request<Vec<u8>>) -> Answer {
        let response = self.sites.door.ask(&self.plan, request).await;
        let (parts, body) = response.into_parts();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: String::from_utf8(body).unwrap(),
        }
    }

    fn replanned(&self, change: impl FnOnce(&mut Plan)) -> Self {
        let Plan {
            members,
            staff,
            table,
            pages,
            closed,
            ..
        } = Plan::clone(&self.plan);
        let mut plan = Plan::new(members, staff, table, pages);
        plan.closed = closed;
        change(&mut plan);
        self.sites.server(plan)
    }
}

/// A site and everything around it.
#[derive(Clone)]
pub(crate) struct Site {
    surroundings: Surroundings,
    server: Server,
}

/// What survives a restart of the site.
#[derive(Clone)]
pub(crate) struct Surroundings {
    pub(crate) members: Members,
    pub(crate) clock: Clock,
    pub(crate) events: Events,
    /// Where the records of the logins are, if the site keeps any.
    pub(crate) store: TestStore,
    pub(crate) keeps_records: bool,
    preset: Preset,
}

impl Deref for Site {
    type Target = Surroundings;

    fn deref(&self) -> &Surroundings {
        &self.surroundings
    }
}

impl Surroundings {
    fn manager(
        &self,
        keys: SecretKeys,
        set: impl FnOnce(Builder) -> Builder,
    ) -> LoginManager<Member> {
        let log = Arc::clone(&self.events.0);
        let mut builder = (self.preset)(keys, self.members.clone())
            .clock(self.clock.reader())
            .on_event(move |event, _| log.lock().unwrap().push(event.clone()));
        if self.keeps_records {
            builder = builder.login_store(self.store.clone());
        }
        set(builder).build().unwrap()
    }
}

impl Site {
    /// The same site, members, records and time after a restart with other keys and settings.
    pub(crate) fn restarted(&self, keys: SecretKeys, set: impl FnOnce(Builder) -> Builder) -> Self {
        let manager = self.surroundings.manager(keys, set);
        Self {
            server: self.server.replanned(|plan| plan.members = Some(manager)),
            ..self.clone()
        }
    }

    /// For an administrator's page.
    pub(crate) fn manager(&self) -> &LoginManager<Member> {
        self.server.plan.members.as_ref().unwrap()
    }

    /// The same site with another page.
    pub(crate) fn and(self, page: Page) -> Self {
        self.with([page])
    }

    /// The same site with more pages.
    pub(crate) fn with(self, pages: impl IntoIterator<Item = Page>) -> Self {
        Self {
            server: self.server.replanned(|plan| plan.pages.extend(pages)),
            ..self
        }
    }

    /// The same site behind a guard that leaves these routes open.
    pub(crate) fn closed(self, guard: Guard, public: &PublicRoutes) -> Self {
        let closed = Some((guard, public.clone()));
        Self {
            server: self.server.replanned(|plan| plan.closed = closed),
            ..self
        }
    }

    /// The same site with staff.
    pub(crate) fn with_staff(self, staff: LoginManager<Staff>) -> Self {
        Self {
            server: self.server.replanned(|plan| plan.staff = Some(staff)),
            ..self
        }
    }

    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    /// Sends exactly these headers, as a program does.
    pub(crate) async fn send(&self, request: Request<Vec<u8>>) -> Answer {
        self.server.send(request).await
    }

    /// A new visitor.
    pub(crate) fn browser(&self) -> Browser {
        Browser::new(self.server.clone(), self.clock.clone())
    }

    /// A new visitor who has logged in.
    pub(crate) async fn browser_of(&self, id: &str) -> Browser {
        let mut browser = self.browser();
        browser.log_in(id).await;
        browser
    }

    /// A new visitor who has logged in with "remember me".
    pub(crate) async fn remembered_browser_of(&self, id: &str) -> Browser {
        let mut browser = self.browser();
        browser.log_in_remembered(id).await;
        browser
    }

    pub(crate) async fn logins(&self, user_id: &str) -> usize {
        self.manager().logins_of(user_id).await.unwrap().len()
    }

    /// The current user for this jar alone.
    pub(crate) async fn who_with(&self, jar: &Jar) -> String {
        let mut browser = self.browser();
        browser.jar = jar.clone();
        browser.who().await
    }

    /// The current user for this cookie alone.
    pub(crate) async fn who_with_only(&self, name: &str, jar: &Jar) -> String {
        let mut browser = self.browser();
        browser.jar.put(name, jar.value(name).unwrap());
        browser.who().await
    }
}

fn with_pages(builder: Builder) -> Builder {
    builder.login_view("/login").refresh_view("/prove-it")
}

/// Text that compression hardly shortens.
pub(crate) fn noise(len: usize) -> String {
    let mut state = 7u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        char::from(b'#' + (state >> 40) as u8 % 56)
    };
    (0..len).map(|_| next()).collect()
}

/// Waits for all of them at once.
pub(crate) async fn all<T: 'static>(work: impl IntoIterator<Item = Local<T>>) -> Vec<T> {
    let tasks: Vec<_> = work.into_iter().map(tokio::task::spawn_local).collect();
    let mut done = Vec::new();
    for task in tasks {
        done.push(task.await.unwrap());
    }
    done
}
