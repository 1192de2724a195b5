//! A sample users table, and two pages. Your program has its own.

use housekey_axum::{BoxError, Error, User, UserLoader};

#[derive(Clone, Default)]
pub struct Member {
    pub id: i64,
    pub username: String,
    pub password_hash: String,
    pub auth_stamp: Vec<u8>,
    pub is_admin: bool,
    pub suspended: bool,
}

impl User for Member {
    fn id(&self) -> String {
        self.id.to_string()
    }

    fn is_active(&self) -> bool {
        !self.suspended
    }

    fn session_auth_hash(&self) -> Option<Vec<u8>> {
        Some(self.auth_stamp.clone())
    }
}

/// Asks your database. This one finds nobody.
#[derive(Clone)]
pub struct Members;

impl Members {
    pub async fn find(&self, _id: &str) -> Result<Option<Member>, Error> {
        Ok(None)
    }

    pub async fn find_by_name(&self, _name: &str) -> Result<Option<Member>, Error> {
        Ok(None)
    }

    pub async fn find_by_api_key(&self, _key: &str) -> Result<Option<Member>, Error> {
        Ok(None)
    }

    pub async fn authenticate(
        &self,
        _name: &str,
        _password: &str,
    ) -> Result<Option<Member>, Error> {
        Ok(None)
    }

    pub async fn has_password(&self, _member: &Member, _password: &str) -> Result<bool, Error> {
        Ok(false)
    }

    pub async fn store_hash(&self, _id: i64, _password_hash: &str) -> Result<(), Error> {
        Ok(())
    }

    pub async fn change_password(&self, member: &Member, _hash: String) -> Result<Member, Error> {
        Ok(member.clone())
    }
}

impl UserLoader<Member> for Members {
    async fn load_user(&self, id: &str) -> Result<Option<Member>, BoxError> {
        Ok(self.find(id).await?)
    }
}

pub async fn page() -> &'static str {
    "a page"
}

pub async fn form() -> &'static str {
    "a page with a form"
}
