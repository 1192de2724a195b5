//! A browser's cookie jar, by the rules of RFC 6265bis.

use std::time::{Duration, SystemTime};

/// The cookies that a browser keeps for one site.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Jar(Vec<Cookie>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Cookie {
    name: String,
    value: String,
    domain: Option<String>,
    path: String,
    partitioned: bool,
    expires: Option<u64>,
}

impl Jar {
    /// The value of a cookie of this name.
    pub fn value(&self, name: &str) -> Option<&str> {
        let cookie = self.0.iter().find(|cookie| cookie.name == name)?;
        Some(&cookie.value)
    }

    /// The names of all cookies.
    pub fn names(&self) -> Vec<&str> {
        self.0.iter().map(|cookie| cookie.name.as_str()).collect()
    }

    /// Adds a cookie as if the site had set it for this session, with the path `/`.
    pub fn put(&mut self, name: &str, value: &str) {
        self.remove(name);
        self.0.push(Cookie {
            name: name.to_owned(),
            value: value.to_owned(),
            domain: None,
            path: "/".to_owned(),
            partitioned: false,
            expires: None,
        });
    }

    /// Removes the cookies of this name.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|cookie| cookie.name != name);
    }

    /// Cookies without an expiry end with the browser.
    pub fn end_session(&mut self) {
        self.0.retain(|cookie| cookie.expires.is_some());
    }

    /// The `Cookie` header of a request for this path.
    pub fn header(&self, path: &str, now: u64) -> String {
        let matches = |cookie: &&Cookie| {
            let below = path.strip_prefix(cookie.path.trim_end_matches('/'));
            below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                && cookie.expires.is_none_or(|expires| now < expires)
        };
        let pairs: Vec<_> = self
            .0
            .iter()
            .filter(matches)
            .map(|cookie| format!("{}={}", cookie.name, cookie.value))
            .collect();
        pairs.join("; ")
    }

    /// Handles a `Set-Cookie` as a browser does: it silently drops what breaks a rule, and replaces or deletes only a
    /// cookie of the same name, domain, path and partition.
    pub fn keep(&mut self, header: &str, now: u64) {
        let (pair, attributes) = header.split_once(';').unwrap_or((header, ""));
        let Some((name, value)) = pair.split_once('=') else {
            return;
        };
        let attributes: Vec<_> = attributes
            .split(';')
            .map(|attribute| {
                let attribute = attribute.trim();
                attribute.split_once('=').unwrap_or((attribute, ""))
            })
            .collect();
        let attribute = |name: &str| {
            let found = attributes.iter().find(|(found, _)| *found == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let domain = attribute("Domain");
        let path = attribute("Path").unwrap_or_else(|| "/".to_owned());
        let secure = attribute("Secure").is_some();
        let partitioned = attribute("Partitioned").is_some();
        let refused = name.starts_with("__Host-") && (!secure || domain.is_some() || path != "/")
            || name.starts_with("__Secure-") && !secure
            || attribute("SameSite").as_deref() == Some("None") && !secure
            || partitioned && !secure
            || name.len() + value.len() > 4096;
        if refused {
            return;
        }
        let expires = match attribute("Max-Age") {
            Some(seconds) => Some(now.saturating_add(seconds.parse().unwrap_or(0))),
            None => attribute("Expires")
                .and_then(|text| httpdate::parse_http_date(&text).ok())
                .map(|time| {
                    let since = time.duration_since(SystemTime::UNIX_EPOCH);
                    since.unwrap_or(Duration::ZERO).as_secs()
                }),
        };
        let new = Cookie {
            name: name.to_owned(),
            value: value.to_owned(),
            domain,
            path,
            partitioned,
            expires,
        };
        self.0.retain(|cookie| !cookie.is_replaced_by(&new));
        if expires.is_none_or(|expires| now < expires) {
            self.0.push(new);
        }
    }
}

impl Cookie {
    fn is_replaced_by(&self, new: &Self) -> bool {
        self.name == new.name
            && self.domain == new.domain
            && self.path == new.path
            && self.partitioned == new.partitioned
    }
}
