//! The sites of the suite, in actix-web.

use std::rc::Rc;
use std::sync::Arc;

use actix_web::body;
use actix_web::dev::Service as _;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::http::{Method, Version};
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, web};
use door_tests::{
    Credentials, Door, ELSEWHERE, Member, Members, Plan, Staff, cart, confirm, fill, flashes,
    new_password, read,
};
use housekey_actix::{
    CurrentUser, Error, Flash, FreshLoginRequired, Login, LoginManagerExt as _, LoginRequired,
    NextUrl, SeeOther, Session, User as _,
};

use crate::layers::{Layer, Layers};
use crate::pages::{self, who};

pub(crate) struct Actix;

impl Door for Actix {
    const ADVICE: &'static str = "add `.wrap(manager.middleware())`";

    async fn open(
        plan: &Plan,
    ) -> impl AsyncFn(http::Request<Vec<u8>>) -> http::Response<Vec<u8>> + 'static {
        let closed = plan.closed.as_ref();
        let closed = closed.map(|(guard, public)| pages::guarded(guard).except(public));
        let members = plan.members.as_ref();
        let members = members.map(|members| Layer::Members(members.middleware()));
        let layers = closed.map(Layer::Guard).into_iter().chain(members);
        let app = App::new()
            .app_data(web::Data::new(plan.table.clone()))
            .configure(|site| routes(site, plan))
            .wrap(Layers(Rc::new(layers.collect())));
        // Never dropped: otherwise the suite would drop it at the end of a thread, after actix-web's pool of requests is
        // gone.
        let app = &*Box::leak(Box::new(init_service(app).await));
        async move |request| {
            let request = to_actix(request).to_request();
            // The server turns errors into responses.
            let response = match app.call(request).await {
                Ok(response) => response.into_parts().1,
                Err(error) => error.error_response(),
            };
            from_actix(response).await
        }
    }
}

fn to_actix(request: http::Request<Vec<u8>>) -> TestRequest {
    let (parts, body) = request.into_parts();
    let version = match parts.version {
        http::Version::HTTP_11 => Version::HTTP_11,
        http::Version::HTTP_2 => Version::HTTP_2,
        other => panic!("no case asks in {other:?}"),
    };
    let mut request = TestRequest::with_uri(&parts.uri.to_string())
        .version(version)
        .method(Method::from_bytes(parts.method.as_str().as_bytes()).unwrap());
    for (name, value) in &parts.headers {
        let name = HeaderName::from_bytes(name.as_str().as_bytes()).unwrap();
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        request = request.append_header((name, value));
    }
    request.set_payload(body)
}

async fn from_actix(response: actix_web::HttpResponse) -> http::Response<Vec<u8>> {
    let (head, body) = response.into_parts();
    let mut response = http::Response::builder().status(head.status().as_u16());
    for (name, value) in head.headers() {
        response = response.header(name.as_str(), value.as_bytes());
    }
    let body = body::to_bytes(body).await.unwrap();
    response.body(body.to_vec()).unwrap()
}

fn routes(site: &mut web::ServiceConfig, plan: &Plan) {
    let at = |path: &str| web::resource(path);
    site.service(at("/").get(async || "for everybody"))
        .service(at("/who").get(async |user: CurrentUser<Member>| who(&user).to_string()))
        .service(at("/members").get(hello).head(hello).post(hello))
        .service(
            at("/fresh")
                .get(hello_fresh)
                .head(hello_fresh)
                .post(hello_fresh),
        )
        .service(at("/one-user").get(one_user))
        .service(at("/login").get(login_page).head(login_page).post(log_in))
        .service(at("/go").get(async |next: NextUrl| next.or("/")))
        .service(at("/logout").post(log_out))
        .service(at("/confirm").post(confirm_login))
        .service(at("/new-password").post(change_password))
        .service(at("/session/{key}").get(value).post(insert).delete(remove))
        .service(at("/permanent").post(make_permanent))
        .service(at("/flash").get(messages).head(messages).post(flash));
    if let Some(staff) = &plan.staff {
        for resource in [
            at("/staff/login/{id}").post(log_staff_in),
            at("/staff/confirm/{id}").post(confirm_staff),
            at("/staff/logout").post(log_staff_out),
            at("/staff/who").get(who_of_staff),
            at("/cart").get(see_cart).post(fill_cart),
        ] {
            site.service(resource.wrap(staff.middleware()));
        }
    }
    // A scope takes the pages below it from later scopes.
    let (last, pages): (Vec<_>, Vec<_>) = plan.pages.iter().partition(|it| it.path == ELSEWHERE);
    for page in pages.into_iter().chain(last) {
        pages::add(page, plan, site);
    }
}

