//! The guard against what pages of other origins have their visitors send.

use std::rc::Rc;

use actix_web::dev::{Service, ServiceRequest, ServiceResponse};
use housekey::door::CsrfRules;

use crate::error::Error;
use crate::head::head;
use crate::wrap::{Answer, middleware};

/// A middleware that refuses what a page of another origin has its visitor's browser send (cross-site request forgery), by what
/// browsers say of each request. [`CsrfRules`] says what passes; there are no tokens, and forms stay as they are.
///
/// It belongs outside of everything, and so after all other `wrap`s:
///
/// ```
/// # use actix_web::App;
/// # use housekey_actix::*;
/// # struct Member; impl User for Member { fn id(&self) -> String { "1".into() } }
/// # let loader = |_: String| async { Ok::<_, BoxError>(None::<Member>) };
/// # let manager = LoginManager::new(SecretKeys::generate(), loader).build()?;
/// let csrf = CsrfGuard::new()
///     .trust_origin("https://shop.example.com")?
///     .exempt(|path| path == "/webhooks/payment");
/// let app = App::new().wrap(manager.middleware()).wrap(csrf);
/// # Ok::<(), Error>(())
/// ```
///
/// What it refuses is a 403 with a line of text. Where nothing changes by GET, that is all that a site with forms needs; the
/// opening of a WebSocket, which is a GET, extractors and guards look at.
#[derive(Clone, Debug, Default)]
#[must_use = "it refuses nothing until an application is wrapped in it"]
pub struct CsrfGuard(CsrfRules);

impl CsrfGuard {
    /// One that trusts no other origin.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets pages of this origin send what they like: `https://shop.example`, `http://127.0.0.1:8080`.
    ///
    /// # Errors
    ///
    /// [`Setting`](housekey::ErrorKind::Setting) when it is not `http(s)://host[:port]` and nothing else.
    pub fn trust_origin(self, origin: &str) -> Result<Self, housekey::Error> {
        self.0.trust_origin(origin).map(Self)
    }

    /// Lets everybody send to paths of which this is true, for what is called from elsewhere and has proof of its own, such as
    /// the signature of a webhook. The path is as the client sent it, so compare the whole: what begins like it can lead
    /// somewhere else. Of several calls each exempts.
    pub fn exempt(self, is_exempt: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self(self.0.exempt(is_exempt))
    }
}

middleware! {
    CsrfGuard, admit,
    /// What [`CsrfGuard`] makes of a service.
    CsrfService
}

async fn admit<S, B>(csrf: CsrfGuard, inner: Rc<S>, request: ServiceRequest) -> Answer<B>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = actix_web::Error>,
{
    let admitted = csrf.0.admit(&head(request.request()));
    match admitted {
        Ok(()) => Ok(inner.call(request).await?.map_into_left_body()),
        Err(error) => Ok(request
            .error_response(Error::from(error))
            .map_into_right_body()),
    }
}
