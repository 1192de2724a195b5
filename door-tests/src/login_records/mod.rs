//! Logins with a record on the server: they begin, change and end there, whatever cookies say.
//!
//! - [`rotation`]: every login has its own record and secret, and previous ones are worthless.
//! - [`grace`]: requests that were on their way when a secret was replaced.
//! - [`timeouts`]: idle, absolute, and what counts as use.
//! - [`remember`]: tokens that are valid for one use.
//! - [`theft`]: tokens that are used twice.
//! - [`ending`]: the list of logins, and ending them.
//! - [`limits`]: how many logins a user may have.
//! - [`faults`]: a store that fails.
//! - [`flask_peer`]: beside a Flask program without records.
//! - [`forgeries`]: changed, mixed and planted cookies, and meaningless records.
//! - [`overtaking`]: two requests at once, step by step.
//! - [`clocks`]: machines whose clocks differ.
//! - [`watches`]: what a stream that outlives its request gets to know.
//! - [`crowds`]: many requests at once, on several threads.

pub mod clocks;
pub mod crowds;
pub mod ending;
pub mod faults;
pub mod flask_peer;
pub mod forgeries;
pub mod grace;
pub mod limits;
pub mod overtaking;
pub mod remember;
pub mod rotation;
pub mod theft;
pub mod timeouts;
pub mod watches;

use housekey::Error;
use housekey::records::LoginId;

use crate::plan::{Given, acts};
use crate::site::Site;
use crate::store::Gate;

const SESSION: &str = "__Host-session";
const TOKEN: &str = "__Host-remember_token";

impl Site {
    /// The same site with pages about logins, and slow ones, which wait at the gate.
    fn with_login_pages(self, gate: &Gate) -> Self {
        let members = self.members.clone();
        // As `/confirm`, for any current user, even a remembered one.
        let prove_it = async move |given: Given| -> Result<&str, Error> {
            let id = given.who().await?.id.unwrap_or("ben".to_owned());
            given
                .login
                .confirm_login(&members.find(&id).unwrap())
                .await?;
            Ok("confirmed")
        };
        let (looks, writes) = (gate.clone(), gate.clone());
        let look_and_write_slowly = async move |given: Given| -> Result<String, Error> {
            let who = given.who().await?;
            looks.pass().await;
            given.session.insert(given.key(), &given.body)?;
            Ok(who.to_string())
        };
        let write_slowly = async move |given: Given| {
            writes.pass().await;
            given.session.insert(given.key(), &given.body)
        };
        self.with([
            acts("/logins", list),
            acts("/logins/{id}/end", end_one),
            acts("/logins/end-others", end_others),
            acts("/logins/unasked", list_unasked),
            acts("/prove-it", prove_it),
            acts("/slow/{key}", look_and_write_slowly),
            acts("/slow-unasked/{key}", write_slowly),
        ])
    }
}

/// Each login in a line: its id, then what is known about it.
async fn list(given: Given) -> Result<String, Error> {
    given.who().await?;
    let lines: Vec<_> = given
        .login
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

/// Like the list, but does not ask for the current user.
async fn list_unasked(given: Given) -> Result<String, Error> {
    Ok(given.login.logins().await?.len().to_string())
}

async fn end_one(given: Given) -> Result<String, Error> {
    given.who().await?;
    let id = given.path.split('/').nth(2).unwrap().parse::<LoginId>()?;
    Ok(given.login.end_login(&id).await?.to_string())
}

async fn end_others(given: Given) -> Result<String, Error> {
    given.who().await?;
    Ok(given.login.end_other_logins().await?.to_string())
}
