//! axum with axum-login, on tower-sessions.

use std::path::Path;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum_login::{AuthManagerLayerBuilder, AuthUser, AuthnBackend, login_required};
use tower_sessions::{MemoryStore, SessionManagerLayer, SessionStore};
use tower_sessions_sqlx_store::SqliteStore;

use super::{BoxError, greeting, with_public_pages};
use crate::users::{MIA, Member, Users, pool};

/// The session store of tower-sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sessions {
    Memory,
    Sqlite,
}

impl AuthUser for Member {
    type Id = String;

    fn id(&self) -> String {
        self.id.clone()
    }

    fn session_auth_hash(&self) -> &[u8] {
        &self.stamp
    }
}

impl AuthnBackend for Users {
    type User = Member;
    /// The benchmark checks no passwords.
    type Credentials = ();
    type Error = sqlx::Error;

    async fn authenticate(&self, (): ()) -> Result<Option<Member>, sqlx::Error> {
        self.find(MIA).await
    }

    async fn get_user(&self, id: &String) -> Result<Option<Member>, sqlx::Error> {
        self.find(id).await
    }
}

type AuthSession = axum_login::AuthSession<Users>;

pub(super) async fn site(
    users: Users,
    sessions: Sessions,
    folder: &Path,
) -> Result<Router, BoxError> {
    Ok(match sessions {
        Sessions::Memory => with_sessions(users, MemoryStore::default()),
        Sessions::Sqlite => {
            let store = SqliteStore::new(pool(&folder.join("sessions.db")).await?);
            store.migrate().await?;
            with_sessions(users, store)
        }
    })
}

fn with_sessions(users: Users, store: impl SessionStore + Clone) -> Router {
    let sessions = SessionManagerLayer::new(store);
    let logins = AuthManagerLayerBuilder::new(users, sessions).build();
    let members_only = Router::new()
        .route("/dashboard", get(dashboard))
        .route_layer(login_required!(Users, login_url = "/sign-in"));
    with_public_pages(members_only.route("/sign-in", post(sign_in))).layer(logins)
}

async fn dashboard(session: AuthSession) -> String {
    greeting(&session.user.expect("the layer lets nobody else pass").name)
}

async fn sign_in(mut session: AuthSession) -> StatusCode {
    let Ok(Some(mia)) = session.authenticate(()).await else {
        return StatusCode::INTERNAL_SERVER_ERROR;
    };
    match session.login(&mia).await {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
