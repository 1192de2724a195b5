//! For an application's tests: a logged-in browser, and a clock. With the feature `testing`.
//!
//! ```
//! use housekey::testing::{Browser, Clock};
//! # use std::time::Duration;
//! # use housekey::{BoxError, Error, LoginManager, SecretKeys, User};
//! # use http::Request;
//! # struct Member(&'static str);
//! # impl User for Member { fn id(&self) -> String { self.0.to_owned() } }
//! # futures_lite::future::block_on(async {
//! # let mia = Member("mia");
//! # let loader = |_: String| async { Ok::<_, BoxError>(Some(Member("mia"))) };
//!
//! let clock = Clock::default();
//! let manager = LoginManager::new(SecretKeys::generate(), loader)
//!     .clock(clock.reader())
//!     .build()?;
//! // let app = Router::new()… .layer(manager.layer());
//!
//! let mut browser = Browser::of(&manager);
//! let told = browser.log_in(&mia).await?;
//! assert_eq!(told, "session of mia, fresh");
//!
//! let request = Request::get("/dashboard").header("cookie", browser.cookies());
//! // let response = app.oneshot(request.body(Body::empty())?).await?;
//! // let told = browser.receive(response.headers().get_all("set-cookie"));
//!
//! clock.advance(Duration::from_secs(3600));
//! # drop(request);
//! # Ok::<_, Error>(()) }).unwrap();
//! ```

mod browser;
mod clock;
mod jar;

pub use browser::Browser;
pub use clock::Clock;
pub use jar::Jar;
