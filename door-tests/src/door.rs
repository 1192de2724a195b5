//! What a door's test crate implements, and how a case runs at it.

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

/// A framework's door, as the suite uses it: an application built from a [`Plan`], and a way to send it requests.
///
/// # The routes of every site
///
/// A door writes these in its framework's own way, with its own extractors. Text after the arrow is the body of the answer.
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
/// The door's own error type answers an [`Error`](housekey::Error) of any of them. The layer of the members' manager is
/// around everything, and directly inside it the guard of [`Plan::closed`]. What else a test needs is in [`Plan::pages`].
pub trait Door: 'static {
    /// What the error of a route without a layer advises.
    const ADVICE: &'static str;

    /// Builds the application, and returns a function that sends it requests and reads the answers to their end. Each
    /// thread that sends requests has its own application, as in a server with several workers, so neither the application
    /// nor its futures have to be `Send`.
    fn open(
        plan: &Plan,
    ) -> impl Future<Output = impl AsyncFn(Request<Vec<u8>>) -> Response<Vec<u8>> + 'static>;

    /// Runs a test, or one worker's part of it, on this thread, where it can start tasks with `tokio::task::spawn_local`.
    fn block_on(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        tokio::task::LocalSet::new().block_on(&runtime.expect("a runtime"), test);
    }
}

/// Runs a future that stays on its thread, inside a handler whose own future must not: as a task of [`Door::block_on`].
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

/// A test of the suite, as a type with its name.
#[doc(hidden)]
pub trait Case {
    /// Including its modules.
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

/// Sends a request to an application.
type Ask = Rc<dyn Fn(Request<Vec<u8>>) -> Local<Response<Vec<u8>>>>;

thread_local! {
    /// The applications that this thread has built, by the numbers of their plans.
    static APPS: RefCell<HashMap<usize, Ask>> = RefCell::default();
}

/// [`Door`] without its type.
pub(crate) trait AnyDoor: Sync {
    fn advice(&self) -> &'static str;
    fn open(&self, plan: &Arc<Plan>) -> Local<()>;
    fn ask(&self, plan: &Arc<Plan>, request: Request<Vec<u8>>) -> Local<Response<Vec<u8>>>;
    fn block_on(&self, test: Local<()>);
}

struct Entrance<D>(PhantomData<fn() -> D>);

impl<D: Door> Entrance<D> {
    async fn app(plan: &Plan) -> Ask {
        let app = APPS.with_borrow(|apps| apps.get(&plan.number).cloned());
        if let Some(app) = app {
            return app;
        }
        let app = Rc::new(D::open(plan).await);
        let app: Ask = Rc::new(move |request| {
            let app = Rc::clone(&app);
            Box::pin(async move { app(request).await })
        });
        APPS.with_borrow_mut(|apps| apps.insert(plan.number, Rc::clone(&app)));
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
        Box::pin(async move { Self::app(&plan).await(request).await })
    }

    fn block_on(&self, test: Local<()>) {
        D::block_on(test);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A door that does not open.
    struct Shut;

    impl Door for Shut {
        const ADVICE: &'static str = "";

        async fn open(_: &Plan) -> impl AsyncFn(Request<Vec<u8>>) -> Response<Vec<u8>> + 'static {
            let here = Rc::new("it is shut");
            async move |_| {
                // Across an await, so that the future is not `Send`.
                let reason = Rc::clone(&here);
                tokio::task::yield_now().await;
                panic!("{reason}")
            }
        }
    }

    struct Visit;

    impl Case for Visit {
        const PATH: &'static str = "a::visit";

        async fn run(sites: Sites) {
            sites.safe().browser().get("/").await;
        }
    }

    #[test]
    #[should_panic(expected = "it is shut")]
    fn a_case_asks_the_door() {
        run::<Shut, Visit>(&[("another::visit", "for a reason")]);
    }

    #[test]
    fn a_case_that_is_skipped_asks_nothing() {
        run::<Shut, Visit>(&[("a::visit", "for a reason")]);
    }
}