async fn hello(LoginRequired(user): LoginRequired<Member>) -> String {
    format!("hello {}", user.id())
}

async fn hello_fresh(FreshLoginRequired(user): FreshLoginRequired<Member>) -> String {
    format!("hello {}, it is really you", user.id())
}

async fn one_user(
    one: CurrentUser<Member>,
    two: LoginRequired<Member>,
    three: FreshLoginRequired<Member>,
) -> &'static str {
    let one = one.user().unwrap();
    match Arc::ptr_eq(one, &two.0) && Arc::ptr_eq(one, &three.0) {
        true => "one",
        false => "several",
    }
}

async fn login_page(next: NextUrl) -> String {
    next.get().unwrap_or("no next").to_owned()
}

async fn log_in(
    login: Login<Member>,
    next: NextUrl,
    members: web::Data<Members>,
    web::Form(form): web::Form<Credentials>,
) -> Result<SeeOther, Error> {
    form.log_in(&login, &members).await?;
    next.or_field(form.next.as_deref()).or("/")
}

async fn log_out(login: Login<Member>) -> Result<&'static str, Error> {
    login.logout_user().await?;
    Ok("bye")
}

async fn confirm_login(
    login: Login<Member>,
    members: web::Data<Members>,
) -> Result<&'static str, Error> {
    confirm(&login, &members).await?;
    Ok("confirmed")
}

async fn change_password(
    user: LoginRequired<Member>,
    login: Login<Member>,
    members: web::Data<Members>,
    stamp: String,
) -> Result<&'static str, Error> {
    new_password(&user, &login, &members, &stamp).await?;
    Ok("changed")
}

async fn value(session: Session, key: web::Path<String>) -> Result<String, Error> {
    Ok(read(&session, &key)?)
}

async fn insert(
    session: Session,
    key: web::Path<String>,
    text: String,
) -> Result<&'static str, Error> {
    session.insert(&key, &text)?;
    Ok("")
}

async fn remove(session: Session, key: web::Path<String>) -> Result<String, Error> {
    Ok(session.remove(&key)?.to_string())
}

async fn make_permanent(session: Session) -> Result<&'static str, Error> {
    session.make_permanent()?;
    Ok("")
}

async fn messages(flash: Flash) -> Result<String, Error> {
    Ok(flashes(&flash)?)
}

async fn flash(flash: Flash, text: String) -> Result<&'static str, Error> {
    flash.message(&text)?;
    Ok("")
}

async fn log_staff_in(login: Login<Staff>, id: web::Path<u64>) -> Result<&'static str, Error> {
    login.login_user(&Staff(*id)).remember(true).await?;
    Ok("")
}

async fn confirm_staff(login: Login<Staff>, id: web::Path<u64>) -> Result<&'static str, Error> {
    login.confirm_login(&Staff(*id)).await?;
    Ok("")
}

async fn log_staff_out(login: Login<Staff>) -> Result<&'static str, Error> {
    login.logout_user().await?;
    Ok("")
}

async fn who_of_staff(user: CurrentUser<Staff>) -> String {
    who(&user).name().to_owned()
}

async fn see_cart(session: Session<Member>, flash: Flash<Member>) -> Result<String, Error> {
    Ok(cart(&session, &flash)?)
}

async fn fill_cart(session: Session<Member>, flash: Flash<Member>) -> Result<&'static str, Error> {
    fill(&session, &flash)?;
    Ok("")
}
