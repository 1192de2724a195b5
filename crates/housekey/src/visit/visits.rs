//! Several managers on one request.

use std::sync::Arc;

use super::{OpenVisit, Visit};
use crate::error::{Error, ErrorKind};
use crate::head::Head;
use crate::user::User;

/// The visits of a request: one per manager whose layer the request came through, the innermost first. A door keeps them
/// with the request. Before the first layer there are none.
#[derive(Clone, Debug)]
pub struct Visits {
    visit: Visit,
    outer: Option<Arc<Visits>>,
    /// Whether two of the managers would read each other's cookies.
    collide: bool,
}

impl Visits {
    /// The visits of a request that enters another layer. `None` if its manager has a visit already: a second layer of the
    /// same manager changes nothing, and the existing visit goes on.
    pub fn push(before: Option<&Self>, visit: Visit) -> Option<Self> {
        let others = || before.into_iter().flat_map(Self::iter);
        if others().any(|other| visit.is_to_the_same_manager(other)) {
            return None;
        }
        let collide = before.is_some_and(|before| before.collide)
            || others().any(|other| visit.collides_with(other));
        Some(Self {
            visit,
            outer: before.cloned().map(Arc::new),
            collide,
        })
    }

    /// All of them, the innermost first.
    pub fn iter(&self) -> impl Iterator<Item = &Visit> {
        std::iter::successors(Some(self), |visits| visits.outer.as_deref())
            .map(|visits| &visits.visit)
    }

    /// The visit of the manager for users of this type, opened. `remedy` says in the door's words what to do if there is
    /// none: "add `.layer(manager.layer())` to the router".
    ///
    /// # Errors
    ///
    /// [`ErrorKind::MissingLayer`] if there is none, [`ErrorKind::Setting`] if two managers of this request would accept
    /// each other's logins as their own, and those of [`Visit::open`].
    pub fn of<U: User>(
        visits: Option<&Self>,
        request: &impl Head,
        remedy: &str,
    ) -> Result<OpenVisit, Error> {
        let visits = Self::that_agree(visits)?;
        match visits.and_then(|visits| visits.iter().find(|visit| visit.is_for::<U>())) {
            Some(visit) => visit.open(request),
            None => Err(missing_layer(std::any::type_name::<U>(), remedy)),
        }
    }

    /// The visit of the only manager, opened, for an extractor that does not name a user type. `wanted` is what it extracts,
    /// as a handler calls it: "Session".
    ///
    /// # Errors
    ///
    /// As [`of`](Self::of), and [`ErrorKind::Setting`] if there are several managers: a guess would show one user what
    /// another's manager keeps.
    pub fn only(
        visits: Option<&Self>,
        request: &impl Head,
        wanted: &str,
        remedy: &str,
    ) -> Result<OpenVisit, Error> {
        match Self::that_agree(visits)? {
            Some(visits) if visits.outer.is_some() => Err(several_managers(wanted)),
            Some(visits) => visits.visit.open(request),
            None => Err(missing_layer("…", remedy)),
        }
    }

    fn that_agree(visits: Option<&Self>) -> Result<Option<&Self>, Error> {
        match visits {
            Some(visits) if visits.collide => Err(colliding_cookies()),
            visits => Ok(visits),
        }
    }

    /// While the returned value exists, asking for the current user does not count as use of any login: see
    /// [`Visit::without_use`].
    pub fn without_use(visits: Option<&Self>) -> WithoutUse {
        let visits = visits.into_iter().flat_map(Self::iter);
        WithoutUse {
            before: visits
                .map(|visit| (visit.clone(), visit.without_use(true)))
                .collect(),
        }
    }
}

/// While it exists, asking for the current user does not count as use of a login. Dropping it restores what held before.
#[derive(Debug)]
#[must_use = "asking counts again as soon as this is dropped"]
pub struct WithoutUse {
    before: Vec<(Visit, bool)>,
}

impl Drop for WithoutUse {
    fn drop(&mut self) {
        for (visit, before) in &self.before {
            visit.without_use(*before);
        }
    }
}

fn missing_layer(user: &str, remedy: &str) -> Error {
    Error::new(
        ErrorKind::MissingLayer,
        format!(
            "this route has no login layer for users of the type {user}: {remedy}, with a LoginManager<{user}>"
        ),
    )
}

