//! Middlewares in a number that a test decides: in actix-web, the number is part of a type.

use std::rc::Rc;

use actix_web::body::MessageBody;
use actix_web::dev::{
    AppService, HttpServiceFactory, Service, ServiceRequest, ServiceResponse, Transform, fn_service,
};
use door_tests::{Local, Member, Staff};
use housekey_actix::{Guard, LoginMiddleware};

/// One of this crate's.
pub(crate) enum Layer {
    Guard(Guard<Member>),
    Members(LoginMiddleware<Member>),
    Staff(LoginMiddleware<Staff>),
}

/// Some of them, the innermost first.
#[derive(Clone)]
pub(crate) struct Layers(pub(crate) Rc<Vec<Layer>>);

type Answer = Result<ServiceResponse, actix_web::Error>;
type Call = Rc<dyn Fn(ServiceRequest) -> Local<Answer>>;

impl<S, B> Transform<S, ServiceRequest> for Layers
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = actix_web::Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse;
    type Error = actix_web::Error;
    type Transform = Layered;
    type InitError = ();
    type Future = Local<Result<Layered, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        let layers = Rc::clone(&self.0);
        Box::pin(async move {
            let mut call = untyped(inner);
            for layer in &*layers {
                let inner = fn_service(move |request| call(request));
                call = match layer {
                    Layer::Guard(guard) => untyped(guard.new_transform(inner).await?),
                    Layer::Members(members) => untyped(members.new_transform(inner).await?),
                    Layer::Staff(staff) => untyped(staff.new_transform(inner).await?),
                };
            }
            Ok(Layered(call))
        })
    }
}

fn untyped<S, B>(service: S) -> Call
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = actix_web::Error> + 'static,
    S::Future: 'static,
    B: MessageBody + 'static,
{
    Rc::new(move |request| {
        let answering = service.call(request);
        Box::pin(async move { Ok(answering.await?.map_into_boxed_body()) })
    })
}

pub(crate) struct Layered(Call);

impl Service<ServiceRequest> for Layered {
    type Response = ServiceResponse;
    type Error = actix_web::Error;
    type Future = Local<Answer>;

    actix_web::dev::always_ready!();

    fn call(&self, request: ServiceRequest) -> Self::Future {
        (self.0)(request)
    }
}

/// A scope or a resource.
pub(crate) struct Part(Box<dyn FnOnce(&mut AppService)>);

impl Part {
    pub(crate) fn new(part: impl HttpServiceFactory + 'static) -> Self {
        Self(Box::new(|app| part.register(app)))
    }
}

impl HttpServiceFactory for Part {
    fn register(self, app: &mut AppService) {
        (self.0)(app);
    }
}
