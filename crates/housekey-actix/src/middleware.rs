//! The middleware: gives each request a visit, and lets the visit finish the response's headers.

use std::fmt;
use std::rc::Rc;

use actix_web::HttpResponse;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse};
use housekey::{LoginManager, User};

use crate::error::{Failed, LoginRejection};
use crate::head::ActixFields;
use crate::scope::push;
use crate::unread::Unread;
use crate::wrap::{Answer, middleware};

/// Makes a middleware from a manager.
pub trait LoginManagerExt<U> {
    /// The middleware that every route needs if it asks for the current user: `App::new().wrap(manager.middleware())`. It
    /// belongs outside all guards, so add it after them: the last of several `wrap`s is the outermost.
    ///
    /// A route below it that asks nothing costs a few allocations: no cookie is read and no header set.
    ///
    /// Build the manager once, outside the closure that `HttpServer` runs for each of its workers, and clone it inside: a
    /// clone is the same manager. With [`SecretKeys::generate`](housekey::SecretKeys::generate) inside the closure, no
    /// worker would know another's logins.
    fn middleware(&self) -> LoginMiddleware<U>;
}

impl<U: User> LoginManagerExt<U> for LoginManager<U> {
    fn middleware(&self) -> LoginMiddleware<U> {
        LoginMiddleware {
            manager: self.clone(),
        }
    }
}

/// Gives each request its [`Visit`](housekey::Visit). Made by [`LoginManagerExt::middleware`]. A second one of the same
/// manager, further inside, does nothing.
///
/// The response of a handler, of an error and of a failing middleware further inside carries the cookies. A response that a
/// middleware further *outside* sends instead does not.
///
/// It reads the rest of the body of a denied request
/// ([`discard_denied_body`](housekey::LoginManagerBuilder::discard_denied_body)), which needs tokio's timer, as actix-web's
/// server does. Without tokio it reads nothing. actix-web closes the connection after a body that was not read to its end,
/// and goes on reading for the time that `HttpServer::client_disconnect_timeout` allows, one second by default.
///
/// Two managers, for two types of users, are two middlewares, and need different cookie names; in the `flask` preset, whose
/// signatures are valid under every name, also different secret keys. Otherwise every extractor and guard answers 500. The
/// extractors find their manager by the user type that they name, so name it for [`Session`](crate::Session),
/// [`Flash`](crate::Flash) and [`NextUrl`](crate::NextUrl) too: each manager keeps its own, and its users' logins and
/// logouts empty them. Without a type they answer 500 where two middlewares cover the route.
pub struct LoginMiddleware<U> {
    manager: LoginManager<U>,
}

impl<U> Clone for LoginMiddleware<U> {
    fn clone(&self) -> Self {
        Self {
            manager: self.manager.clone(),
        }
    }
}

impl<U> fmt::Debug for LoginMiddleware<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginMiddleware").finish_non_exhaustive()
    }
}

middleware! {
    LoginMiddleware<U: User>, give_visit,
    /// The service that [`LoginMiddleware`] makes.
    LoginService
}

async fn give_visit<S, B, U>(
    middleware: LoginMiddleware<U>,
    inner: Rc<S>,
    mut request: ServiceRequest,
) -> Answer<B>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = actix_web::Error>,
    U: User,
{
    let target = request.uri().path_and_query();
    let target = target.and_then(|target| target.as_str().parse().ok());
    let visit = middleware.manager.visit_to(target);
    if !push(request.request(), visit.clone()) {
        return Ok(inner.call(request).await?.map_into_left_body());
    }
    let unread = Unread::lend(&mut request);
    let (answer, has_failed) = match inner.call(request).await {
        Ok(mut response) => {
            let failed = response.response_mut().extensions_mut().remove::<Failed>();
            let response = match visit.finish(&mut ActixFields(response.headers_mut())) {
                Ok(()) => response.map_into_left_body(),
                Err(_) => response
                    .into_response(internal_error())
                    .map_into_right_body(),
            };
            (Ok(response), failed.is_some())
        }
        // The request is gone, and a response cannot be made here without it.
        Err(mut error) => {
            let visit = visit.clone();
            error.add_response_mapper(move |mut response| {
                match visit.finish(&mut ActixFields(response.headers_mut())) {
                    Ok(()) => response,
                    Err(_) => internal_error(),
                }
            });
            let has_failed = error.as_error::<LoginRejection>().is_some();
            (Err(error), has_failed)
        }
    };
    if let Some(unread) = unread
        && (has_failed || visit.has_denied())
    {
        unread.discard(&visit).await;
    }
    answer
}

fn internal_error() -> HttpResponse {
    HttpResponse::InternalServerError().finish()
}
