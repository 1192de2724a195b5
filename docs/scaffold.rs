// What the examples of the guides stand on: a users table that is made up, and two pages. Each example ends with a
// hidden line that includes this file, so that all of them are compiled as they are printed.

use scaffold::*;

#[allow(dead_code, unused_imports)]
mod scaffold {
    pub use axum::response::{Html, IntoResponse, Redirect, Response};
    pub use axum::{Form, Json, Router};
    pub use housekey_axum::*;
    pub use std::time::Duration;

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

    /// The users table: an application asks its database here.
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
        pub async fn authenticate(&self, _name: &str, _password: &str) -> Result<Option<Member>, Error> {
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

    /// A second type of users.
    pub struct Employee {
        pub number: String,
    }

    impl User for Employee {
        fn id(&self) -> String {
            self.number.clone()
        }
    }

    pub struct Staff;

    impl UserLoader<Employee> for Staff {
        async fn load_user(&self, _id: &str) -> Result<Option<Employee>, BoxError> {
            Ok(None)
        }
    }

    pub async fn page() -> &'static str {
        "a page"
    }

    pub async fn form() -> Html<&'static str> {
        Html("<form method=post>…</form>")
    }
}
