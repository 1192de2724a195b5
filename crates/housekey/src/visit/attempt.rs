//! Counts attempts to prove an identity, before anything is verified.

use std::fmt;
use std::net::IpAddr;

use super::OpenVisit;
use super::login::Login;
use super::shared::{Shared, Tell};
use crate::attempts::keys::{Account, folded};
use crate::attempts::{AttemptKey, AttemptRules, AttemptStanding, Counted, Store};
use crate::denial::told;
use crate::error::Error;
use crate::event::{AttemptsOf, Event};
use crate::head::Head;
use crate::login::state::AttemptsHere;
use crate::user::User;

/// How many entries one operation deletes.
const BATCH: usize = 1000;

impl<U: User> Login<U> {
    /// Counts an attempt to prove an identity. Call it before a password or a code is verified. The attempt counts as failed
    /// at once, so many at the same moment cannot pass together. If what was typed is right,
    /// [`succeeded`](Attempt::succeeded) forgives it; if it is wrong, there is nothing to do.
    ///
    /// `form` is the thing to be proved, in the application's own words: `password` on the login page, on the page where
    /// people prove themselves again and wherever else the same password is asked for; `code` at a second step. Attempts at
    /// one form do not count at another.
    ///
    /// `name` is what was typed, whether or not there is an account with that name: both are treated alike. Surrounding
    /// white space and upper or lower case make no difference. If your table takes more spellings for one account, pass the
    /// one that it looks up.
    ///
    /// ```
    /// # use housekey::*;
    /// # struct Member { hash: String }
    /// # impl User for Member { fn id(&self) -> String { "1".into() } }
    /// # async fn find(_: &str) -> Option<Member> { None }
    /// async fn sign_in(
    ///     login: &Login<Member>, passwords: &Passwords, name: &str, password: &str,
    /// ) -> Result<bool, Error> {
    ///     let attempt = login.attempt("password", name).await?;
    ///     let found = find(name).await;
    ///     let hash = found.as_ref().map(|member| &*member.hash);
    ///     let is_right = passwords.verify(password, hash).await?;
    ///     let Some(member) = found.filter(|_| is_right) else {
    ///         return Ok(false);
    ///     };
    ///     attempt.succeeded().await?;
    ///     login.login_user(&member).await?;
    ///     Ok(true)
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::TooManyAttempts`](crate::ErrorKind::TooManyAttempts) if it comes too early: a 429 with `Retry-After`, as
    /// a page or as problem+json, as suits the client. For a page of your own, ask the error for
    /// [`retry_after`](Error::retry_after). [`ErrorKind::StoreFailed`](crate::ErrorKind::StoreFailed) if the attempt could
    /// not be counted. [`ErrorKind::Setting`](crate::ErrorKind::Setting) without
    /// [`limit_attempts`](crate::LoginManagerBuilder::limit_attempts).
    pub async fn attempt(&self, form: &str, name: &str) -> Result<Attempt, Error> {
        self.visit().attempt(form, name).await
    }

    /// Forgets the failed attempts of strangers at an account, and counts this browser apart from them from now on. Call it
    /// for a user who has proved in another way that the account is theirs, for instance by a link in a mail, and has set a
    /// new password. It lets in an owner kept waiting by the guesses of others.
    ///
    /// [`LoginManager::forgive_attempts`](crate::LoginManager::forgive_attempts) is for administrators.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StoreFailed`](crate::ErrorKind::StoreFailed), [`ErrorKind::Setting`](crate::ErrorKind::Setting) as
    /// [`attempt`](Self::attempt); [`ErrorKind::TooLate`](crate::ErrorKind::TooLate) after the response.
    pub async fn forgive_attempts(&self, form: &str, name: &str) -> Result<(), Error> {
        let shared = self.visit().visit().shared();
        shared.forgive_attempts(form, name, self.visit()).await?;
        let name = folded(name);
        self.visit().make_known(Account { form, name: &name })
    }
}

/// An attempt that may go on. It counts as failed until it has [succeeded](Self::succeeded).
#[must_use = "an attempt counts as failed until succeeded() is awaited"]
pub struct Attempt {
    visit: OpenVisit,
    form: String,
    name: String,
    /// The keys whose attempts are forgiven if this one succeeds.
    forgiven: Vec<AttemptKey>,
    /// For the address, only this attempt is taken back.
    address: Option<(AttemptKey, AttemptStanding)>,
    is_over: bool,
}

