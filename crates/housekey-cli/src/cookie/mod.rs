//! `housekey cookie read`: which of the site's cookies something is, and what it says.

mod input;
mod report;

use std::io::{IsTerminal as _, stdin};

use housekey::{
    CookieReading, ErrorKind, LoginManager, LoginManagerBuilder, SecretKeys, SessionRefresh,
};

use self::input::Cookie;
use self::report::Report;
use crate::arguments::{CookieCommand, Preset, ReadOptions};
use crate::output::{self, Failure};
use crate::site::{self, Nobody};
use crate::stores::Store;
use crate::{keys, output::shown};

/// The names of the safe preset's cookies, with HTTPS and without.
const SAFE: [&str; 6] = [
    "__Host-session",
    "__Host-session-values",
    "__Host-remember_token",
    "session",
    "session-values",
    "remember_token",
];

/// A name that no cookie has which is looked for.
const NO_NAME: &str = "housekey-none";

pub(crate) fn run(CookieCommand::Read(options): CookieCommand) -> Result<i32, Failure> {
    if !options.cookies.is_empty() {
        return Err(Failure::Usage(
            "cookies come from standard input, for instance: housekey cookie read < FILE. What stands in a command, all users of \
             the machine can see, and a shell keeps it: end that login"
                .to_owned(),
        ));
    }
    let keys = keys::of_site(&options)?;
    let store = Store::open(&options.store)?;
    let site = Site::new(&options, keys, store)?;
    if stdin().is_terminal() {
        output::complain("Paste the cookie, then Enter and Ctrl-D:");
    }
    let failed = |error| Failure::Failed(format!("standard input: {error}"));
    let text = input::read(stdin().lock()).map_err(failed)?;
    let cookies = input::parse(&text.map_err(Failure::Failed)?);
    if cookies.is_empty() {
        return Err(Failure::Failed(
            "there is no cookie on standard input".to_owned(),
        ));
    }
    let reports = site::wait(async {
        let mut reports = Vec::new();
        for cookie in cookies {
            reports.push(site.read(cookie).await?);
        }
        Ok(reports)
    })?;
    show(&options, &reports)
}

fn show(options: &ReadOptions, reports: &[Report]) -> Result<i32, Failure> {
    // Beside those of the site a browser has others, which are nobody's fault.
    let is_other = |report: &&Report| report.is_others();
    let others: Vec<_> = reports.iter().filter(is_other).collect();
    let ours: Vec<_> = reports.iter().filter(|report| !is_other(report)).collect();
    let shown_ones = if ours.is_empty() { &others } else { &ours };
    for (number, report) in shown_ones.iter().enumerate() {
        if options.json {
            output::print_json(&report.as_json())?;
        } else {
            let gap = if number == 0 { "" } else { "\n" };
            output::print(&format!("{gap}{}", report.as_text()))?;
        }
    }
    if !ours.is_empty() && !others.is_empty() && !options.json {
        let names = others.iter().filter_map(|report| report.name.as_deref());
        let names = names.map(shown).collect::<Vec<_>>().join(", ");
        output::print(&format!(
            "\nNot read, since none of the keys signed them: {names}\n"
        ))?;
    }
    Ok(i32::from(shown_ones.iter().any(|report| report.is_bad())))
}

/// What is tried on each cookie.
struct Site<'a> {
    options: &'a ReadOptions,
    keys: SecretKeys,
    store: Option<Store>,
    flask: Option<LoginManager<Nobody>>,
    /// Why the safe preset is not tried.
    not_safe: Option<String>,
    tries_safe: bool,
}

