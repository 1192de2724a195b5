//! The command line: its options, and the texts for --help, the completions and the man page.

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use housekey::LoginTimeouts;
use housekey::records::LoginId;

/// Administers logins of sites that use housekey, and of Flask programs that share their cookies: makes secret keys, reads cookies,
/// lists and ends logins.
///
/// No secret is an argument, because other users of the machine can see arguments, and the shell keeps them. Keys come from the
/// environment or from files, cookies from standard input.
///
/// The exit code is 0 for success; 1 if something failed, a cookie does not count, or there is no such login; 2 if the command line
/// is wrong.
#[derive(Debug, Parser)]
#[command(
    name = "housekey",
    version,
    max_term_width = 100,
    propagate_version = true
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make secret keys
    #[command(subcommand)]
    Key(KeyCommand),
    /// Read cookies
    #[command(subcommand)]
    Cookie(CookieCommand),
    /// List and end logins
    Logins(LoginsOptions),
    /// Print completions for a shell
    ///
    /// For bash: housekey completions bash > /usr/local/share/bash-completion/completions/housekey
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the man page
    ///
    /// To read it: housekey man | man -l -
    Man,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Print a new secret key: 32 random bytes in hexadecimal
    ///
    /// Give it to all servers of the site as SECRET_KEY in their environment. If the site is running, keep the old key as a fallback
    /// (SECRET_KEY_FALLBACKS), or all users are logged out.
    New,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CookieCommand {
    /// Read cookies from standard input, and show their contents and whether they count
    ///
    /// The input is a value alone; name=value, or several of them separated by semicolons; lines with Cookie: or Set-Cookie:; or a
    /// browser's "Copy as cURL". At a terminal, paste it, then press Enter and Ctrl-D. Terminals cut off lines of more than 4,000 bytes,
    /// so put a longer one into a file.
    ///
    /// The key is SECRET_KEY in the environment, the older ones are SECRET_KEY_FALLBACKS, separated by commas. HOUSEKEY_SECRET_KEY and
    /// HOUSEKEY_SECRET_KEY_FALLBACKS take precedence, and --key-file over both. The command verifies the signature first. If none of the
    /// keys signed a cookie, it shows nothing of it.
    ///
    /// It says what it cannot know: whether the user still exists and is active, whether their password has changed, and which browser
    /// the cookie comes from. Without --store it does not know whether the login was ended.
    ///
    /// Reading changes nothing. It does not count as use of the login, and does not use up a remember token.
    Read(ReadOptions),
}

#[derive(Debug, Args)]
pub(crate) struct ReadOptions {
    /// Try only this preset
    #[arg(long, value_enum)]
    pub(crate) preset: Option<Preset>,

    /// The cookie's name, if the input is a value alone and the site has changed the name
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,

    /// The salt of Flask's session interface, if it is not cookie-session
    #[arg(long, value_name = "SALT")]
    pub(crate) salt: Option<String>,

    /// The realm of the users' login manager, if it has one
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) realm: String,

    /// A file with the secret key, instead of the environment
    ///
    /// A line break at its end is ignored. There is no option for the key itself: others could see it.
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,

    /// A file with an older key. Repeat it for several keys, the newest first
    #[arg(long = "fallback-key-file", value_name = "FILE", requires = "key_file")]
    pub(crate) fallback_key_files: Vec<PathBuf>,

    /// How long the site's sessions live, if not 1day (safe) or 31days (flask)
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(crate) session_lifetime: Option<Duration>,

    /// The site's login timeouts, with a store: everyday, sensitive, critical, or IDLE,ABSOLUTE such as 1h,12h
    #[arg(long, value_name = "TIMEOUTS", default_value = "everyday")]
    pub(crate) login_timeouts: Timeouts,

    #[command(flatten)]
    pub(crate) store: StoreOptions,

    /// Print one JSON object per cookie, each on a line, with times in RFC 3339
    #[arg(long)]
    pub(crate) json: bool,

    /// A cookie in the wrong place, which causes an error that says so.
    #[arg(hide = true)]
    pub(crate) cookies: Vec<OsString>,
}

