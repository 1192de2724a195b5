//! A site's users, and a browser that keeps cookies.
#![allow(dead_code, reason = "each test takes what it needs")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use actix_http::Request;
use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::header::HeaderMap;
use actix_web::test::TestRequest;
use actix_web::{Error as ActixError, body};
use housekey_actix::*;

pub(crate) const KEY: &str = "9f2c8d54b61e4bd9a1f0c7d35e8b2a64";

#[derive(Clone, Debug)]
pub(crate) struct Member(pub(crate) String);

impl User for Member {
    fn id(&self) -> String {
        self.0.clone()
    }
}

pub(crate) fn mia() -> Member {
    Member("mia".to_owned())
}

#[derive(Debug)]
pub(crate) struct Staff(pub(crate) String);

impl User for Staff {
    fn id(&self) -> String {
        self.0.clone()
    }
}

pub(crate) async fn load_staff(id: String) -> Result<Option<Staff>, BoxError> {
    Ok(Some(Staff(id)))
}

/// A users table that can be unreachable.
#[derive(Clone, Default)]
pub(crate) struct Members {
    pub(crate) is_away: Arc<AtomicBool>,
}

impl UserLoader<Member> for Members {
    async fn load_user(&self, id: &str) -> Result<Option<Member>, BoxError> {
        // An answer takes more than one poll, like a database's.
        actix_web::rt::task::yield_now().await;
        match self.is_away.load(Ordering::SeqCst) {
            true => Err("the database is away".into()),
            false => Ok(Some(Member(id.to_owned()))),
        }
    }
}

/// A clock that a test sets.
#[derive(Clone, Default)]
pub(crate) struct Clock(Arc<AtomicU64>);

impl Clock {
    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_secs(), Ordering::SeqCst);
    }

    pub(crate) fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + self.0.load(Ordering::SeqCst))
    }
}

pub(crate) fn safe(members: Members) -> LoginManagerBuilder<Member> {
    LoginManager::new(SecretKeys::new(KEY).unwrap(), members).login_view("/login")
}

pub(crate) fn flask(members: Members) -> LoginManagerBuilder<Member> {
    LoginManager::flask(SecretKeys::flask(KEY).unwrap(), members).login_view("/login")
}

pub(crate) fn staff() -> LoginManagerBuilder<Staff> {
    LoginManager::new(SecretKeys::generate(), load_staff)
        .session_cookie(|cookie| cookie.name("__Host-staff"))
        .remember_cookie(|cookie| cookie.name("__Host-staff_token"))
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        Some(self.headers.get(name)?.to_str().unwrap())
    }

    /// Each `Set-Cookie`, up to its attributes.
    pub(crate) fn cookies(&self) -> Vec<&str> {
        let fields = self.headers.get_all("set-cookie");
        fields
            .map(|field| field.to_str().unwrap().split(';').next().unwrap())
            .collect()
    }
}

/// Sends a request as a server does: errors become responses in the end.
pub(crate) async fn send<S, B>(app: &S, request: TestRequest) -> Answer
where
    S: Service<Request, Response = ServiceResponse<B>, Error = ActixError>,
    B: MessageBody,
{
    let (response, left) = match app.call(request.to_request()).await {
        Ok(response) => {
            let (head, body) = response.into_parts().1.into_parts();
            (head, body::to_bytes(body).await.ok())
        }
        Err(error) => {
            let (head, body) = error.error_response().into_parts();
            (head, body::to_bytes(body).await.ok())
        }
    };
    Answer {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        body: String::from_utf8(left.unwrap().to_vec()).unwrap(),
    }
}

/// A person's browser: keeps the cookies and asks for HTML.
#[derive(Clone, Default)]
pub(crate) struct Browser(BTreeMap<String, String>);

impl Browser {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(crate) fn forget(&mut self, name: &str) {
        self.0.remove(name);
    }

    pub(crate) fn header(&self) -> String {
        let pairs = self.0.iter().map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("; ")
    }

    pub(crate) fn keep(&mut self, cookies: &[&str]) {
        for cookie in cookies {
            let (name, value) = cookie.split_once('=').unwrap();
            match value {
                "" => self.0.remove(name),
                _ => self.0.insert(name.to_owned(), value.to_owned()),
            };
        }
    }

    pub(crate) async fn send<S, B>(&mut self, app: &S, request: TestRequest) -> Answer
    where
        S: Service<Request, Response = ServiceResponse<B>, Error = ActixError>,
        B: MessageBody,
    {
        let request = request
            .insert_header(("accept", "text/html"))
            .insert_header(("cookie", self.header()));
        let answer = send(app, request).await;
        self.keep(&answer.cookies());
        answer
    }

    pub(crate) async fn get<S, B>(&mut self, app: &S, path: &str) -> Answer
    where
        S: Service<Request, Response = ServiceResponse<B>, Error = ActixError>,
        B: MessageBody,
    {
        self.send(app, TestRequest::get().uri(path)).await
    }

    pub(crate) async fn post<S, B>(&mut self, app: &S, path: &str) -> Answer
    where
        S: Service<Request, Response = ServiceResponse<B>, Error = ActixError>,
        B: MessageBody,
    {
        self.send(app, TestRequest::post().uri(path)).await
    }
}