impl<'a> Site<'a> {
    fn new(
        options: &'a ReadOptions,
        keys: SecretKeys,
        store: Option<Store>,
    ) -> Result<Self, Failure> {
        let wants = |preset| options.preset.is_none_or(|wanted| wanted == preset);
        let mut site = Self {
            options,
            keys,
            store,
            flask: None,
            not_safe: None,
            tries_safe: wants(Preset::Safe),
        };
        if options.salt.is_some() && options.preset == Some(Preset::Safe) {
            return Err(Failure::Usage("--salt is for the flask preset".to_owned()));
        }
        if wants(Preset::Flask) {
            let builder = site.builder(Preset::Flask);
            let builder = match &options.salt {
                Some(salt) => builder.session_salt(salt),
                None => builder,
            };
            // Its cookies have no place for a realm, so that it is about the records.
            let builder = match site.store.is_some() {
                true => builder.realm(&options.realm),
                false => builder,
            };
            site.flask = Some(builder.build().map_err(|error| Failure::of(&error))?);
        }
        if site.tries_safe
            && let Err(error) = site.builder(Preset::Safe).realm(&options.realm).build()
        {
            match error.kind() {
                // No site has such a key there.
                ErrorKind::SecretKey if options.preset.is_none() => {
                    site.tries_safe = false;
                    site.not_safe = Some(error.to_string());
                }
                _ => return Err(Failure::of(&error)),
            }
        }
        Ok(site)
    }

    fn builder(&self, preset: Preset) -> LoginManagerBuilder<Nobody> {
        // Nothing is sent again.
        let mut builder =
            site::builder(preset, self.keys.clone()).session_refresh(SessionRefresh::Never);
        if let Some(lifetime) = self.options.session_lifetime {
            builder = builder.session_lifetime(lifetime);
        }
        match &self.store {
            Some(store) => store
                .clone()
                .give_to(builder)
                .login_timeouts(self.options.login_timeouts.0),
            None => builder,
        }
    }

    async fn read(&self, cookie: Cookie) -> Result<Report, Failure> {
        let mut found = self.find(cookie.name.as_deref(), &cookie.value).await?;
        let mut name = cookie.name;
        if let (None, Some(whole)) = (&found, &cookie.whole) {
            found = self.find(None, whole).await?;
            if found.is_some() {
                name = None;
            }
        }
        Ok(Report {
            name,
            asked_store: self.store.is_some(),
            not_safe: self.not_safe.clone(),
            found,
        })
    }

    async fn find(
        &self,
        name: Option<&str>,
        value: &[u8],
    ) -> Result<Option<(Preset, CookieReading)>, Failure> {
        if let Some(flask) = &self.flask
            && let Some(reading) = read(flask, None, value).await?
        {
            return Ok(Some((Preset::Flask, reading)));
        }
        if !self.tries_safe {
            return Ok(None);
        }
        let given = name.or(self.options.name.as_deref());
        let names = given.as_ref().map_or(&SAFE[..], std::slice::from_ref);
        for name in names {
            for manager in self.safe(name) {
                if let Some(reading) = read(&manager, Some(name), value).await? {
                    return Ok(Some((Preset::Safe, reading)));
                }
            }
        }
        Ok(None)
    }

    /// The managers of the safe preset which write a cookie of this name. None for what cannot be one.
    fn safe(&self, name: &str) -> impl Iterator<Item = LoginManager<Nobody>> {
        let builder = || self.builder(Preset::Safe).realm(&self.options.realm);
        let of_session = |session: &str| {
            builder()
                .session_cookie(|cookie| cookie.name(session))
                .remember_cookie(|cookie| cookie.name(NO_NAME))
                .build()
        };
        let of_token = builder()
            .session_cookie(|cookie| cookie.name(NO_NAME))
            .remember_cookie(|cookie| cookie.name(name))
            .build();
        let of_values = name.strip_suffix("-values").map(of_session);
        [Some(of_session(name)), of_values, Some(of_token)]
            .into_iter()
            .flatten()
            .filter_map(Result::ok)
    }
}

async fn read(
    manager: &LoginManager<Nobody>,
    name: Option<&str>,
    value: &[u8],
) -> Result<Option<CookieReading>, Failure> {
    let reading = manager.read_cookie(name, value).await;
    reading.map_err(|error| Failure::of(&error))
}
