//! The programs on the two sides, and how they differ on purpose.

use std::fmt;
use std::sync::LazyLock;

use super::Side;

/// A program that can run on one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    /// The Flask twin on Flask-Login.
    FlaskLogin,
    /// The same, on flask_housekey.
    FlaskHousekey,
    /// The Rust twin.
    Rust,
}

/// Which two run, from `TWINS`, for instance `flask_housekey,rust`.
static TWINS: LazyLock<[Program; 2]> = LazyLock::new(|| {
    let text = std::env::var("TWINS").unwrap_or_else(|_| "flask_login,rust".to_owned());
    match &*text {
        "flask_login,rust" => [Program::FlaskLogin, Program::Rust],
        "flask_housekey,rust" => [Program::FlaskHousekey, Program::Rust],
        "flask_login,flask_housekey" => [Program::FlaskLogin, Program::FlaskHousekey],
        _ => panic!(
            "TWINS is {text:?}, and may be flask_login,rust, flask_housekey,rust or flask_login,flask_housekey"
        ),
    }
});

impl Side {
    pub(crate) fn program(self) -> Program {
        TWINS[self as usize]
    }

    pub(crate) fn has(self, habit: Habit) -> bool {
        self.program().has(habit)
    }
}

/// Whether this program runs on one of the sides. Without it, a scenario about it alone has nothing to test.
pub(crate) fn runs(program: Program) -> bool {
    TWINS.contains(&program)
}

/// What some of the programs do on purpose and others do not: `docs/COMPATIBILITY.md` and the README of flask_housekey say
/// why. The scenarios and the model ask here what to expect, so that an outdated entry fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Habit {
    /// It is Python: values have their types, addresses come decoded, flashed messages may be queued twice, and the way
    /// back may be the refresh page.
    IsPython,
    /// A logout, the next user's login and an ended login leave the application's values in the session.
    HandsSessionsOn,
    /// Strong protection ends only the login, and leaves the application's values.
    EndsLoginAlone,
    /// A login without "remember me" leaves the remember token of another user.
    LeavesTokens,
    /// "Remembered" is about the cookie, whatever user it names.
    RemembersAnybody,
    /// A stale session that is not bound to a browser ends under strong protection.
    EndsUnbound,
    /// Session protection also checks visitors without a login.
    ProtectsVisitors,
    /// A closed account's login returns with the account.
    AsksAgain,
    /// A login keeps the duration of an earlier login.
    KeepsDurations,
    /// Refreshing gives every logged-in user a token.
    RemembersEverybody,
    /// It does so even where the current user was not asked for, and in the answer to a login without "remember me".
    RemembersUnasked,
    /// Fallback keys are not accepted for remember tokens.
    ForgetsOldTokens,
    /// A session signed with a fallback key is signed again when it changes, not at once.
    SignsLate,
    /// Every answer varies with the cookie, and none is private.
    VariesAlways,
    /// A token is deleted by its name, domain and path.
    DeletesPlainly,
    /// A login removes the way back that the session holds.
    LoginForgetsNext,
    /// Cookies that the signer or the JSON loader cannot process are a 500, and the first of several cookies counts.
    TrustsCookies,
    /// A value in a signed session that does not match its tag is a 500 where it is read.
    TrustsTags,
    /// Sessions are bound only in the way of Flask-Login 0.6, and clocks may not be ahead.
    KnowsVersion06Only,
    /// A session that is too large is an error of the request that made it so.
    RefusesLargeSessions,
    /// The session holds the time when the login became fresh.
    KeepsFreshAt,
}

impl Program {
    #[rustfmt::skip]
    pub(crate) fn has(self, habit: Habit) -> bool {
        use Habit::*;
        use Program::*;
        let those: &[Self] = match habit {
            IsPython             => &[FlaskLogin, FlaskHousekey],
            HandsSessionsOn      => &[FlaskLogin],
            EndsLoginAlone       => &[FlaskLogin, FlaskHousekey],
            LeavesTokens         => &[FlaskLogin],
            RemembersAnybody     => &[FlaskLogin],
            EndsUnbound          => &[FlaskLogin, FlaskHousekey],
            ProtectsVisitors     => &[FlaskLogin],
            AsksAgain            => &[FlaskLogin],
            KeepsDurations       => &[FlaskLogin],
            RemembersEverybody   => &[FlaskLogin, FlaskHousekey],
            RemembersUnasked     => &[FlaskLogin],
            ForgetsOldTokens     => &[FlaskLogin],
            SignsLate            => &[FlaskLogin],
            VariesAlways         => &[FlaskLogin],
            DeletesPlainly       => &[FlaskLogin],
            LoginForgetsNext     => &[Rust],
            TrustsCookies        => &[FlaskLogin],
            TrustsTags           => &[FlaskLogin, FlaskHousekey],
            KnowsVersion06Only   => &[FlaskLogin],
            RefusesLargeSessions => &[Rust],
            KeepsFreshAt         => &[FlaskHousekey, Rust],
        };
        those.contains(&self)
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FlaskLogin => "the Flask twin on Flask-Login",
            Self::FlaskHousekey => "the Flask twin on flask_housekey",
            Self::Rust => "the Rust twin",
        })
    }
}
