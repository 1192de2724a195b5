//! What an administrator does from the shell, while the site is open or closed.

use std::time::SystemTime;

use housekey_axum::{BoxError, LoginManager, LoginTimeouts, User as _};

use crate::login_store::Store;
use crate::members::{Member, Members};
use crate::moments;
use crate::options::{Command, Options};
use crate::secret_key;
use crate::user_agents;

/// Does it, and says what was done.
///
/// # Errors
/// When there is no such site or member, or the logins cannot be reached from here. The message says what to do.
pub async fn administer(options: &Options, command: &Command) -> Result<String, BoxError> {
    if !options.data.join("members.db").exists() {
        return Err(format!(
            "there is no site in the folder {}: name the right one with --data",
            options.data.display()
        )
        .into());
    }
    match command {
        Command::Logins { username } => {
            let (members, manager) = open(options).await?;
            list(&manager, &find(&members, username).await?, options).await
        }
        Command::EndLogins { username } => {
            let (members, manager) = open(options).await?;
            end(&manager, &find(&members, username).await?).await
        }
        Command::RotateKey => {
            secret_key::rotate(&options.data)?;
            Ok("There is a new secret key. Restart the site: it signs with the new one, and accepts the old one.
".into())
        }
    }
}

async fn open(options: &Options) -> Result<(Members, LoginManager<Member>), BoxError> {
    if Store::parse(&options.store)? == Store::Memory {
        return Err(
            "with --store memory the logins are inside the program that has the site open, out of reach from here"
                .into(),
        );
    }
    crate::open(options).await
}

async fn find(members: &Members, username: &str) -> Result<Member, BoxError> {
    let found = members.find_by_name(username).await?;
    Ok(found.ok_or_else(|| format!("no member is called {username}"))?)
}

async fn list(
    manager: &LoginManager<Member>,
    member: &Member,
    options: &Options,
) -> Result<String, BoxError> {
    let logins = manager.logins_of(&member.id()).await?;
    if logins.is_empty() {
        return Ok(format!("{} is signed in nowhere.\n", member.username));
    }
    let (now, step) = (
        SystemTime::now(),
        LoginTimeouts::from(options.timeouts).step(),
    );
    let mut lines = String::new();
    for login in logins {
        let program = user_agents::heading(login.user_agent.as_deref());
        let used = moments::last_used(login.last_seen_at, now, step);
        let since = moments::ago(login.created_at, now);
        lines += &format!("{program}: signed in {since}, last used {used}");
        if let Some(address) = login.address {
            lines += &format!(", from {address}");
        }
        if login.remembered {
            lines += ", stays signed in";
        }
        lines += "\n";
    }
    Ok(lines)
}

async fn end(manager: &LoginManager<Member>, member: &Member) -> Result<String, BoxError> {
    let name = &member.username;
    Ok(match manager.end_logins_of(&member.id()).await? {
        0 => format!("{name} was signed in nowhere.\n"),
        1 => format!("{name} was signed in once, and is out.\n"),
        count => format!("{name} was signed in {count} times, and is out everywhere.\n"),
    })
}
