//! What a door's test crate implements, and how a case runs at it.

use std::any::Any;
use std::cell::RefCell;
use std::collections::HashMap;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;

use futures_lite::future::Boxed as SendBoxed;
use http::{Request, Response};

use crate::plan::Plan;
use crate::site::Sites;

/// A future that stays on its thread.
pub type Local<T> = futures_lite::future::BoxedLocal<T>;

/// A framework's door, as the suite enters it: an application that is built of a [`Plan`], and a way to ask it.
///
/// # The routes of every site
///
/// A door writes these in its framework's own way, with its own extractors. A text after the arrow is the body of the answer.
///
/// | route | what it does |
/// |---|---|
/// | `GET /` | nothing → `for everybody` |
/// | `GET /who` | `CurrentUser<Member>` → [`Who`](crate::Who) |
/// | `GET`, `POST /members` | `LoginRequired<Member>` → `hello mia` |
/// | `GET`, `POST /fresh` | `FreshLoginRequired<Member>` → `hello mia, it is really you` |
/// | `GET /one-user` | `CurrentUser`, `LoginRequired` and `FreshLoginRequired` → `one` if all three hold one `Arc` |
/// | `GET /login` | `NextUrl` → its address, or `no next` |
/// | `POST /login` | a form of [`Credentials`](crate::Credentials): logs in, then goes to `NextUrl`, the form's field first, or to `/` |
/// | `GET /go` | goes to `NextUrl`, or to `/` |
/// | `POST /logout` | `logout_user` → `bye` |
/// | `POST /confirm` | [`confirm`](crate::confirm) → `confirmed` |
/// | `POST /new-password` | `LoginRequired<Member>` and [`new_password`](crate::new_password) with the body → `changed` |
/// | `GET /session/{key}` | `Session` → [`read`](crate::read) |
/// | `POST /session/{key}` | `Session` keeps the body under the key |
/// | `DELETE /session/{key}` | `Session` removes the key → whether it was there |
/// | `POST /permanent` | `Session` is made permanent |
/// | `GET /flash` | `Flash` → [`flashes`](crate::flashes) |
/// | `POST /flash` | `Flash` keeps the body as a message |
///
/// A site with staff has these too, below the layer of the staff's manager:
///
/// | route | what it does |
/// |---|---|
/// | `POST /staff/login/{id}` | logs this [`Staff`](crate::Staff) in, remembered |
/// | `POST /staff/confirm/{id}` | confirms their login |
/// | `POST /staff/logout` | logs them out |
/// | `GET /staff/who` | `CurrentUser<Staff>` → the id, or `nobody` |
/// | `POST /cart` | [`fill`](crate::fill) with `Session<Member>` and `Flash<Member>` |
/// | `GET /cart` | [`cart`](crate::cart) of both |
///
/// An [`Error`](housekey::Error) of any of them is answered by the door's own error type. The layer of the members' manager is
/// around everything. What a test needs besides is in [`Plan::pages`].
pub trait Door: 'static {
    /// An application that is ready to be asked, by this thread.
    type App: 'static;

    /// What the error of a route without a layer advises.
    const ADVICE: &'static str;

    /// Builds the application: once for each thread that asks it, as a server with several workers does.
    fn open(plan: &Plan) -> impl Future<Output = Self::App>;

    /// Asks it, and reads the answer to its end.
    fn ask(app: &Self::App, request: Request<Vec<u8>>) -> impl Future<Output = Response<Vec<u8>>>;

    /// Runs a test, or a worker's part of it, on this thread, where it can start tasks with `tokio::task::spawn_local`.
    fn block_on(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        tokio::task::LocalSet::new().block_on(&runtime.expect("a runtime"), test);
    }
}

/// Runs a future that stays on its thread within a handler whose own future may not: as a task of [`Door::block_on`].
///
/// # Panics
///
/// When the future does, or outside of a `LocalSet`.
pub fn local<T: Send + 'static>(work: impl Future<Output = T> + 'static) -> SendBoxed<T> {
    let task = tokio::task::spawn_local(work);
    Box::pin(async {
        match task.await {
            Ok(value) => value,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    })
}

/// A test of the suite, by a type of its name.
#[doc(hidden)]
pub trait Case {
    /// With its modules.
    const PATH: &'static str;

    fn run(sites: Sites) -> impl Future<Output = ()>;
}

/// Runs a case at a door, unless that skips it.
#[doc(hidden)]
pub fn run<D: Door, C: Case>(skipped: &[(&str, &str)]) {
    if let Some((path, reason)) = skipped.iter().find(|(path, _)| *path == C::PATH) {
        println!("{path} is skipped: {reason}");
        return;
    }
    APPS.take();
    let sites = Sites::new(const { &Entrance::<D>(PhantomData) });
    D::block_on(C::run(sites));
}

thread_local! {
    /// What this thread has built, by the numbers of the plans.
    static APPS: RefCell<HashMap<usize, Rc<dyn Any>>> = RefCell::default();
}

/// [`Door`] without its type.
pub(crate) trait AnyDoor: Sync {
    fn advice(&self) -> &'static str;
    fn open<'a>(&'a self, plan: &'a Arc<Plan>) -> Local<()>;
    fn ask(&self, plan: &Arc<Plan>, request: Request<Vec<u8>>) -> Local<Response<Vec<u8>>>;
    fn block_on(&self, test: Local<()>);
}

struct Entrance<D>(PhantomData<fn() -> D>);

impl<D: Door> Entrance<D> {
    async fn app(plan: &Plan) -> Rc<D::App> {
        let app = APPS.with_borrow(|apps| apps.get(&plan.number).cloned());
        if let Some(app) = app {
            return app.downcast().expect("a process tests one door");
        }
        let app = Rc::new(D::open(plan).await);
        let kept: Rc<dyn Any> = Rc::clone(&app) as _;
        APPS.with_borrow_mut(|apps| apps.insert(plan.number, kept));
        app
    }
}

impl<D: Door> AnyDoor for Entrance<D> {
    fn advice(&self) -> &'static str {
        D::ADVICE
    }

    fn open(&self, plan: &Arc<Plan>) -> Local<()> {
        let plan = Arc::clone(plan);
        Box::pin(async move { drop(Self::app(&plan).await) })
    }

    fn ask(&self, plan: &Arc<Plan>, request: Request<Vec<u8>>) -> Local<Response<Vec<u8>>> {
        let plan = Arc::clone(plan);
        Box::pin(async move {
            let app = Self::app(&plan).await;
            D::ask(&app, request).await
        })
    }

    fn block_on(&self, test: Local<()>) {
        D::block_on(test);
    }
}
