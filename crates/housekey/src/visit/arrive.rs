//! What a request brings: cookies, a session, its client.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::{self, HeaderValue};

use crate::client::{Client, forwarded_for};
use crate::cookie::{Cookies, Values};
use crate::denial::told;
use crate::head::{Head, text};
use crate::login::state::{AttemptsHere, VisitState, Who};
use crate::origin::is_to_websocket;
use crate::purpose::{is_unseen, says_unseen};
use crate::remember::RememberState;
use crate::session::{Arrival, Flashes, SessionMap};
use crate::signing::timed::time_of;
use crate::visit::shared::Shared;

/// What a request brings if the framework keeps the session, for instance Flask: the session as a value and, if the door
/// read them itself, the remember token and the client. See [`Visit::open_with`](crate::Visit::open_with).
pub struct Incoming {
    session: SessionMap,
    cookie: Option<Box<[u8]>>,
    remember: Option<Option<Vec<u8>>>,
    client: Option<Client>,
}

impl Incoming {
    /// This session: each key with its value as JSON text, tagged as Flask tags it.
    ///
    /// Pass every key of the session, because a login of another user empties it. The rules look at the values of
    /// [`SESSION_KEYS`](crate::door::SESSION_KEYS); for all others the key is enough, with `null` as the value.
    pub fn new(session: impl IntoIterator<Item = (String, String)>) -> Self {
        Self {
            session: SessionMap::elsewhere(session),
            cookie: None,
            remember: None,
            client: None,
        }
    }

    /// The value of the cookie that held the whole session, as Flask's own does. Without it, the session counts as one kept
    /// on the server, which a copy of a cookie cannot turn back.
    ///
    /// It matters if logins have records and a Flask peer made this login, which does not have one yet. This cookie then
    /// finds the record, so that requests at the same time make only one, and a copy of the cookie is worthless once the
    /// login is over. The keeper of the session must verify the signature.
    #[must_use]
    pub fn session_cookie(mut self, value: &[u8]) -> Self {
        self.cookie = Some(value.into());
        self
    }

    /// The value of the remember token's cookie, if any, in place of the request's `Cookie` field. As it came, with quotes
    /// if it had them.
    #[must_use]
    pub fn remember_cookie(mut self, value: Option<&[u8]>) -> Self {
        self.remember = Some(value.map(<[u8]>::to_vec));
        self
    }

    /// The client, in place of what the request's header and the manager's settings say. A user agent that cannot be a
    /// header value counts as missing.
    #[must_use]
    pub fn client(mut self, user_agent: Option<&[u8]>, address: Option<IpAddr>) -> Self {
        self.client = Some(Client {
            user_agent: user_agent
                .filter(|bytes| HeaderValue::from_bytes(bytes).is_ok())
                .map(Arc::from),
            address,
            identity: None,
        });
        self
    }
}

/// Leaves out the session and the token, which hold secrets.
impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming")
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

/// What every visit needs from a request's fields, found in one pass.
pub(crate) struct Brought<'a> {
    /// The cookies of the session, its values, the remember token, and a known browser.
    cookies: Cookies<'a, 4>,
    user_agent: Option<&'a [u8]>,
    is_unseen: bool,
    /// Whether it opens a WebSocket.
    pub(super) opens_websocket: bool,
}

impl<'a> Brought<'a> {
    pub(crate) fn by(request: &'a impl Head, shared: &'a Shared) -> Self {
        let [session, values] = shared.session_cookie.names();
        let method = request.method();
        let mut brought = Self {
            cookies: Cookies::named([
                session,
                values,
                &shared.remember.attributes.name,
                shared.known_name(),
            ]),
            user_agent: None,
            is_unseen: method == "HEAD",
            opens_websocket: method == "CONNECT",
        };
        request.each(|name, value| match name {
            "cookie" => brought.cookies.add(value),
            "user-agent" => brought.user_agent = brought.user_agent.or(Some(value)),
            "upgrade" => brought.opens_websocket |= is_to_websocket(value),
            _ => brought.is_unseen |= says_unseen(name, value),
        });
        brought
    }
}

impl Shared {
    pub(super) fn client(&self, request: &impl Head) -> Client {
        self.client_with(request, request.field(&header::USER_AGENT))
    }

