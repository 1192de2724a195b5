//! Logins that have a record on the server: that they begin, change and end there, whatever cookies say.
//!
//! - [`rotation`]: every login has a record and a secret of its own, and what was before it is worthless.
//! - [`grace`]: requests that were under way when a secret was replaced.
//! - [`timeouts`]: idle, absolute, and what counts as use.
//! - [`remember`]: tokens that are good for one use.
//! - [`theft`]: tokens that are used twice.
//! - [`ending`]: the list of logins, and ending them.
//! - [`limits`]: how many logins a user may have.
//! - [`faults`]: a store that fails.
//! - [`flask_peer`]: beside a Flask program that knows of no records.
//! - [`forgeries`]: cookies that were changed, mixed and planted, and records that say nothing.
//! - [`overtaking`]: two requests at once, step by step.
//! - [`clocks`]: machines whose clocks differ.
//! - [`crowds`]: many requests at once, on several threads.

mod clocks;
mod crowds;
mod ending;
mod faults;
mod flask_peer;
mod forgeries;
mod grace;
mod limits;
mod overtaking;
mod remember;
mod rotation;
mod theft;
mod timeouts;

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use housekey_axum::records::LoginId;
use housekey_axum::{CurrentUser, Error, Login, Session};

use crate::common::answer::Answer;
use crate::common::browser::Browser;
use crate::common::jar::Jar;
use crate::common::store::{Gate, Stopped};
use crate::common::{Member, Members, Site, describe};

const SESSION: &str = "__Host-session";
const TOKEN: &str = "__Host-remember_token";

impl Site {
    /// The same site with pages about logins, and slow ones, which wait at the gate.
    fn with_login_pages(self, gate: &Gate) -> Self {
        let logins = Router::new()
            .route("/logins", get(list))
            .route("/logins/{id}/end", post(end_one))
            .route("/logins/end-others", post(end_others))
            .route("/logins/unasked", get(list_unasked))
            .route("/prove-it", post(prove_it))
            .with_state(self.members.clone());
        let slow = Router::new()
            .route("/slow/{key}", post(look_and_write_slowly))
            .route("/slow-unasked/{key}", post(write_slowly))
            .with_state(gate.clone());
        self.and(logins).and(slow)
    }

    async fn logins(&self, user_id: &str) -> usize {
        self.manager().logins_of(user_id).await.unwrap().len()
    }

    /// Who is there for somebody with this jar and nothing else.
    async fn who_with(&self, jar: &Jar) -> String {
        let mut browser = self.browser();
        browser.jar = jar.clone();
        browser.who().await
    }

    /// Who is there for somebody who has nothing but this cookie.
    async fn who_with_only(&self, name: &str, jar: &Jar) -> String {
        let mut browser = self.browser();
        browser.jar.put(name, jar.value(name).unwrap());
        browser.who().await
    }
}

impl Browser {
    /// Another tab of this browser sends a request, which stops at the gate.
    async fn stop_at(
        &self,
        gate: &Gate,
        method: http::Method,
        path: &'static str,
        body: &'static str,
    ) -> Stopped<Answer> {
        let mut tab = self.clone();
        gate.stop(async move {
            let request = tab.request(method, path, body);
            tab.send(request).await
        })
        .await
    }
}

/// Each login in a line: its number, then what is known of it.
async fn list(_: CurrentUser<Member>, login: Login<Member>) -> Result<String, Error> {
    let lines: Vec<_> = login
        .logins()
        .await?
        .iter()
        .map(|login| {
            let words = [("current", login.current), ("remembered", login.remembered)];
            let words = words.iter().filter(|(_, is_so)| *is_so);
            let words: Vec<_> = words.map(|(word, _)| *word).collect();
            let agent = login.user_agent.as_deref().unwrap_or("no program");
            format!("{} {agent} {}", login.id, words.join(" "))
        })
        .collect();
    Ok(lines.join("\n"))
}

/// As the list, and asks nobody who is there.
async fn list_unasked(login: Login<Member>) -> Result<String, Error> {
    Ok(login.logins().await?.len().to_string())
}

async fn end_one(
    _: CurrentUser<Member>,
    login: Login<Member>,
    Path(id): Path<String>,
) -> Result<String, Error> {
    Ok(login.end_login(&id.parse::<LoginId>()?).await?.to_string())
}

async fn end_others(_: CurrentUser<Member>, login: Login<Member>) -> Result<String, Error> {
    Ok(login.end_other_logins().await?.to_string())
}

/// As `/confirm`, for whoever is there, be it by a remember token.
async fn prove_it(
    current_user: CurrentUser<Member>,
    login: Login<Member>,
    State(members): State<Members>,
) -> Result<&'static str, Error> {
    let id = current_user
        .user()
        .map_or("ben".to_owned(), |user| user.id.clone());
    login.confirm_login(&members.find(&id).unwrap()).await?;
    Ok("confirmed")
}

async fn look_and_write_slowly(
    current_user: CurrentUser<Member>,
    session: Session,
    State(gate): State<Gate>,
    Path(key): Path<String>,
    text: String,
) -> Result<String, Error> {
    gate.pass().await;
    session.insert(&key, &text)?;
    Ok(describe(&current_user))
}

async fn write_slowly(
    session: Session,
    State(gate): State<Gate>,
    Path(key): Path<String>,
    text: String,
) -> Result<(), Error> {
    gate.pass().await;
    Ok(session.insert(&key, &text)?)
}
