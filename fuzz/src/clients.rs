//! What a browser shows of itself: its user agent, and the address that proxies report. A login is bound to it, and is
//! listed with it.

use std::net::{IpAddr, SocketAddr};
use std::sync::LazyLock;

use futures_lite::future::block_on;
use housekey::records::MemoryLoginStore;
use housekey::{Login, LoginManager};
use http::request::Parts;

use crate::site::{Member, current, flask, member, open, request, safe};

/// Behind one proxy and behind two; bound to the user agent alone, and as Flask-Login binds.
static MANAGERS: LazyLock<[LoginManager<Member>; 2]> = LazyLock::new(|| {
    let safe = safe()
        .trusted_proxies(1)
        .login_store(MemoryLoginStore::new());
    let flask = flask()
        .trusted_proxies(2)
        .login_store(MemoryLoginStore::new());
    [safe.build().unwrap(), flask.build().unwrap()]
});

struct Client<'a> {
    user_agent: Option<&'a [u8]>,
    forwarded: Vec<&'a [u8]>,
}

/// Two clients, an empty line between them: a line with the user agent, `-` for none, and the `X-Forwarded-For` fields.
/// Gives the user agent of the first as the list of logins shows it.
pub fn check(bytes: &[u8]) -> Option<String> {
    let (one, other) = match bytes.windows(2).position(|pair| pair == b"\n\n") {
        Some(end) => (&bytes[..end], &bytes[end + 2..]),
        None => (bytes, bytes),
    };
    let (one, other) = (Client::read(one), Client::read(other));
    let mut shown = None;
    for (hops, manager) in MANAGERS.iter().enumerate() {
        shown = one.logs_in(manager, hops + 1, &other)?;
        block_on(manager.end_logins_of("1")).unwrap();
    }
    shown
}

impl<'a> Client<'a> {
    fn read(bytes: &'a [u8]) -> Self {
        let mut lines = bytes.split(|byte| *byte == b'\n');
        Self {
            user_agent: lines.next().filter(|line| line != b"-"),
            forwarded: lines.collect(),
        }
    }

    fn request(&self, cookie: &[u8]) -> Option<Parts> {
        let user_agent = self
            .user_agent
            .iter()
            .map(|value| (&b"user-agent"[..], *value));
        let forwarded = self
            .forwarded
            .iter()
            .map(|value| (&b"x-forwarded-for"[..], *value));
        let fields = user_agent.chain(forwarded);
        request(b"/members", fields.chain([(&b"cookie"[..], cookie)]))
    }

    /// The entry that many from the end of all lists, if it is an address.
    fn address(&self, hops: usize) -> Option<IpAddr> {
        let all = self.forwarded.join(&b","[..]);
        let entries: Vec<_> = all.split(|byte| *byte == b',').collect();
        let entry = *entries.get(entries.len().checked_sub(hops)?)?;
        let entry = std::str::from_utf8(entry).ok()?.trim();
        let with_port = || Some(entry.parse::<SocketAddr>().ok()?.ip());
        let in_brackets = || entry.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
        entry.parse().ok().or_else(with_port).or_else(in_brackets)
    }

    /// As text, without control characters, of 256 bytes at most.
    fn shown(&self) -> Option<String> {
        let text = String::from_utf8_lossy(self.user_agent?).into_owned();
        let mut shown = String::new();
        for c in text.chars().filter(|c| !c.is_control()) {
            if shown.len() + c.len_utf8() > 256 {
                break;
            }
            shown.push(c);
        }
        Some(shown)
    }

    fn logs_in(
        &self,
        manager: &LoginManager<Member>,
        hops: usize,
        other: &Self,
    ) -> Option<Option<String>> {
        let asked = self.request(b"")?;
        let visit = open(manager, &asked);
        let (login, member) = (Login::new(visit.clone()), member("1"));
        block_on(login.login_user(&member).into_future()).unwrap();
        let cookie = visit.finish().field();

        let is_fresh = |client: &Self| {
            let request = client.request(cookie.as_bytes())?;
            let current = current(&open(manager, &request), &request).expect("it is a login");
            Some(current.fresh)
        };
        assert_eq!(is_fresh(self), Some(true));
        let user_agent = |client: &Self| client.user_agent.unwrap_or_default().to_vec();
        let is_same = match hops {
            1 => user_agent(self) == user_agent(other),
            _ => {
                self.user_agent.is_some() == other.user_agent.is_some()
                    && user_agent(self) == user_agent(other)
                    && self.address(hops) == other.address(hops)
            }
        };
        // Either of Flask-Login's formulas counts, and one writes a user agent as the other spells `b'it'`.
        let is_spelled_alike = hops == 2 && user_agent(other).starts_with(b"b");
        if let Some(fresh) = is_fresh(other) {
            assert!(fresh == is_same || is_spelled_alike, "{fresh}");
        }

        let logins = block_on(manager.logins_of("1")).unwrap();
        let [login] = &*logins else {
            panic!("one login, and {} are listed", logins.len());
        };
        assert_eq!(login.address, self.address(hops));
        assert_eq!(login.user_agent, self.shown());
        Some(login.user_agent.clone())
    }
}