/// The login manager's preset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Preset {
    /// LoginManager::new
    Safe,
    /// LoginManager::flask, Flask with Flask-Login, and flask_housekey
    #[value(alias = "flask-login", alias = "flask_login")]
    Flask,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeouts(pub(crate) LoginTimeouts);

impl FromStr for Timeouts {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = match text {
            "everyday" => Some(LoginTimeouts::EVERYDAY),
            "sensitive" => Some(LoginTimeouts::SENSITIVE),
            "critical" => Some(LoginTimeouts::CRITICAL),
            _ => None,
        };
        let read = || {
            let (idle, absolute) = text.split_once(',')?;
            let [idle, absolute] = [idle, absolute].map(|it| humantime::parse_duration(it).ok());
            Some(LoginTimeouts::new(idle?, absolute?))
        };
        named.or_else(read).map(Self).ok_or_else(|| {
            "say everyday, sensitive, critical, or two times with a comma between them, as in 1h,12h"
                .to_owned()
        })
    }
}

#[derive(Debug, Args)]
pub(crate) struct StoreOptions {
    /// Where the logins are kept
    ///
    /// sqlite:FILE (sqlite:////FOLDER/FILE, as Flask programs write it, is the same); postgres://USER:PASSWORD@HOST/DATABASE, with
    /// several hosts and sslmode as libpq has them; redis://, or rediss:// for TLS, as in redis://USER:PASSWORD@HOST:6379/0;
    /// redis+cluster://USER:PASSWORD@NODE,NODE/ (rediss+cluster:// for TLS); redis+sentinel://USER:PASSWORD@SENTINEL,SENTINEL/MASTER/0
    /// (rediss+sentinel:// for TLS), where the user and the password are the master's, and behind a ? may follow
    /// sentinel_username=…&sentinel_password=….
    ///
    /// Put an address with a password into the environment, because others can see the arguments of a command. An empty address
    /// means no store.
    #[arg(
        long,
        global = true,
        value_name = "ADDRESS",
        env = "HOUSEKEY_LOGIN_STORE",
        hide_env_values = true
    )]
    pub(crate) store: Option<String>,

    /// The table, if it is not logins (SQLite) or housekey_logins (PostgreSQL)
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) table: Option<String>,

    /// The prefix of Redis's keys, if it is not housekey:
    #[arg(long, global = true, value_name = "PREFIX")]
    pub(crate) prefix: Option<String>,

    /// How many Redis replicas must confirm a change
    #[arg(long, global = true, value_name = "NUMBER")]
    pub(crate) replicas: Option<usize>,

    /// How long one operation on the store may take
    #[arg(long, global = true, value_name = "TIME", default_value = "5s", value_parser = patience)]
    pub(crate) timeout: Duration,
}

fn patience(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    let possible = Duration::from_millis(100)..=Duration::from_secs(60 * 60);
    match possible.contains(&time) {
        true => Ok(time),
        false => Err("choose from 100ms to 1h".to_owned()),
    }
}

#[derive(Debug, Args)]
pub(crate) struct LoginsOptions {
    #[command(subcommand)]
    pub(crate) command: LoginsCommand,

    #[command(flatten)]
    pub(crate) store: StoreOptions,

    /// The realm of the users' login manager, if it has one
    #[arg(long, global = true, default_value = "", hide_default_value = true)]
    pub(crate) realm: String,

