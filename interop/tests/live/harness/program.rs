//! What runs at the two sides, and what the programs do differently on purpose.

use std::fmt;
use std::sync::LazyLock;

use super::Side;

/// A program that can run at a side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    /// The Flask twin on Flask-Login.
    FlaskLogin,
    /// The same on flask_housekey.
    FlaskHousekey,
    /// The Rust twin.
    Rust,
}

/// Which two there are: `TWINS` says it, for instance `flask_housekey,rust`.
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

/// Whether this program runs at one of the sides. A scenario that is about one alone has nothing to say without it.
pub(crate) fn runs(program: Program) -> bool {
    TWINS.contains(&program)
}

/// What some of the programs do and others do not, on purpose: `docs/COMPATIBILITY.md` and the README of flask_housekey say
/// why. The scenarios and the model ask here what to expect, so that what is no longer so fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Habit {
    /// It is Python: values have their types, addresses come decoded, flashed messages may wait twice, and the way back may be
    /// the refresh page.
    IsPython,
    /// A logout, the next user's login and a login that has ended leave the application's values in the session.
    HandsSessionsOn,
    /// Strong protection ends the login alone, and leaves the application's values.
    EndsLoginAlone,
    /// A login without "remember me" leaves the token of whoever was remembered.
    LeavesTokens,
    /// "Remembered" is about the cookie, whoever it names.
    RemembersAnybody,
    /// A stale session that is bound to no browser ends under strong protection.
    EndsUnbound,
    /// Session protection looks at visitors without a login too.
    ProtectsVisitors,
    /// A closed account's login is back when the account is.
    AsksAgain,
    /// A login keeps the duration that an earlier one chose.
    KeepsDurations,
    /// Refreshing gives a token to everybody who is logged in.
    RemembersEverybody,
    /// It does so where nobody asked who is there, and in the answer to a login that was not to be remembered.
    RemembersUnasked,
    /// Fallback keys do not count for remember tokens.
    ForgetsOldTokens,
    /// A session signed with a fallback key is signed again when it changes, and not at once.
    SignsLate,
    /// Every answer varies with the cookie, and none is private.
    VariesAlways,
    /// A token is deleted by its name, domain and path.
    DeletesPlainly,
    /// A login removes the way back that the session keeps.
    LoginForgetsNext,
    /// Cookies that the signer or the loader of JSON cannot digest are a 500, and the first of several cookies counts.
    TrustsCookies,
    /// A value in a signed session that is not what its tag says is a 500 where somebody looks at it.
    TrustsTags,
    /// Sessions are bound in the way of Flask-Login 0.6 alone, and clocks are never ahead.
    KnowsVersion06Only,
    /// A session that is too large is an error of the request that made it so.
    RefusesLargeSessions,
    /// When the login became fresh is kept in the session.
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
