//! The command line: what can be said, and what --help, the completions and the man page say of it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use housekey::LoginTimeouts;
use housekey::records::LoginId;

/// Looks after the logins of sites that use housekey, and of the Flask programs beside them: makes secret keys, says what a
/// cookie says, lists logins and ends them.
///
/// No secret is taken as an argument, since all users of a machine can see those and a shell keeps them: keys come from the
/// environment or from a file, cookies from standard input.
///
/// It exits with 0 when all went well; with 1 when something failed, a cookie does not count or a login is not there; and with 2
/// when the command line cannot be what somebody meant.
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
    /// Makes secret keys
    #[command(subcommand)]
    Key(KeyCommand),
    /// Says what a cookie says
    #[command(subcommand)]
    Cookie(CookieCommand),
    /// Lists logins and ends them
    Logins(LoginsOptions),
    /// Prints what a shell needs to complete this command
    ///
    /// For bash: housekey completions bash > /usr/local/share/bash-completion/completions/housekey
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Prints the man page
    ///
    /// To read it at once: housekey man | man -l -
    Man,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Prints a new secret key: 32 bytes that nobody can guess, in hexadecimal
    ///
    /// Give it to all servers of the site, by their environment: SECRET_KEY. To change the key of a site that is running, keep the
    /// old one as a fallback (SECRET_KEY_FALLBACKS), or everybody is signed out.
    New,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CookieCommand {
    /// Reads cookies from standard input and says what they say, and whether they count
    ///
    /// It takes a value alone; name=value, also several with semicolons between them; lines with Cookie: or Set-Cookie:; and the
    /// lines of a browser's "Copy as cURL". At a terminal, paste it, and end with Enter and Ctrl-D. Terminals cut off lines of more
    /// than 4,000 bytes, so put a longer one into a file.
    ///
    /// The key is SECRET_KEY in the environment, with the older ones in SECRET_KEY_FALLBACKS, separated by commas
    /// (HOUSEKEY_SECRET_KEY and HOUSEKEY_SECRET_KEY_FALLBACKS go before them), or in a file. It verifies the signature before it
    /// looks at anything else: of a cookie that none of the keys signed, nothing is shown.
    ///
    /// What it cannot know, it says: whether the user is still there and active, whether they have changed their password, and
    /// which browser the cookie comes from. Without --store it does not know either whether the login was ended.
    ///
    /// It changes nothing: no use is noted, and a remember token is not used up. With --json it prints one object a line, with
    /// times as in RFC 3339.
    Read(ReadOptions),
}

#[derive(Debug, Args)]
pub(crate) struct ReadOptions {
    /// Which settings the site has, where one is to be tried alone
    #[arg(long, value_enum)]
    pub(crate) preset: Option<Preset>,

    /// The name of a cookie whose value comes alone, if it is not one of the presets'
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,

    /// The salt of Flask's session interface, if it is not cookie-session
    #[arg(long, value_name = "SALT")]
    pub(crate) salt: Option<String>,

    /// The realm of the users' login manager, if it has one
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) realm: String,

    /// A file with the secret key, in place of the environment
    ///
    /// The end of its last line does not count. There is no option for the key itself.
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,

    /// A file with an older key that still verifies; for several, give it several times, the newest first
    #[arg(long = "fallback-key-file", value_name = "FILE", requires = "key_file")]
    pub(crate) fallback_key_files: Vec<PathBuf>,

    /// How long a session lives at the site, if not for the preset's time: 1day safe, 31days flask
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(crate) session_lifetime: Option<Duration>,

    /// When logins with a record end by themselves: everyday, sensitive, critical, or IDLE,ABSOLUTE as in 1h,12h
    #[arg(long, value_name = "TIMEOUTS", default_value = "everyday")]
    pub(crate) login_timeouts: Timeouts,

    #[command(flatten)]
    pub(crate) store: StoreOptions,

    /// Print one JSON object for each cookie, each on a line
    #[arg(long)]
    pub(crate) json: bool,

    /// What somebody has put here is answered with why it does not belong here.
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
    /// An address with a password is better set in the environment, since others can see the arguments of a command. An empty
    /// address is none.
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

    /// What Redis's keys start with, if it is not housekey:
    #[arg(long, global = true, value_name = "PREFIX")]
    pub(crate) prefix: Option<String>,

    /// How many replicas of Redis must have a change before it counts as done
    #[arg(long, global = true, value_name = "NUMBER")]
    pub(crate) replicas: Option<usize>,

    /// How long one operation of the store may take
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

    /// Print JSON: one object a line, with times as in RFC 3339
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LoginsCommand {
    /// Lists the logins of a user, the one last used first: at most a thousand
    ///
    /// Each has its id, by which it can be ended and which is not a secret; when it was last seen and when it was made; from which
    /// address, if the site knows addresses; whether it is remembered; and the browser's own words for itself.
    List {
        /// What the site's User::id returns, in Flask get_id; one that begins with - goes behind --
        #[arg(value_name = "USER")]
        user_id: String,
    },
    /// Ends a login by its id; it is out at its next request
    End {
        /// The id, as list shows it
        #[arg(value_name = "ID")]
        login_id: String,
    },
    /// Ends all logins of a user; they are out at their next request
    ///
    /// Those are ended too that a Flask program beside the site has signed and that never came to the store: a mark that says so is
    /// kept for them. Flask itself does not look at it. With --preset safe there is no mark, for a site that has no Flask
    /// beside it.
    ///
    /// Anybody with the password can log in again: change it first.
    EndAll {
        /// What the site's User::id returns, in Flask get_id; one that begins with - goes behind --
        #[arg(value_name = "USER")]
        user_id: String,

        /// Do not ask; without a terminal to ask at, it is needed
        #[arg(long, short)]
        yes: bool,

        /// Which settings the site has
        #[arg(long, value_enum, default_value_t = Preset::Flask)]
        preset: Preset,
    },
    /// Deletes the records of logins that have expired; they count for nothing before as well
    Purge,
    /// Counts the logins of a user, to a thousand
    ///
    /// No store can count the logins of all users without looking at each of them.
    Count {
        /// What the site's User::id returns, in Flask get_id; one that begins with - goes behind --
        #[arg(value_name = "USER")]
        user_id: String,
    },
}

/// What stands before the id of a login that begins with a hyphen, so that it is not taken for an option.
const ID: &str = "id:";

/// The arguments, with the ids of logins marked that look like options: one in 64 begins with a hyphen.
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

/// The id of a login as somebody has typed it.
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
