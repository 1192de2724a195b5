//! An actix-web middleware, made from a function around the service below it.

use actix_web::body::EitherBody;
use actix_web::dev::ServiceResponse;

/// The answer of a service that another may replace.
pub(crate) type Answer<B> = Result<ServiceResponse<EitherBody<B>>, actix_web::Error>;

/// Makes a middleware of `$name` from an async function that takes it, the service below and the request.
macro_rules! middleware {
    ($name:ident $(<$user:ident: User>)?, $around:path, $(#[$doc:meta])* $service:ident) => {
        impl<S, B $(, $user: housekey::User)?> actix_web::dev::Transform<S, ServiceRequest> for $name $(<$user>)?
        where
            S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = actix_web::Error> + 'static,
            B: 'static,
        {
            type Response = ServiceResponse<actix_web::body::EitherBody<B>>;
            type Error = actix_web::Error;
            type Transform = $service<S $(, $user)?>;
            type InitError = ();
            type Future = std::future::Ready<Result<Self::Transform, ()>>;

            fn new_transform(&self, inner: S) -> Self::Future {
                let (middleware, inner) = (self.clone(), Rc::new(inner));
                std::future::ready(Ok($service { middleware, inner }))
            }
        }

        $(#[$doc])*
        pub struct $service<S $(, $user)?> {
            middleware: $name $(<$user>)?,
            inner: Rc<S>,
        }

        impl<S, B $(, $user: housekey::User)?> Service<ServiceRequest> for $service<S $(, $user)?>
        where
            S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = actix_web::Error> + 'static,
            B: 'static,
        {
            type Response = ServiceResponse<actix_web::body::EitherBody<B>>;
            type Error = actix_web::Error;
            type Future = std::pin::Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>>>>;

            actix_web::dev::forward_ready!(inner);

            fn call(&self, request: ServiceRequest) -> Self::Future {
                Box::pin($around(self.middleware.clone(), Rc::clone(&self.inner), request))
            }
        }
    };
}

pub(crate) use middleware;