impl Attempt {
    /// What was typed is right: forgives the attempt and the earlier failures of the account or of this browser. For the
    /// address it forgives this attempt alone. Otherwise an attacker could guess at many accounts and log in to their own in
    /// between.
    ///
    /// From now on, this browser is counted apart from strangers at this account. A cookie goes out with the response, and a
    /// logout leaves it in place.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StoreFailed`](crate::ErrorKind::StoreFailed): the attempt still counts as failed.
    /// [`ErrorKind::TooLate`](crate::ErrorKind::TooLate) after the response.
    pub async fn succeeded(mut self) -> Result<(), Error> {
        let shared = self.visit.visit().shared();
        let (rules, store) = shared.attempts()?;
        let now = self.visit.with(|view| view.now);
        for key in &self.forgiven {
            store.forgive(key).await?;
        }
        if let Some((key, standing)) = &self.address {
            let schedule = &rules.schedules.address;
            store.take_back(key, schedule, *standing, now).await?;
        }
        self.visit.make_known(Account {
            form: &self.form,
            name: &self.name,
        })?;
        self.is_over = true;
        self.visit.deliver(&Event::AttemptsForgiven {
            form: self.form.clone(),
        });
        Ok(())
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        // If a hook panicked during another panic, the process would end.
        if !self.is_over && !std::thread::panicking() {
            self.visit.deliver(&Event::AttemptFailed {
                form: std::mem::take(&mut self.form),
            });
        }
    }
}

/// Leaves out the name.
impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt")
            .field("form", &self.form)
            .finish_non_exhaustive()
    }
}

impl OpenVisit {
    /// Answers refused attempts as suits the client of this request: for doors that open the visit with a head that lacks
    /// some fields.
    pub fn answer_attempts_to(&self, request: &impl Head) {
        self.with(|view| {
            let answer = view.policy.settings.answer_as;
            if let Some(here) = &mut view.state.attempts {
                here.told = told(answer, request);
            }
        });
    }

    /// Counts by what the browser knows, or else by the address and then by the account. An attempt refused for its address
    /// does not make others wait at the account.
    async fn attempt(&self, form: &str, name: &str) -> Result<Attempt, Error> {
        let (rules, store) = self.visit().shared().attempts()?;
        let name = folded(name);
        let account = Account { form, name: &name };
        let (now, address) = self.with(|view| (view.now, view.client.address));
        let mut counting = Counting {
            visit: self,
            rules,
            store,
            now,
            until: u64::MAX,
            forgiven: Vec::new(),
        };
        let address = match counting.known(account).await? {
            true => None,
            false => counting.stranger(account, address).await?,
        };
        let forgiven = counting.forgiven;
        Ok(Attempt {
            visit: self.clone(),
            form: form.to_owned(),
            name,
            forgiven,
            address,
            is_over: false,
        })
    }

    /// Makes the browser known at an account, by a new random value.
    fn make_known(&self, account: Account<'_>) -> Result<(), Error> {
        let mut number = [0; 16];
        getrandom::fill(&mut number).expect("the operating system gives random bytes");
        self.change(|view| {
            let now = view.now;
            let (policy, state) = (view.policy, &mut *view.state);
            if let (Some(rules), Some(here)) = (&policy.attempts, &mut state.attempts) {
                let known = here.known(rules, now);
                here.learnt = Some(rules.known.learn(&known, account, number));
                here.is_news = true;
            }
            Ok(())
        })
    }
}

/// One attempt while it is being counted.
struct Counting<'a> {
    visit: &'a OpenVisit,
    rules: &'a AttemptRules,
    store: &'a Store,
    now: u64,
    /// When it may come at the earliest, by the key that refused it.
    until: u64,
    forgiven: Vec<AttemptKey>,
}

