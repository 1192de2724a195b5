//! The guard against requests that pages of other origins make their visitors send.

use std::rc::Rc;

use actix_web::dev::{Service, ServiceRequest, ServiceResponse};
use housekey::door::CsrfRules;

use crate::error::Error;
use crate::head::head;
use crate::wrap::{Answer, middleware};

/// A middleware that refuses cross-site request forgery: requests that a page of another origin makes its visitor's browser
/// send. It goes by what browsers say about each request, and [`CsrfRules`] says what passes. There are no tokens, and
/// forms stay as they are.
///
/// It belongs outside everything else, so add it after all other `wrap`s:
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
/// It answers a refused request with 403 and a line of text. If nothing changes by GET, a site with forms needs no more
/// than this. Extractors and guards check the opening of a WebSocket, which is a GET.
#[derive(Clone, Debug, Default)]
#[must_use = "it refuses nothing until an application is wrapped in it"]
pub struct CsrfGuard(CsrfRules);

impl CsrfGuard {
    /// A guard that trusts no other origin.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets pages of this origin send any request: `https://shop.example`, `http://127.0.0.1:8080`.
    ///
    /// # Errors
    ///
    /// [`Setting`](housekey::ErrorKind::Setting) unless it is exactly `http(s)://host[:port]`.
    pub fn trust_origin(self, origin: &str) -> Result<Self, housekey::Error> {
        self.0.trust_origin(origin).map(Self)
    }

    /// Lets anybody send to the paths that this accepts: for endpoints that are called from elsewhere and have their own
    /// proof, such as the signature of a webhook. It gets the path as the client sent it, so compare the whole path: one
    /// that merely begins the same can lead elsewhere. Several calls add up.
    pub fn exempt(self, is_exempt: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self(self.0.exempt(is_exempt))
    }
}

middleware! {
    CsrfGuard, admit,
    /// The service that [`CsrfGuard`] makes.
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
