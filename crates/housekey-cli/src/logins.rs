//! `housekey logins`: in the words of `flask logins`.

use std::io::{BufRead as _, IsTerminal as _, Write as _, stderr, stdin};

use housekey::records::LoginId;
use housekey::{LoginInfo, LoginManager, SecretKeys, WhenFull};
use serde_json::{Value, json};

use crate::arguments::{LoginsCommand, LoginsOptions, Preset, login_id};
use crate::output::{self, Failure, counted, rfc3339, shown, to_the_minute};
use crate::site::{self, Nobody};
use crate::stores::Store;

/// How many logins of a user are listed at most: as many as a manager can allow.
const MOST: usize = 1000;

pub(crate) fn run(options: LoginsOptions) -> Result<i32, Failure> {
    // Errors that can be found without the store come first.
    let id = match &options.command {
        LoginsCommand::End { login_id: text } => {
            Some(login_id(text).map_err(|error| Failure::of(&error))?)
        }
        _ => None,
    };
    if let LoginsCommand::EndAll { yes: false, .. } = options.command
        && !stdin().is_terminal()
    {
        return Err(Failure::Usage(
            "this may end many logins, and there is no terminal to ask at: say --yes if that is meant".to_owned(),
        ));
    }
    let Some(store) = Store::open(&options.store)? else {
        return Err(Failure::Usage(
            "where are the logins? Put the store's address into HOUSEKEY_LOGIN_STORE in the environment, or say --store ADDRESS"
                .to_owned(),
        ));
    };
    let preset = match options.command {
        LoginsCommand::EndAll { preset, .. } => preset,
        _ => Preset::Flask,
    };
    // Nothing is signed or verified.
    let manager = site::builder(preset, SecretKeys::generate())
        .realm(&options.realm)
        .max_logins(MOST, WhenFull::EndOldest);
    let manager = match options.command {
        LoginsCommand::Purge => store.give_attempts_to(manager),
        _ => manager,
    };
    let manager = store.give_to(manager).build();
    let logins = Logins {
        manager: manager.map_err(|error| Failure::of(&error))?,
        json: options.json,
    };
    site::wait(async {
        match &options.command {
            LoginsCommand::List { user_id } => logins.list(user_id).await,
            LoginsCommand::End { .. } => match &id {
                Some(id) => logins.end(id).await,
                None => Ok(2),
            },
            LoginsCommand::EndAll { user_id, yes, .. } => logins.end_all(user_id, *yes).await,
            LoginsCommand::Purge => logins.purge().await,
            LoginsCommand::Count { user_id } => logins.count(user_id).await,
        }
    })
}

struct Logins {
    manager: LoginManager<Nobody>,
    json: bool,
}

impl Logins {
    async fn of(&self, user_id: &str) -> Result<Vec<LoginInfo>, Failure> {
        let found = self.manager.logins_of(user_id).await;
        found.map_err(|error| Failure::of(&error))
    }

    async fn list(&self, user_id: &str) -> Result<i32, Failure> {
        let found = self.of(user_id).await?;
        if found.is_empty() && !self.json {
            output::complain(&format!(
                "User {user_id} has no logins. (Users go by the id that the site gives them, which may not be their name.)"
            ));
        }
        for login in &found {
            match self.json {
                true => output::print_json(&as_json(login))?,
                false => output::print(&as_line(login))?,
            }
        }
        if found.len() >= MOST {
            output::complain(&format!(
                "There may be more: these are the {MOST} last used."
            ));
        }
        Ok(0)
    }

    async fn end(&self, id: &LoginId) -> Result<i32, Failure> {
        let ended = self.manager.end_login(id).await;
        let Some(user_id) = ended.map_err(|error| Failure::of(&error))? else {
            return Err(Failure::Failed(format!(
                "There is no login {id} (any more)."
            )));
        };
        let said = format!("Ended login {id} of user {}.", shown(&user_id));
        self.say(
            &said,
            || json!({ "ended": 1, "id": id.to_string(), "user_id": user_id }),
        )
    }

    async fn end_all(&self, user_id: &str, yes: bool) -> Result<i32, Failure> {
        if !yes {
            let count = counted(self.of(user_id).await?.len(), "login", "logins");
            if !is_confirmed(&format!("End all {count} of user {}?", shown(user_id))) {
                return Err(Failure::Failed("Nothing was ended.".to_owned()));
            }
        }
        let ended = self.manager.end_logins_of(user_id).await;
        let ended = ended.map_err(|error| Failure::of(&error))?;
        let logins = counted(ended, "login", "logins");
        let said = format!("Ended {logins} of user {}.", shown(user_id));
        self.say(&said, || json!({ "ended": ended, "user_id": user_id }))
    }

    async fn purge(&self) -> Result<i32, Failure> {
        let deleted = self.manager.delete_expired_logins().await;
        let deleted = deleted.map_err(|error| Failure::of(&error))?;
        let records = counted(deleted, "expired record", "expired records");
        self.say(
            &format!("Deleted {records}."),
            || json!({ "deleted": deleted }),
        )
    }

    async fn count(&self, user_id: &str) -> Result<i32, Failure> {
        let count = self.of(user_id).await?.len();
        let or_more = count >= MOST;
        let said = format!("{count}{}", if or_more { " or more" } else { "" });
        self.say(
            &said,
            || json!({ "logins": count, "or_more": or_more, "user_id": user_id }),
        )
    }

    fn say(&self, text: &str, json: impl FnOnce() -> Value) -> Result<i32, Failure> {
        match self.json {
            true => output::print_json(&json())?,
            false => output::print(&format!("{text}\n"))?,
        }
        Ok(0)
    }
}

fn as_line(login: &LoginInfo) -> String {
    let address = login.address.map_or("-".to_owned(), |it| it.to_string());
    let agent = login.user_agent.as_deref().map_or("-".to_owned(), shown);
    format!(
        "{}  seen {}  made {}  {address}  {}  {agent}\n",
        login.id,
        to_the_minute(login.last_seen_at),
        to_the_minute(login.created_at),
        if login.remembered { "remembered" } else { "-" },
    )
}

/// A record, for a program.
pub(crate) fn as_json(login: &LoginInfo) -> Value {
    json!({
        "id": login.id.to_string(),
        "last_seen_at": rfc3339(login.last_seen_at),
        "created_at": rfc3339(login.created_at),
        "address": login.address,
        "remembered": login.remembered,
        "user_agent": login.user_agent,
    })
}

/// Whether the user at the terminal agrees.
fn is_confirmed(question: &str) -> bool {
    let mut answer = String::new();
    let _ = write!(stderr(), "{question} [y/N] ");
    let read = stdin().lock().read_line(&mut answer);
    read.is_ok() && ["y", "yes"].contains(&&*answer.trim().to_ascii_lowercase())
}
