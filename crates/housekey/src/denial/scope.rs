//! The settings of some of the routes, and how a guard treats a preflight there.

use http::{Response, header};

use super::render::refuse_preflight;
use crate::error::Error;
use crate::head::Head;
use crate::next_url::check_view;
use crate::settings::AnswerAs;

/// Settings for some of the routes, in place of the manager's. What an inner scope does not set, the outer one decides.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    pub(super) login_view: Option<View>,
    pub(super) refresh_view: Option<View>,
    pub(super) answer_as: Option<AnswerAs>,
    lets_preflights_pass: bool,
}

#[derive(Clone, Debug)]
pub(super) enum View {
    At(String),
    /// Nowhere: 401.
    Nowhere,
}

impl Scope {
    /// A scope that sets nothing: everything is as outside.
    pub fn new() -> Self {
        Self::default()
    }

    /// Another login page (`blueprint_login_views`).
    ///
    /// # Panics
    ///
    /// If it is neither a path nor an absolute URL. Scopes are made at start, so the mistake shows at once.
    #[must_use]
    pub fn login_view(mut self, view: &str) -> Self {
        self.login_view =
            Some(View::checked("login_view", view).unwrap_or_else(|error| panic!("{error}")));
        self
    }

    /// [`login_view`](Self::login_view) for a view that is only known once a request arrives.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Setting`](crate::ErrorKind::Setting) if it is neither a path nor an absolute URL.
    pub fn try_login_view(mut self, view: &str) -> Result<Self, Error> {
        self.login_view = Some(View::checked("login_view", view)?);
        Ok(self)
    }

    /// No login page: 401 for everybody.
    #[must_use]
    pub fn no_login_view(mut self) -> Self {
        self.login_view = Some(View::Nowhere);
        self
    }

    /// Another page at which users prove again who they are.
    ///
    /// # Panics
    ///
    /// As [`login_view`](Self::login_view).
    #[must_use]
    pub fn refresh_view(mut self, view: &str) -> Self {
        self.refresh_view =
            Some(View::checked("refresh_view", view).unwrap_or_else(|error| panic!("{error}")));
        self
    }

    /// [`refresh_view`](Self::refresh_view) for a view that is only known once a request arrives.
    ///
    /// # Errors
    ///
    /// As [`try_login_view`](Self::try_login_view).
    pub fn try_refresh_view(mut self, view: &str) -> Result<Self, Error> {
        self.refresh_view = Some(View::checked("refresh_view", view)?);
        Ok(self)
    }

    /// The form of denials, whatever the headers of a request say.
    #[must_use]
    pub fn answer_as(mut self, answer: AnswerAs) -> Self {
        self.answer_as = Some(answer);
        self
    }

    /// Lets CORS preflights pass the guards, for a program below them that answers preflights itself.
    #[must_use]
    pub fn let_preflights_pass(mut self) -> Self {
        self.lets_preflights_pass = true;
        self
    }

    /// What a guard does with this request before it looks for the user.
    pub fn preflight(&self, request: &impl Head) -> Preflight {
        match is_preflight(request) {
            false => Preflight::No,
            true if self.lets_preflights_pass => Preflight::Passes,
            true => Preflight::Refused(Box::new(refuse_preflight())),
        }
    }

    /// Whether nothing is set, so that everything is as outside.
    pub(crate) fn says_nothing(&self) -> bool {
        let Self {
            login_view,
            refresh_view,
            answer_as,
            lets_preflights_pass,
        } = self;
        login_view.is_none()
            && refresh_view.is_none()
            && answer_as.is_none()
            && !lets_preflights_pass
    }

    /// This scope inside another one.
    #[must_use]
    pub fn within(&self, outer: &Self) -> Self {
        Self {
            login_view: self.login_view.clone().or_else(|| outer.login_view.clone()),
            refresh_view: self
                .refresh_view
                .clone()
                .or_else(|| outer.refresh_view.clone()),
            answer_as: self.answer_as.or(outer.answer_as),
            lets_preflights_pass: self.lets_preflights_pass || outer.lets_preflights_pass,
        }
    }
}

impl View {
    fn checked(name: &str, view: &str) -> Result<Self, Error> {
        check_view(name, Some(view))?;
        Ok(Self::At(view.to_owned()))
    }
}

/// Whether a request is a CORS preflight, and what a guard does with it.
#[derive(Debug)]
pub enum Preflight {
    /// Not a preflight: the guard looks for the user.
    No,
    /// It goes on without a login.
    Passes,
    /// The guard answers with this.
    Refused(Box<Response<String>>),
}

/// A preflight carries no cookies by design, and only asks for permission to send another request. No other OPTIONS request is
/// one.
fn is_preflight(request: &impl Head) -> bool {
    request.method() == "OPTIONS"
        && request.has(&header::ORIGIN)
        && request.has(&header::ACCESS_CONTROL_REQUEST_METHOD)
}
