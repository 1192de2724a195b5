//! `/api/me`: for scripts, which want an answer in JSON and no redirect to a form.

use axum::Json;
use housekey_axum::{CurrentUser, LoginRequired};
use serde::Serialize;

use crate::members::Member;
use crate::moments;

#[derive(Serialize)]
pub(crate) struct Me {
    id: i64,
    username: String,
    created_at: String,
    fresh: bool,
}

pub(crate) async fn me(
    LoginRequired(member): LoginRequired<Member>,
    current_user: CurrentUser<Member>,
) -> Json<Me> {
    Json(Me {
        id: member.id,
        username: member.username.clone(),
        created_at: moments::utc(member.created_at),
        fresh: current_user.is_fresh(),
    })
}