fn several_managers(wanted: &str) -> Error {
    Error::new(
        ErrorKind::Setting,
        format!(
            "several login managers cover this route, and each keeps its own {wanted}: name the type of its users, \
             for instance {wanted}<Member>"
        ),
    )
}

fn colliding_cookies() -> Error {
    Error::new(
        ErrorKind::Setting,
        "two login managers, for different types of users, use a cookie of the same name or accept each other's \
         signatures, so that a login at one could count at the other: give one of them its own names by \
         session_cookie and remember_cookie, and in the flask preset its own secret key too",
    )
}

#[cfg(test)]
mod tests {
    use std::marker::PhantomData;

    use crate::{BoxError, LoginManager, SecretKeys};

    use super::*;

    struct Of<Kind>(PhantomData<fn() -> Kind>);

    impl<Kind: 'static> User for Of<Kind> {
        fn id(&self) -> String {
            "1".to_owned()
        }
    }

    type Member = Of<u8>;
    type Admin = Of<u16>;

    fn manager<Kind: 'static>(cookie: &str) -> LoginManager<Of<Kind>> {
        let loader = |_: String| async { Ok::<_, BoxError>(None::<Of<Kind>>) };
        LoginManager::new(SecretKeys::generate(), loader)
            .session_cookie(|settings| settings.name(format!("__Host-{cookie}")))
            .remember_cookie(|settings| settings.name(format!("__Host-{cookie}-remember")))
            .build()
            .unwrap()
    }

    /// The visits of a request that came through these layers.
    fn through(visits: &[&Visit]) -> Option<Visits> {
        visits.iter().fold(None, |before, visit| {
            let after = Visits::push(before.as_ref(), (*visit).clone());
            after.or(before)
        })
    }

    #[test]
    fn each_user_type_has_its_manager_and_none_is_guessed() {
        let (request, ()) = http::Request::get("/").body(()).unwrap().into_parts();
        let (members, admins) = (manager::<u8>("a"), manager::<u16>("b"));
        let colliding = manager::<u16>("a");
        let member = &members.visit(&request.uri);
        let again = &members.visit(&request.uri);
        let admin = &admins.visit(&request.uri);
        let other = &colliding.visit(&request.uri);
        let (missing, setting) = (Err(ErrorKind::MissingLayer), Err(ErrorKind::Setting));
        type Found = Result<(), ErrorKind>;
        // The layers, and what is found for members, for administrators, and for an extractor that does not name a type.
        let cases: [(&[&Visit], [Found; 3]); 6] = [
            (&[], [missing, missing, missing]),
            (&[member], [Ok(()), missing, Ok(())]),
            (&[admin], [missing, Ok(()), Ok(())]),
            (&[member, again], [Ok(()), missing, Ok(())]),
            (&[member, admin, again], [Ok(()), Ok(()), setting]),
            (&[member, other], [setting, setting, setting]),
        ];
        for (layers, expected) in cases {
            let visits = through(layers);
            let visits = visits.as_ref();
            let found = [
                Visits::of::<Member>(visits, &request, "add it"),
                Visits::of::<Admin>(visits, &request, "add it"),
                Visits::only(visits, &request, "Session", "add it"),
            ];
            let found = found.map(|found| found.map(drop).map_err(|error| error.kind()));
            assert_eq!(found, expected, "{} layers", layers.len());
        }
        let error = Visits::only(None, &request, "Session", "add the middleware").unwrap_err();
        assert!(error.to_string().contains("add the middleware"), "{error}");
        let both = through(&[member, admin]);
        let error = Visits::only(both.as_ref(), &request, "Session", "").unwrap_err();
        assert!(error.to_string().contains("Session<Member>"), "{error}");
    }

    #[test]
    fn asking_without_use_ends_with_what_held_before() {
        let (members, admins) = (manager::<u8>("c"), manager::<u16>("d"));
        let uri = "/".parse().unwrap();
        let (member, admin) = (members.visit(&uri), admins.visit(&uri));
        admin.without_use(true);
        let visits = through(&[&member, &admin]);
        let held = || {
            let held = [&member, &admin].map(|visit| visit.without_use(true));
            member.without_use(held[0]);
            admin.without_use(held[1]);
            held
        };
        assert_eq!(held(), [false, true]);
        let without_use = Visits::without_use(visits.as_ref());
        assert_eq!(held(), [true, true]);
        drop(without_use);
        assert_eq!(held(), [false, true]);
    }
}