impl Counting<'_> {
    /// Whether the browser is known at the account and may go on. A known browser with too many failures counts as a
    /// stranger, and so do all known browsers with too many failures together: each right password makes another one known.
    async fn known(&mut self, account: Account<'_>) -> Result<bool, Error> {
        let numbers = self.visit.with(|view| {
            let here = view.attempts.as_ref()?;
            let known = here.known(self.rules, view.now);
            Some(self.rules.known.numbers(&known, account))
        });
        for number in numbers.unwrap_or_default() {
            let key = self.rules.keys.of_browser(account, &number);
            self.forgiven.push(key);
            let schedule = &self.rules.schedules.browser;
            let standing = match self.store.count(&key, schedule, self.now).await? {
                Counted::Allowed(standing) => standing,
                Counted::Wait { until } => {
                    self.until = self.until.min(until);
                    continue;
                }
            };
            let together = self.rules.keys.of_known_browsers(account);
            self.forgiven.push(together);
            let of_all = &self.rules.schedules.known_browsers;
            match self.store.count(&together, of_all, self.now).await? {
                Counted::Allowed(_) => return Ok(true),
                Counted::Wait { until } => {
                    // The browser's own attempt was not used.
                    let (store, now) = (self.store, self.now);
                    store.take_back(&key, schedule, standing, now).await?;
                    self.until = self.until.min(until);
                    return Ok(false);
                }
            }
        }
        Ok(false)
    }

    async fn stranger(
        &mut self,
        account: Account<'_>,
        address: Option<IpAddr>,
    ) -> Result<Option<(AttemptKey, AttemptStanding)>, Error> {
        let Self { rules, store, .. } = self;
        let mut counted = None;
        if let Some(address) = address.filter(|_| rules.by_address) {
            let key = rules.keys.of_address(account.form, address);
            let schedule = &rules.schedules.address;
            match store.count(&key, schedule, self.now).await? {
                Counted::Allowed(standing) => counted = Some((key, standing)),
                Counted::Wait { until } => {
                    return Err(self.refuse(account, AttemptsOf::Address, until));
                }
            }
        }
        let key = rules.keys.of_account(account);
        let schedule = &rules.schedules.account;
        match store.count(&key, schedule, self.now).await? {
            Counted::Allowed(_) => self.forgiven.push(key),
            Counted::Wait { until } => {
                return Err(self.refuse(account, AttemptsOf::Account, until));
            }
        }
        Ok(counted)
    }

    fn refuse(&self, account: Account<'_>, of: AttemptsOf, until: u64) -> Error {
        let form = account.form.to_owned();
        self.visit.deliver(&Event::AttemptRefused { form, of });
        let told = self
            .visit
            .with(|view| view.attempts.as_ref().map(|here| here.told));
        let seconds = until.min(self.until).saturating_sub(self.now);
        match told {
            Some(told) => Error::too_many_attempts(seconds, told),
            None => not_limited(),
        }
    }
}

impl AttemptsHere {
    fn known(&self, rules: &AttemptRules, now: u64) -> crate::attempts::known::Known {
        match &self.learnt {
            Some(learnt) => learnt.clone(),
            None => rules.known.read(&self.sent, now),
        }
    }
}

impl Shared {
    fn attempts(&self) -> Result<(&AttemptRules, &Store), Error> {
        let rules = self.policy.attempts.as_ref();
        rules.zip(self.attempts.as_ref()).ok_or_else(not_limited)
    }

    /// Forgets the attempts at an account, of strangers and of all known browsers together.
    pub(crate) async fn forgive_attempts(
        &self,
        form: &str,
        name: &str,
        teller: &dyn Tell,
    ) -> Result<(), Error> {
        let (rules, store) = self.attempts()?;
        let name = folded(name);
        let account = Account { form, name: &name };
        store.forgive(&rules.keys.of_account(account)).await?;
        let together = rules.keys.of_known_browsers(account);
        store.forgive(&together).await?;
        teller.tell(&Event::AttemptsForgiven {
            form: form.to_owned(),
        });
        Ok(())
    }

    /// Deletes what is kept of forgotten attempts.
    pub(crate) async fn delete_expired_attempts(&self) -> Result<(), Error> {
        match &self.attempts {
            Some(store) => store.delete_expired(self.now(), BATCH).await,
            None => Ok(()),
        }
    }

    pub(crate) async fn delete_expired_logins(&self) -> Result<usize, Error> {
        self.records()?.delete_expired(self.now()).await
    }
}

fn not_limited() -> Error {
    Error::setting(
        "limit_attempts: attempts are not limited, since the login manager was not told where to count them; call \
         limit_attempts(Attempts::new(store))",
    )
}