    fn client_with(&self, request: &impl Head, user_agent: Option<&[u8]>) -> Client {
        Client {
            user_agent: user_agent.map(Arc::from),
            address: self.address(request),
            identity: None,
        }
    }

    pub(crate) fn address(&self, request: &impl Head) -> Option<IpAddr> {
        let settings = &self.settings;
        let address = match settings.trusted_proxies {
            0 => None,
            hops => forwarded_for(request, hops),
        };
        address.or_else(|| settings.client_address.as_ref()?(request.parts()))
    }

    fn attempts_here(&self, request: &impl Head, known: &Values<'_>) -> Option<Box<AttemptsHere>> {
        self.policy.attempts.as_ref()?;
        Some(Box::new(AttemptsHere {
            told: told(self.settings.answer_as, request),
            sent: known.as_slice().join(&b';'),
            learnt: None,
            is_news: false,
        }))
    }

    /// The host name that the browser called, if cookies could have been set for a wider domain.
    fn host(&self, request: &impl Head) -> Option<String> {
        if self.session_cookie.main.attributes.is_host_only()
            && self.remember.attributes.is_host_only()
        {
            return None;
        }
        let host = request.field(&header::HOST).and_then(text);
        let host = host.or_else(|| request.authority()?.rsplit('@').next())?;
        Some(host.split(':').next().unwrap_or_default().to_owned())
    }
}

impl VisitState {
    /// The state with the session from the cookies.
    pub(crate) fn read(shared: &Shared, request: &impl Head, brought: Brought<'_>) -> Self {
        let now = shared.now();
        let [sessions, values, remember_tokens, known] = &brought.cookies.values;
        let session = shared.session_cookie.read(sessions, values, now);
        let client = shared.client_with(request, brought.user_agent);
        let unseen = brought.is_unseen;
        let attempts = shared.attempts_here(request, known);
        Self::new(
            shared,
            request,
            now,
            session,
            remember_tokens,
            client,
            unseen,
            attempts,
        )
    }

    /// The state with the session that a door passes.
    pub(super) fn read_with(shared: &Shared, request: &impl Head, incoming: Incoming) -> Self {
        let name = shared.remember.attributes.name.as_str();
        let remember_tokens = match &incoming.remember {
            Some(value) => Values::one(name, value.as_deref().unwrap_or_default()),
            None => {
                let [values] = Values::of(request, [name]);
                values
            }
        };
        let client = incoming.client.unwrap_or_else(|| shared.client(request));
        let now = shared.now();
        let mut arrival = Arrival::default();
        arrival.main.value = incoming
            .cookie
            .filter(|_| shared.session_cookie.main.keeps_value);
        // Without a signing time, the session counts as being as old as possible.
        let signed_at = arrival.main.value.as_deref().and_then(time_of);
        arrival.main.age = Duration::from_secs(now.saturating_sub(signed_at.unwrap_or(0)));
        let session = (incoming.session, arrival);
        let unseen = is_unseen(request);
        let attempts = match shared.known_name() {
            "" => None,
            name => {
                let [known] = Values::of(request, [name]);
                shared.attempts_here(request, &known)
            }
        };
        Self::new(
            shared,
            request,
            now,
            session,
            &remember_tokens,
            client,
            unseen,
            attempts,
        )
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "all that a request brings, from two callers"
    )]
    fn new(
        shared: &Shared,
        request: &impl Head,
        now: u64,
        (session, arrival): (SessionMap, Arrival),
        remember_tokens: &Values<'_>,
        client: Client,
        unseen: bool,
        attempts: Option<Box<AttemptsHere>>,
    ) -> Self {
        Self {
            now,
            client,
            session,
            arrival,
            remember: RememberState::new(remember_tokens),
            live: None,
            reads_only: false,
            flashes: Flashes::default(),
            unseen,
            who: Who::NotAsked,
            generation: 0,
            accessed: false,
            personal: false,
            asked_request: false,
            is_used: false,
            missing_digest: None,
            replaced: false,
            host: shared.host(request),
            sent_ahead: false,
            written: false,
            attempts,
            events: Vec::new(),
            kept_events: Vec::new(),
        }
    }
}
