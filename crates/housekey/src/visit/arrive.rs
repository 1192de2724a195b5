//! What the request brings.

use http::header;
use http::request::Parts;

use crate::client::{Client, forwarded_for};
use crate::cookie::Values;
use crate::login::state::{VisitState, Who};
use crate::purpose::is_unseen;
use crate::remember::RememberState;
use crate::session::Flashes;
use crate::visit::shared::Shared;

impl Shared {
    pub(super) fn client(&self, request: &Parts) -> Client {
        let settings = &self.settings;
        let address = match settings.trusted_proxies {
            0 => None,
            hops => forwarded_for(request, hops),
        };
        Client {
            user_agent: request.headers.get(header::USER_AGENT).cloned(),
            address: address.or_else(|| settings.client_address.as_ref()?(request)),
        }
    }

    /// The name that the browser called, where cookies could have been set for more than that.
    fn host(&self, request: &Parts) -> Option<String> {
        if self.session_cookie.main.attributes.is_host_only()
            && self.remember.attributes.is_host_only()
        {
            return None;
        }
        let host = request.headers.get(header::HOST);
        let host = host.and_then(|host| host.to_str().ok());
        let host = host.or_else(|| request.uri.host())?;
        Some(host.split(':').next().unwrap_or_default().to_owned())
    }
}

impl VisitState {
    pub(crate) fn read(shared: &Shared, request: &Parts) -> Self {
        let now = shared.now();
        let [session, values] = shared.session_cookie.names();
        let names = [session, values, &shared.remember.attributes.name];
        let [sessions, values, remember_tokens] = Values::of(&request.headers, names);
        let (session, arrival) = shared.session_cookie.read(&sessions, &values, now);
        Self {
            now,
            client: shared.client(request),
            session,
            arrival,
            remember: RememberState::new(&remember_tokens),
            live: None,
            reads_only: false,
            flashes: Flashes::default(),
            unseen: is_unseen(request),
            who: Who::NotAsked,
            generation: 0,
            accessed: false,
            personal: false,
            asked_request: false,
            is_used: false,
            missing_digest: None,
            replaced: false,
            host: shared.host(request),
            written: false,
            events: Vec::new(),
        }
    }
}
