//! axum with axum_session_auth, on axum_session, whose sessions live in memory. Its users are cached, as by default.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum_session::{SessionConfig, SessionLayer, SessionNullPool, SessionStore};
use axum_session_auth::{AuthConfig, AuthSessionLayer, Authentication};

use super::{BoxError, greeting, with_public_pages};
use crate::users::{MIA, Member, Users};

/// A user, or a visitor.
#[derive(Clone, Debug)]
struct Person(Option<Arc<Member>>);

#[async_trait::async_trait]
impl Authentication<Person, String, Users> for Person {
    async fn load_user(id: String, users: Option<&Users>) -> Result<Person, anyhow::Error> {
        let Some(users) = users else {
            return Ok(Person(None));
        };
        let member = users.find(&id).await?;
        Ok(Person(member.map(Arc::new)))
    }

    fn is_authenticated(&self) -> bool {
        self.0.is_some()
    }

    fn is_active(&self) -> bool {
        self.0.is_some()
    }

    fn is_anonymous(&self) -> bool {
        self.0.is_none()
    }
}

type AuthSession = axum_session_auth::AuthSession<Person, String, SessionNullPool, Users>;
type AuthLayer = AuthSessionLayer<Person, String, SessionNullPool, Users>;

pub(super) async fn site(users: Users) -> Result<Router, BoxError> {
    let sessions = SessionStore::<SessionNullPool>::new(None, SessionConfig::default()).await?;
    let logins = AuthLayer::new(Some(users)).with_config(AuthConfig::default());
    let own = Router::new()
        .route("/dashboard", get(dashboard))
        .route("/sign-in", post(sign_in));
    Ok(with_public_pages(own)
        .layer(logins)
        .layer(SessionLayer::new(sessions)))
}

async fn dashboard(session: AuthSession) -> Response {
    match session
        .current_user
        .as_ref()
        .and_then(|person| person.0.as_ref())
    {
        Some(member) => greeting(&member.name).into_response(),
        None => Redirect::to("/sign-in?next=%2Fdashboard").into_response(),
    }
}

async fn sign_in(session: AuthSession) -> StatusCode {
    session.login_user(MIA.to_owned());
    StatusCode::NO_CONTENT
}
