//! `housekey cookie read`: finds which of the site's cookies a value is, and shows its contents.

mod input;
mod report;

use std::io::{IsTerminal as _, stdin};

use housekey::{
    CookieKind, CookieReading, CookieVerdict, ErrorKind, LoginManager, LoginManagerBuilder,
    Rejection, RememberFormat, SecretKeys, SessionRefresh,
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

/// A name that none of the wanted cookies has.
const NO_NAME: &str = "housekey-none";

pub(crate) fn run(CookieCommand::Read(options): CookieCommand) -> Result<i32, Failure> {
    if !options.cookies.is_empty() {
        return Err(Failure::Usage(
            "cookies come from standard input, for instance: housekey cookie read < FILE. All users of the machine can see what \
             stands in a command, and the shell keeps it: end that login"
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
    // A browser sends other cookies too, which are not an error.
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

/// What is known of the site.
struct Site<'a> {
    options: &'a ReadOptions,
    keys: SecretKeys,
    store: Option<Store>,
    presets: Vec<Preset>,
    /// Why the safe preset is not tried.
    not_safe: Option<String>,
}

/// A login manager that may have written a cookie, with the name that it would use.
struct Try {
    preset: Preset,
    manager: LoginManager<Nobody>,
    name: Option<String>,
}

impl<'a> Site<'a> {
    fn new(
        options: &'a ReadOptions,
        keys: SecretKeys,
        store: Option<Store>,
    ) -> Result<Self, Failure> {
        if options.salt.is_some() && options.preset == Some(Preset::Safe) {
            return Err(Failure::Usage("--salt is for the flask preset".to_owned()));
        }
        let mut site = Self {
            options,
            keys,
            store,
            presets: Vec::new(),
            not_safe: None,
        };
        for preset in [Preset::Flask, Preset::Safe] {
            if options.preset.is_some_and(|wanted| wanted != preset) {
                continue;
            }
            match site.builder(preset, None).build() {
                Ok(_) => site.presets.push(preset),
                // A site cannot have such a key there.
                Err(error) if error.kind() == ErrorKind::SecretKey && options.preset.is_none() => {
                    site.not_safe = Some(error.to_string());
                }
                Err(error) => return Err(Failure::of(&error)),
            }
        }
        Ok(site)
    }

    fn builder(
        &self,
        preset: Preset,
        format: Option<RememberFormat>,
    ) -> LoginManagerBuilder<Nobody> {
        // Nothing is sent.
        let mut builder =
            site::builder(preset, self.keys.clone()).session_refresh(SessionRefresh::Never);
        // The flask preset's cookies do not contain a realm, so there it concerns the records.
        if preset == Preset::Safe || self.store.is_some() {
            builder = builder.realm(&self.options.realm);
        }
        if let (Preset::Flask, Some(salt)) = (preset, &self.options.salt) {
            builder = builder.session_salt(salt);
        }
        if let Some(lifetime) = self.options.session_lifetime {
            builder = builder.session_lifetime(lifetime);
        }
        if let Some(format) = format {
            builder = builder.remember_format(format);
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
        let Some(found) = self.find_by(name, value, None).await? else {
            return Ok(None);
        };
        // A site that issues such tokens reads them, if there is a setting for it.
        if let CookieKind::RememberToken(format) = found.1.kind
            && found.1.verdict == CookieVerdict::Rejected(Rejection::BadPayload)
            && let Some(again) = self.find_by(name, value, Some(format)).await?
        {
            return Ok(Some(again));
        }
        Ok(Some(found))
    }

    async fn find_by(
        &self,
        name: Option<&str>,
        value: &[u8],
        format: Option<RememberFormat>,
    ) -> Result<Option<(Preset, CookieReading)>, Failure> {
        for Try {
            preset,
            manager,
            name,
        } in self.tries(name.or(self.options.name.as_deref()), format)
        {
            let reading = manager.read_cookie(name.as_deref(), value).await;
            if let Some(reading) = reading.map_err(|error| Failure::of(&error))? {
                return Ok(Some((preset, reading)));
            }
        }
        Ok(None)
    }

    /// The managers that may have written a cookie of this name, or of one of the presets' names. Empty for an impossible
    /// name.
    fn tries(&self, name: Option<&str>, format: Option<RememberFormat>) -> Vec<Try> {
        let mut tries = Vec::new();
        for preset in &self.presets {
            let mut add = |session: &str, token: &str, name: Option<&str>| {
                let builder = self.builder(*preset, format);
                let builder = builder
                    .session_cookie(|cookie| cookie.name(session).secure())
                    .remember_cookie(|cookie| cookie.name(token).secure());
                if let Ok(manager) = builder.build() {
                    let name = name.map(str::to_owned);
                    tries.push(Try {
                        preset: *preset,
                        manager,
                        name,
                    });
                }
            };
            let names = name.as_ref().map_or(&SAFE[..], std::slice::from_ref);
            match preset {
                // Flask's own cookies are signed without a name, and housekey's tokens with theirs.
                Preset::Flask => {
                    for token in names.iter().chain([&"remember_token"]) {
                        add(NO_NAME, token, None);
                    }
                }
                Preset::Safe => {
                    for name in names {
                        add(name, NO_NAME, Some(name));
                        add(NO_NAME, name, Some(name));
                        if let Some(session) = name.strip_suffix("-values") {
                            add(session, NO_NAME, Some(name));
                        }
                    }
                }
            }
        }
        tries
    }
}