    /// Print JSON: one object per line, with times in RFC 3339
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LoginsCommand {
    /// List the logins of a user, the last used first, at most 1,000
    ///
    /// Each line has the login's id, which ends it and is not a secret; when it was last seen and when it was made; the address, if the
    /// site knows it; whether it is remembered; and what the browser calls itself.
    List {
        /// The user's id at the site: User::id, in Flask get_id. Put -- before one that begins with -
        #[arg(value_name = "USER")]
        user_id: String,
    },
    /// End a login by its id; it is out at its next request
    End {
        /// The login's id, as list shows it
        #[arg(value_name = "ID")]
        login_id: String,
    },
    /// End all logins of a user; they are out at their next request
    ///
    /// This includes sessions that a Flask program has signed and the store has never seen: a mark in the store ends them. Flask itself
    /// does not look at it. --preset safe omits the mark, for a site without Flask.
    ///
    /// Anybody with the password can log in again: change it first.
    EndAll {
        /// The user's id at the site: User::id, in Flask get_id. Put -- before one that begins with -
        #[arg(value_name = "USER")]
        user_id: String,

        /// Do not ask for confirmation. Required without a terminal
        #[arg(long, short)]
        yes: bool,

        /// The site's preset
        #[arg(long, value_enum, default_value_t = Preset::Flask)]
        preset: Preset,
    },
    /// Delete the records of expired logins, which no longer count anyway
    Purge,
    /// Count the logins of a user, up to 1,000
    ///
    /// No store can count the logins of all users without reading each of them.
    Count {
        /// The user's id at the site: User::id, in Flask get_id. Put -- before one that begins with -
        #[arg(value_name = "USER")]
        user_id: String,
    },
}

/// Put before an id that begins with a hyphen, so that it is not taken for an option.
const ID: &str = "id:";

/// The arguments, with login ids marked that look like options: one in 64 begins with a hyphen.
pub(crate) fn with_login_ids(
    arguments: impl IntoIterator<Item = OsString>,
) -> impl Iterator<Item = OsString> {
    let mut ends = false;
    arguments.into_iter().map(move |argument| {
        let text = argument.to_str();
        let is_id =
            text.is_some_and(|text| text.starts_with('-') && text.parse::<LoginId>().is_ok());
        if ends && is_id {
            let mut marked = OsString::from(ID);
            marked.push(argument);
            return marked;
        }
        ends |= text == Some("end");
        argument
    })
}

/// A login id as typed.
pub(crate) fn login_id(text: &str) -> Result<LoginId, housekey::Error> {
    text.strip_prefix(ID).unwrap_or(text).parse()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definitions_are_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_id_of_a_login_can_be_typed_wherever_it_stands() {
        for id in [
            "AAECAwQFBgcICQoLDA0ODw",
            "-hECAwQFBgcICQoLDA0ODw",
            "-VECAwQFBgcICQoLDA0ODw",
            "--ECAwQFBgcICQoLDA0ODw",
            "-jsonwQFBgcICQoLDA0ODw",
        ] {
            for words in [
                vec!["housekey", "logins", "end", id],
                vec!["housekey", "logins", "end", "--json", id],
                vec!["housekey", "logins", "end", id, "--json"],
                vec!["housekey", "logins", "--store", "sqlite:x", "end", "--", id],
            ] {
                let words = with_login_ids(words.iter().map(OsString::from));
                let parsed = Arguments::try_parse_from(words).unwrap();
                let Command::Logins(LoginsOptions {
                    command: LoginsCommand::End { login_id: typed },
                    ..
                }) = parsed.command
                else {
                    panic!("another command")
                };
                assert_eq!(login_id(&typed).unwrap().to_string(), id);
            }
        }
    }

    #[test]
    fn timeouts_are_named_or_two_times() {
        let read = |text: &str| text.parse().map(|Timeouts(timeouts)| timeouts);
        assert_eq!(read("sensitive"), Ok(LoginTimeouts::SENSITIVE));
        let [idle, absolute] = [1, 12].map(|hours| Duration::from_secs(hours * 60 * 60));
        assert_eq!(read("1h,12h"), Ok(LoginTimeouts::new(idle, absolute)));
        for text in ["", "1h", "1h,", "strict", "1h,2h,3h", "-1h,2h"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
