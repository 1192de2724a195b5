//! The page renderer. `Page` is an extractor; `current_user` and the flashed messages are simply there in every
//! template it renders.

use std::sync::Arc;

use axum::extract::{FromRequestParts, State};
use axum::http::Uri;
use axum::response::Html;
use housekey_axum::{CurrentUser, Flash};
use minijinja::value::Value;
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, context};

use crate::App;
use crate::assets;
use crate::ended;
use crate::errors::AppError;
use crate::members::Member;
use crate::root::Root;

/// Compiled into the program, so that there is one file to install.
const SOURCES: [(&str, &str); 9] = [
    ("base.html", include_str!("../templates/base.html")),
    ("macros.html", include_str!("../templates/macros.html")),
    ("home.html", include_str!("../templates/home.html")),
    ("sign-up.html", include_str!("../templates/sign-up.html")),
    ("sign-in.html", include_str!("../templates/sign-in.html")),
    (
        "dashboard.html",
        include_str!("../templates/dashboard.html"),
    ),
    ("account.html", include_str!("../templates/account.html")),
    ("logins.html", include_str!("../templates/logins.html")),
    ("error.html", include_str!("../templates/error.html")),
];

/// The templates of a site. In each, `root` is what its addresses begin with: `{{ root }}/sign-in`.
#[derive(Clone)]
pub(crate) struct Templates(Arc<Environment<'static>>);

impl Templates {
    pub(crate) fn new(root: &Root) -> Templates {
        let mut environment = Environment::new();
        // A form that is shown for the first time has no `errors`: `errors.username` is then undefined, not a mistake.
        environment.set_undefined_behavior(UndefinedBehavior::Chainable);
        // The login manager has checked it; to escape its slashes would only make it hard to read.
        environment.add_global("root", Value::from_safe_string(root.as_str().to_owned()));
        let root = root.clone();
        environment.add_function("asset", move |name: &str| match assets::path(name) {
            Some(path) => Ok(Value::from_safe_string(format!("{}{path}", root.as_str()))),
            None => Err(Error::new(
                ErrorKind::InvalidOperation,
                format!("no asset is named {name}"),
            )),
        });
        for (name, source) in SOURCES {
            // A name that ends in .html is what turns escaping on.
            environment
                .add_template(name, source)
                .expect("a test compiles every template");
        }
        Templates(Arc::new(environment))
    }

    /// Renders a template with nothing but these values, for the pages that are made without asking who is there.
    pub(crate) fn render(&self, template: &str, values: Value) -> Result<Html<String>, Error> {
        Ok(Html(self.0.get_template(template)?.render(values)?))
    }
}

/// What a handler needs to answer with a page.
#[derive(FromRequestParts)]
#[from_request(state(App))]
pub(crate) struct Page {
    pub(crate) current_user: CurrentUser<Member>,
    pub(crate) flash: Flash,
    uri: Uri,
    #[from_request(via(State))]
    templates: Templates,
}

impl Page {
    pub(crate) fn render(&self, template: &str, values: Value) -> Result<Html<String>, AppError> {
        let everywhere = context! {
            current_user => self.describe_user(),
            flashes => self.take_flashes()?,
            path => self.uri.path(),
        };
        let html = self
            .templates
            .render(template, context! { ..values, ..everywhere });
        Ok(html?)
    }

    fn describe_user(&self) -> Value {
        let user = &self.current_user;
        let standing = context! {
            is_authenticated => user.is_authenticated(),
            is_fresh => user.is_fresh(),
            is_remembered => user.is_remembered(),
        };
        match user.user() {
            Some(member) => context! {
                id => member.id,
                username => member.username.as_str(),
                ..standing
            },
            None => standing,
        }
    }

    /// Taken when a page is made, not before: a redirect in between loses none.
    fn take_flashes(&self) -> Result<Value, AppError> {
        let flashes = self.flash.take()?.into_iter();
        let flashes =
            flashes.map(|flash| context! { category => flash.category, text => flash.text });
        // A page that is open to everybody says itself what a guard would have flashed.
        let ended = ended::message().filter(|_| !self.current_user.is_authenticated());
        let ended = ended.map(|text| context! { category => "message", text });
        Ok(flashes.chain(ended).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_compiles() {
        let Templates(environment) = Templates::new(&Root::new(""));
        assert_eq!(environment.templates().count(), SOURCES.len());
    }

    #[test]
    fn what_a_visitor_typed_is_escaped() {
        let typed = context! { username => "\"><script>" };
        let templates = Templates::new(&Root::new("/club"));
        let Html(page) = templates.render("sign-in.html", typed).unwrap();
        assert!(!page.contains("<script>"), "{page}");
    }
}
