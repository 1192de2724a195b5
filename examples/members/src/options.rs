//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use housekey_axum::LoginTimeouts;

/// A small members' site: an example of housekey, session login for axum.
///
/// Without a command it opens the site. Logs go to standard error: lines for a person at a terminal, JSON otherwise.
/// RUST_LOG sets how much is told (for example RUST_LOG=debug).
#[derive(Clone, Debug, Parser)]
#[command(version)]
pub struct Options {
    /// What to do in place of opening the site; it may be open meanwhile
    #[command(subcommand)]
    pub command: Option<Command>,

    /// Where to listen
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:3000")]
    pub listen: String,

    /// Where the database and the secret key are kept; made when missing
    #[arg(
        long,
        global = true,
        value_name = "FOLDER",
        default_value = "members-data"
    )]
    pub data: PathBuf,

    /// Where it is kept who is signed in where: sqlite, memory, postgres://… or redis://…
    ///
    /// sqlite is the file logins.db in the data folder, and needs nothing else.
    ///
    /// memory is the program's own: when it ends, everybody is signed out, and no other program sees who is in.
    ///
    /// postgres://USER:PASSWORD@HOST/DATABASE is a table of a PostgreSQL server, which is made when it is missing. The
    /// program has to be built with the feature postgres.
    ///
    /// redis://USER:PASSWORD@HOST/ are keys of a Redis server. As it comes, Redis forgets after a power cut what was
    /// written lately; see housekey-redis. The program has to be built with the feature redis.
    ///
    /// All programs of one site need the same one. An address with a password is better set in the environment: others
    /// can see the arguments of a program.
    #[arg(
        long,
        global = true,
        value_name = "STORE",
        env = "MEMBERS_STORE",
        hide_env_values = true,
        default_value = "sqlite",
        verbatim_doc_comment
    )]
    pub store: String,

    /// When somebody who does nothing is signed out, and when everybody is
    ///
    /// Members who chose to stay signed in come back after either time, but confirm it's them where that matters.
    #[arg(long, value_enum, value_name = "PROFILE", default_value_t = Timeouts::Everyday)]
    pub timeouts: Timeouts,

    /// In how many browsers a member may be signed in at once
    ///
    /// One more sign-in ends the one that has gone unused for longest.
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 50,
        value_parser = clap::value_parser!(u16).range(1..=1000)
    )]
    pub max_logins: u16,

    /// The path that all addresses of the site begin with, for instance /club, where other sites share the host
    ///
    /// The proxy may strip it or pass it on. The cookies get names of their own, such as __Host-club-session.
    #[arg(
        long,
        value_name = "PATH",
        env = "MEMBERS_MOUNTED_AT",
        default_value = "",
        hide_default_value = true
    )]
    pub mounted_at: String,

    /// The site is reached over HTTPS, through a proxy in front of it
    ///
    /// Cookies become Secure, browsers are told to insist on HTTPS, and the last entry of X-Forwarded-For is taken
    /// for the visitor's address. The proxy must pass the Host header on unchanged.
    #[arg(long)]
    pub https: bool,

    /// How many proxies are in front, each of which adds to X-Forwarded-For
    ///
    /// The visitor's address is then the entry that many from the end. With too high a number, visitors choose their own.
    #[arg(
        long,
        requires = "https",
        value_name = "COUNT",
        default_value_t = 1,
        value_parser = clap::value_parser!(u8).range(1..=9)
    )]
    pub proxies: u8,
}

/// What an administrator does from the shell.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Shows where a member is signed in
    Logins {
        /// The member's username
        username: String,
    },
    /// Signs a member out everywhere; an open site notices at that member's next request
    EndLogins {
        /// The member's username
        username: String,
    },
    /// Makes a new secret key and keeps the old one as a fallback, so that nobody is signed out; then restart the site
    RotateKey,
}

/// housekey's three profiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Timeouts {
    /// After a day without use, after 30 days in any case
    Everyday,
    /// After an hour without use, after a day in any case
    Sensitive,
    /// After 15 minutes without use, after 12 hours in any case
    Critical,
}

impl From<Timeouts> for LoginTimeouts {
    fn from(timeouts: Timeouts) -> LoginTimeouts {
        match timeouts {
            Timeouts::Everyday => LoginTimeouts::EVERYDAY,
            Timeouts::Sensitive => LoginTimeouts::SENSITIVE,
            Timeouts::Critical => LoginTimeouts::CRITICAL,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_options_are_consistent() {
        Options::command().debug_assert();
    }

    #[test]
    fn without_options_it_listens_on_this_machine_only() {
        let options = Options::parse_from(["members"]);
        assert_eq!(options.listen, "127.0.0.1:3000");
        assert_eq!(options.data, PathBuf::from("members-data"));
        assert!(!options.https);
        assert!(options.command.is_none());
    }

    #[test]
    fn a_command_takes_the_options_that_concern_it_before_and_after() {
        for words in [
            ["members", "--data", "here", "end-logins", "ada"],
            ["members", "end-logins", "ada", "--data", "here"],
        ] {
            let options = Options::parse_from(words);
            assert_eq!(options.data, PathBuf::from("here"));
            assert!(
                matches!(options.command, Some(Command::EndLogins { username }) if username == "ada")
            );
        }
    }

    #[test]
    fn what_it_does_not_know_is_refused() {
        for words in [
            &["members", "--timeouts", "never"][..],
            &["members", "--https", "--proxies", "0"],
            &["members", "--proxies", "2"],
            &["members", "--max-logins", "0"],
            &["members", "logins"],
            &["members", "end-login", "ada"],
        ] {
            assert!(Options::try_parse_from(words).is_err(), "{words:?}");
        }
    }
}
