//! Reads the `Cookie` header and writes `Set-Cookie`: on bytes, by RFC 6265bis.
//!
//! Reading trims only spaces and tabs, compares names byte for byte and decodes nothing. So another spelling of a name
//! (`%5F%5FHost-id`, a Unicode space in front) does not pass for a protected one, and a broken pair does not affect the
//! others.

use std::fmt::{self, Write as _};
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use http::header::{COOKIE, HeaderValue};

use crate::error::Error;
use crate::head::Head;

/// Browsers send no longer cookie, name and value together, so no longer one is read or written.
pub(crate) const LONGEST_COOKIE: usize = 4096;

/// RFC 6265bis caps a cookie's life at 400 days.
pub(crate) const LONGEST_LIFE: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// Browsers drop an attribute whose value is longer.
const LONGEST_ATTRIBUTE: usize = 1024;

/// A longer name leaves no room for the cookie's contents.
const LONGEST_NAME: usize = 256;

/// Name prefixes, in upper or lower case, for which browsers require more. All of them require Secure.
const PREFIXES: [Prefix; 4] = [
    Prefix::new("__host-http-", true, true),
    Prefix::new("__host-", true, false),
    Prefix::new("__http-", false, true),
    Prefix::new("__secure-", false, false),
];

#[derive(Clone, Copy)]
struct Prefix {
    text: &'static str,
    /// No Domain, and the path `/`.
    this_host: bool,
    /// HttpOnly.
    not_for_scripts: bool,
}

impl Prefix {
    const fn new(text: &'static str, this_host: bool, not_for_scripts: bool) -> Self {
        Self {
            text,
            this_host,
            not_for_scripts,
        }
    }

    fn of(name: &str) -> Option<Self> {
        let begins = |prefix: &Self| {
            name.get(..prefix.text.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(prefix.text))
        };
        PREFIXES.into_iter().find(begins)
    }
}

/// A cookie's name without the prefixes that browsers accept over HTTPS only.
pub(crate) fn without_prefixes(mut name: &str) -> &str {
    while let Some(prefix) = Prefix::of(name) {
        name = &name[prefix.text.len()..];
    }
    name
}

/// How many different values of one cookie are considered.
const MOST_VALUES: usize = 4;

/// How many pairs are looked at, over all `Cookie` fields.
const MOST_PAIRS: usize = 1000;

/// When a browser sends a cookie with requests that another site caused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// Never, not even when the user follows a link to this site.
    Strict,
    /// When the user follows a link to this site, but not with forms or images of other sites.
    Lax,
    /// Always; needs Secure.
    None,
}

impl SameSite {
    fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "Strict",
            Self::Lax => "Lax",
            Self::None => "None",
        }
    }
}

impl FromStr for SameSite {
    type Err = Error;

    /// Reads `strict`, `lax` or `none` in upper or lower case, as in Flask's configuration.
    fn from_str(text: &str) -> Result<Self, Error> {
        match text.to_ascii_lowercase().as_str() {
            "strict" => Ok(Self::Strict),
            "lax" => Ok(Self::Lax),
            "none" => Ok(Self::None),
            _ => Err(Error::setting(format!(
                "SameSite is {text:?} and must be Strict, Lax or None"
            ))),
        }
    }
}

/// The distinct values that the request carries for one cookie name, in order, at most four.
#[derive(Debug)]
pub(crate) struct Values<'a> {
    values: [&'a [u8]; MOST_VALUES],
    len: usize,
    /// Whether there were more.
    crowded: bool,
}

impl<'a> Values<'a> {
    /// The values of each of these cookies.
    pub(crate) fn of<const N: usize>(request: &'a impl Head, names: [&'a str; N]) -> [Self; N] {
        let mut cookies = Cookies::named(names);
        request.fields(&COOKIE).for_each(|field| cookies.add(field));
        cookies.values
    }

    /// One value that a door has read itself.
    pub(crate) fn one(name: &str, value: &'a [u8]) -> Self {
        let mut values = Self::NONE;
        if name.len() + value.len() <= LONGEST_COOKIE {
            values.add(value);
        }
        values
    }

    const NONE: Self = Self {
        values: [&[]; MOST_VALUES],
        len: 0,
        crowded: false,
    };

    fn add(&mut self, value: &'a [u8]) {
        let is_new = !value.is_empty() && !self.as_slice().contains(&value);
        if is_new && self.len < MOST_VALUES {
            self.values[self.len] = value;
            self.len += 1;
        } else {
            self.crowded |= is_new;
        }
    }

    /// Whether there were more values than are considered. An attacker who can set cookies can crowd out the browser's own
    /// cookie this way, so that only planted ones are looked at.
    pub(crate) fn is_crowded(&self) -> bool {
        self.crowded
    }

    pub(crate) fn as_slice(&self) -> &[&'a [u8]] {
        &self.values[..self.len]
    }
}

/// The cookies of these names, collected from one `Cookie` field after another. Empty values and ones that browsers would
/// not send count as absent.
pub(crate) struct Cookies<'a, const N: usize> {
    names: [&'a str; N],
    /// The values of the first name, then of the second, and so on.
    pub(crate) values: [Values<'a>; N],
    /// How many pairs have been looked at.
    pairs: usize,
}

impl<'a, const N: usize> Cookies<'a, N> {
    pub(crate) fn named(names: [&'a str; N]) -> Self {
        Self {
            names,
            values: [const { Values::NONE }; N],
            pairs: 0,
        }
    }

    /// Adds the pairs of one more field.
    pub(crate) fn add(&mut self, field: &'a [u8]) {
        for pair in split_at_semicolons(field) {
            if self.pairs == MOST_PAIRS {
                return;
            }
            self.pairs += 1;
            let Some((name, value)) = name_and_value(pair) else {
                continue;
            };
            // Two of them may be the same.
            for (known, values) in self.names.iter().zip(&mut self.values) {
                if known.as_bytes() == name && name.len() + value.len() <= LONGEST_COOKIE {
                    values.add(value);
                }
            }
        }
    }
}

/// The valid values among several under one name.
pub(crate) struct Several<'a, T> {
    pub(crate) valid: &'a [T],
    /// Whether more values came than were looked at.
    pub(crate) is_crowded: bool,
    /// Whether no neighbouring host can plant a cookie of this name.
    pub(crate) is_host_only: bool,
}

impl<T> Several<'_, T> {
    /// Which value counts: the newest of one user. Where a neighbouring host can plant cookies, none counts unless all
    /// belong to that user; where it cannot, a login counts before an anonymous visitor's value.
    pub(crate) fn choose<'v, U: PartialEq, N: Ord>(
        &'v self,
        user: impl Fn(&'v T) -> Option<U>,
        newness: impl Fn(&T) -> N,
    ) -> Option<usize> {
        if self.is_crowded && !self.is_host_only {
            return None;
        }
        if self.valid.len() == 1 {
            return Some(0);
        }
        let user = |index: usize| user(&self.valid[index]);
        let all = 0..self.valid.len();
        let logged_in: Vec<_> = all.clone().filter(|it| user(*it).is_some()).collect();
        let agree = logged_in.windows(2).all(|two| user(two[0]) == user(two[1]));
        let candidates = match (logged_in.len(), self.is_host_only) {
            (0, true) => all.collect(),
            (count, _) if count == self.valid.len() && agree => logged_in,
            (1.., true) if agree => logged_in,
            _ => return None,
        };
        candidates
            .into_iter()
            .max_by_key(|index| newness(&self.valid[*index]))
    }
}

/// The parts before and after the first `=` of a pair, trimmed. `None` for a pair without a name.
fn name_and_value(pair: &[u8]) -> Option<(&[u8], &[u8])> {
    let equals = memchr::memchr(b'=', pair)?;
    let name = trim(&pair[..equals]);
    (!name.is_empty()).then(|| (name, trim(&pair[equals + 1..])))
}

fn split_at_semicolons(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(bytes);
    std::iter::from_fn(move || {
        let bytes = rest?;
        match memchr::memchr(b';', bytes) {
            Some(end) => {
                rest = Some(&bytes[end + 1..]);
                Some(&bytes[..end])
            }
            None => rest.take(),
        }
    })
}

fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// Everything about a cookie except its value and its expiry.
#[derive(Clone, Debug)]
pub(crate) struct Attributes {
    pub(crate) name: String,
    pub(crate) domain: Option<String>,
    pub(crate) path: String,
    pub(crate) secure: bool,
    pub(crate) http_only: bool,
    pub(crate) same_site: Option<SameSite>,
    pub(crate) partitioned: bool,
    /// Former paths of the cookie.
    pub(crate) former_paths: Vec<String>,
}

/// For how many names above a host a cookie is deleted.
const MOST_PARENTS: usize = 4;

/// The longest possible host name.
const LONGEST_HOST: usize = 253;

/// The names that a cookie set at this host may have as its `Domain`: the host's own and every parent that contains a dot.
fn parents(host: &str) -> impl Iterator<Item = &str> {
    let is_name = host.len() <= LONGEST_HOST
        && host.bytes().all(is_domain)
        && host.split('.').all(|label| !label.is_empty())
        && host.parse::<std::net::IpAddr>().is_err();
    let host = Some(host).filter(|_| is_name);
    std::iter::successors(host, |name| Some(name.split_once('.')?.1))
        .filter(|name| name.contains('.'))
}

fn is_domain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.'
}

impl Attributes {
    /// Refuses what browsers would refuse or silently take for something else. `setting` begins the names of this cookie's
    /// settings, for the message.
    pub(crate) fn check(&self, setting: &str) -> Result<(), Error> {
        let wrong = |what: &str, message: String| {
            Err(Error::setting(format!("{setting}_{what}: {message}")))
        };
        let name = &self.name;
        if name.is_empty() || !name.bytes().all(is_token) {
            return wrong(
                "name",
                format!("{name:?} is not a cookie name (letters, digits and !#$%&'*+-.^_`|~)"),
            );
        }
        if name.len() > LONGEST_NAME {
            return wrong(
                "name",
                format!("it has {} bytes; choose at most {LONGEST_NAME}", name.len()),
            );
        }
        for path in std::iter::once(&self.path).chain(&self.former_paths) {
            if !path.starts_with('/') || !path.bytes().all(is_attribute) {
                return wrong(
                    "path",
                    format!("{path:?} must begin with / and may hold no ; or control character"),
                );
            }
        }
        let domain = self.domain.as_deref().unwrap_or_default();
        for (what, value) in [("path", self.path.as_str()), ("domain", domain)] {
            if value.len() > LONGEST_ATTRIBUTE {
                return wrong(
                    what,
                    format!(
                        "it has {} bytes, and browsers drop one of more than {LONGEST_ATTRIBUTE}",
                        value.len()
                    ),
                );
            }
        }
        if let Some(domain) = &self.domain
            && (domain.is_empty()
                || domain.ends_with('.')
                || domain.contains("..")
                || !domain.bytes().all(is_domain))
        {
            return wrong(
                "domain",
                format!(
                    "{domain:?} is not a domain name: give it without a scheme and a port, in ASCII"
                ),
            );
        }
        if let Some(prefix) = Prefix::of(name) {
            let text = &name[..prefix.text.len()];
            if prefix.this_host && self.domain.is_some() {
                return wrong(
                    "domain",
                    format!(
                        "a cookie named {name} may have no Domain: drop the domain or the {text} prefix"
                    ),
                );
            }
            if prefix.this_host && self.path != "/" {
                return wrong(
                    "path",
                    format!(
                        "a cookie named {name} needs the path /: drop the path or the {text} prefix"
                    ),
                );
            }
            if prefix.not_for_scripts && !self.http_only {
                return wrong(
                    "http_only",
                    format!(
                        "scripts may not read a cookie named {name}: drop readable_by_scripts() or the {text} prefix"
                    ),
                );
            }
            if !self.secure {
                return wrong(
                    "secure",
                    format!(
                        "a cookie named {name} must be Secure; for development over plain HTTP call plain_http()"
                    ),
                );
            }
        }
        if self.same_site == Some(SameSite::None) && !self.secure {
            return wrong(
                "same_site",
                "SameSite=None needs Secure, or browsers drop the cookie".to_owned(),
            );
        }
        if self.partitioned && !self.secure {
            return wrong(
                "partitioned",
                "a partitioned cookie must be Secure, or browsers drop it".to_owned(),
            );
        }
        Ok(())
    }

    /// This cookie with this value; `expires` makes it outlive the browser. `None` when the value cannot stand in a header
    /// or is too long for a browser to keep.
    pub(crate) fn set(&self, value: &str, expires: Option<SystemTime>) -> Option<SetCookie<'_>> {
        if self.name.len() + value.len() > LONGEST_COOKIE {
            return None;
        }
        let header = self.render(value, expires.map(http_date), false);
        Some(SetCookie {
            attributes: Whose::Policys(self),
            header: HeaderValue::from_str(&header).ok()?,
            value: value.len(),
            life: expires.map_or(Life::WithBrowser, Life::Until),
        })
    }

    /// Removes the cookie: with the same attributes, or browsers would keep the old one.
    pub(crate) fn delete(&self) -> SetCookie<'_> {
        let header = self.render("", Some(http_date(SystemTime::UNIX_EPOCH)), true);
        SetCookie {
            header: HeaderValue::from_str(&header)
                .expect("the attributes were checked when the manager was built"),
            attributes: Whose::Policys(self),
            value: 0,
            life: Life::Over,
        }
    }

    /// The same in as few bytes as browsers need: one response may carry dozens of these, and proxies have little room for
    /// headers (nginx 4 KiB).
    pub(crate) fn delete_briefly<'a>(self) -> SetCookie<'a> {
        let mut text = format!("{}=; Max-Age=0; Path={}", self.name, self.path);
        if let Some(domain) = &self.domain {
            let _ = write!(text, "; Domain={domain}");
        }
        if self.secure {
            text.push_str("; Secure");
        }
        // Browsers take a missing attribute for Lax.
        if self.same_site == Some(SameSite::None) {
            text.push_str("; SameSite=None");
        }
        if self.partitioned {
            text.push_str("; Partitioned");
        }
        SetCookie {
            header: HeaderValue::from_str(&text)
                .expect("the attributes were checked when the manager was built"),
            attributes: Whose::Elsewheres(Box::new(self)),
            value: 0,
            life: Life::Over,
        }
    }

    /// With the spelling and order of Werkzeug's `dump_cookie`.
    fn render(&self, value: &str, expires: Option<String>, at_once: bool) -> String {
        let mut text = format!("{}={value}", self.name);
        if let Some(domain) = &self.domain {
            let _ = write!(text, "; Domain={domain}");
        }
        if let Some(expires) = expires {
            let _ = write!(text, "; Expires={expires}");
        }
        if at_once {
            text.push_str("; Max-Age=0");
        }
        if self.secure {
            text.push_str("; Secure");
        }
        if self.http_only {
            text.push_str("; HttpOnly");
        }
        let _ = write!(text, "; Path={}", self.path);
        if let Some(same_site) = self.same_site {
            let _ = write!(text, "; SameSite={}", same_site.as_str());
        }
        if self.partitioned {
            text.push_str("; Partitioned");
        }
        text
    }

    /// The same cookie with the other attributes that earlier settings may have left in a browser that calls the site by
    /// this name: with and without `Domain`, partitioned and not, for former paths. Excludes [`Self`].
    pub(crate) fn elsewhere(&self, host: Option<&str>) -> Vec<Self> {
        let mut domains = vec![None];
        if !self.is_host_only() {
            domains.extend(self.domain.clone().map(Some));
            let parents = host.into_iter().flat_map(parents).take(MOST_PARENTS);
            domains.extend(parents.map(|parent| Some(parent.to_owned())));
        }
        let mut all: Vec<Self> = Vec::new();
        for domain in domains {
            for path in std::iter::once(&self.path).chain(&self.former_paths) {
                for partitioned in [false, true] {
                    let other = Self {
                        domain: domain.clone(),
                        path: path.clone(),
                        partitioned,
                        ..self.clone()
                    };
                    // Browsers reject a partitioned cookie that is not Secure.
                    let possible = !partitioned || self.secure;
                    if possible && !other.is_as(self) && !all.iter().any(|one| other.is_as(one)) {
                        all.push(other);
                    }
                }
            }
        }
        all
    }

    /// Whether a browser would take one for the other.
    fn is_as(&self, other: &Self) -> bool {
        (&self.domain, &self.path, self.partitioned)
            == (&other.domain, &other.path, other.partitioned)
    }

    /// Whether browsers accept this name from this very site only, so that two values of it cannot be an accident.
    pub(crate) fn is_host_only(&self) -> bool {
        self.name.starts_with("__Host-")
    }
}

/// A cookie on its way to the browser, for doors: as a `Set-Cookie` field, or in parts where a framework writes the field.
pub struct SetCookie<'a> {
    attributes: Whose<'a>,
    header: HeaderValue,
    /// The length of the value, which follows the name.
    value: usize,
    life: Life,
}

enum Whose<'a> {
    /// The policy's own.
    Policys(&'a Attributes),
    /// Those that earlier settings may have used.
    Elsewheres(Box<Attributes>),
}

#[derive(Clone, Copy)]
enum Life {
    WithBrowser,
    Until(SystemTime),
    Over,
}

impl SetCookie<'_> {
    /// The name.
    pub fn name(&self) -> &str {
        &self.attributes().name
    }

    /// The value; empty for a deletion.
    pub fn value(&self) -> &str {
        let begin = self.name().len() + 1;
        let text = self.header.to_str().unwrap_or_default();
        &text[begin..begin + self.value]
    }

    /// Whether this deletes the cookie in the browser.
    pub fn is_deletion(&self) -> bool {
        matches!(self.life, Life::Over)
    }

    /// When the cookie expires; 1970 for a deletion. `None` when it ends with the browser.
    pub fn expires(&self) -> Option<SystemTime> {
        match self.life {
            Life::WithBrowser => None,
            Life::Until(time) => Some(time),
            Life::Over => Some(SystemTime::UNIX_EPOCH),
        }
    }

    /// `Domain`.
    pub fn domain(&self) -> Option<&str> {
        self.attributes().domain.as_deref()
    }

    /// `Path`.
    pub fn path(&self) -> &str {
        &self.attributes().path
    }

    /// `Secure`.
    pub fn is_secure(&self) -> bool {
        self.attributes().secure
    }

    /// `HttpOnly`.
    pub fn is_http_only(&self) -> bool {
        self.attributes().http_only
    }

    /// `SameSite`.
    pub fn same_site(&self) -> Option<SameSite> {
        self.attributes().same_site
    }

    /// `Partitioned`.
    pub fn is_partitioned(&self) -> bool {
        self.attributes().partitioned
    }

    /// The `Set-Cookie` field.
    pub fn header(&self) -> &HeaderValue {
        &self.header
    }

    /// The `Set-Cookie` field, by value.
    pub fn into_header(self) -> HeaderValue {
        self.header
    }

    fn attributes(&self) -> &Attributes {
        match &self.attributes {
            Whose::Policys(attributes) => attributes,
            Whose::Elsewheres(attributes) => attributes,
        }
    }
}

/// Without the value, which is a secret.
impl fmt::Debug for SetCookie<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetCookie")
            .field("name", &self.name())
            .field("is_deletion", &self.is_deletion())
            .finish_non_exhaustive()
    }
}

/// A cookie's name and attributes, as set through the manager's builder. Every combination is checked when the manager is
/// built: a `__Host-` name with a domain, SameSite=None without Secure and the like are errors.
#[derive(Clone, Debug)]
#[must_use = "return the settings to the builder"]
pub struct CookieSettings(Attributes);

impl CookieSettings {
    pub(crate) fn of(attributes: Attributes) -> Self {
        Self(attributes)
    }

    pub(crate) fn into_attributes(self) -> Attributes {
        self.0
    }

    /// The name, at most 256 bytes. With the prefix `__Host-`, browsers accept the cookie from this very host only; with
    /// `__Host-Http-`, newer browsers accept it from the host's server only and not from a script.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.0.name = name.into();
        self
    }

    /// Sends the cookie to this domain and all below it, and lets each of them overwrite it. A leading dot is ignored, as
    /// in browsers.
    pub fn domain(mut self, domain: &str) -> Self {
        self.0.domain = Some(domain.trim_start_matches('.').to_owned());
        self
    }

    /// Sends the cookie for this path and everything below it: `/`.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.0.path = path.into();
        self
    }

    /// A path that the cookie had before [`path`](Self::path) was changed: logging in and logging out delete it there too.
    /// They delete a cookie with another `Domain` or partitioning without being told.
    ///
    /// Without this, a browser that still has the old cookie keeps sending it, which logs it in again after a logout.
    pub fn former_path(mut self, path: impl Into<String>) -> Self {
        self.0.former_paths.push(path.into());
        self
    }

    /// Sends the cookie over HTTPS only.
    pub fn secure(mut self) -> Self {
        self.0.secure = true;
        self
    }

    /// Sends the cookie over plain HTTP as well.
    pub fn insecure(mut self) -> Self {
        self.0.secure = false;
        self
    }

    /// Lets scripts read the cookie. They hardly ever need to, and an injected script can then steal it.
    pub fn readable_by_scripts(mut self) -> Self {
        self.0.http_only = false;
        self
    }

    /// When the cookie is sent with requests that other sites cause.
    pub fn same_site(mut self, same_site: SameSite) -> Self {
        self.0.same_site = Some(same_site);
        self
    }

    /// Sends no SameSite, as Flask does. Browsers then take it for Lax, and for two minutes for None.
    pub fn no_same_site(mut self) -> Self {
        self.0.same_site = None;
        self
    }

    /// Keeps a separate cookie for each site that embeds this one (CHIPS). Makes it Secure.
    pub fn partitioned(mut self) -> Self {
        self.0.partitioned = true;
        self.0.secure = true;
        self
    }
}

/// The last second of the year 9999, the end of the `Expires` format and of the dates used here.
pub(crate) const LAST_DATE: Duration = Duration::from_secs(253_402_300_799);

/// The end of something that lives this long from `now`.
pub(crate) fn expiry(now: u64, life: Duration) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(now).saturating_add(life).min(LAST_DATE)
}

/// `Wed, 13 Nov 2024 22:13:20 GMT`.
fn http_date(time: SystemTime) -> String {
    let last = SystemTime::UNIX_EPOCH + LAST_DATE;
    httpdate::fmt_http_date(time.clamp(SystemTime::UNIX_EPOCH, last))
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn is_attribute(byte: u8) -> bool {
    (b' '..=b'~').contains(&byte) && byte != b';'
}

/// Werkzeug's quoting, which Flask-Login's token needs when the user's id is not plain ASCII.
pub(crate) fn werkzeug_quote(value: &str) -> String {
    let plain =
        |byte: u8| byte.is_ascii_alphanumeric() || b"_!#$%&'()*+-./:<=>?@[]^`{|}~".contains(&byte);
    if value.bytes().all(plain) {
        return value.to_owned();
    }
    let mut quoted = String::from('"');
    for byte in value.bytes() {
        match byte {
            b'"' | b'\\' => quoted.extend(['\\', byte as char]),
            b',' | b';' | 0..=0x1f | 0x7f.. => {
                let _ = write!(quoted, "\\{byte:03o}");
            }
            _ => quoted.push(byte as char),
        }
    }
    quoted.push('"');
    quoted
}

/// Undoes the quoting. `None` when the result is not valid UTF-8.
pub(crate) fn werkzeug_unquote(value: &[u8]) -> Option<String> {
    let [b'"', inner @ .., b'"'] = value else {
        return String::from_utf8(value.to_vec()).ok();
    };
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let [first, tail @ ..] = rest {
        rest = match (first, tail) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', tail @ ..]) => {
                bytes.push((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'));
                tail
            }
            (b'\\', [escaped, tail @ ..]) => {
                bytes.push(*escaped);
                tail
            }
            _ => {
                bytes.push(*first);
                tail
            }
        };
    }
    String::from_utf8(bytes).ok()
}

/// Browsers do not keep cookies longer than this, so a longer duration would be an empty promise.
pub(crate) fn check_duration(name: &str, duration: Duration) -> Result<(), Error> {
    if duration < Duration::from_secs(1) {
        return Err(Error::setting(format!(
            "{name}: it must be at least one second"
        )));
    }
    if duration > LONGEST_LIFE {
        return Err(Error::setting(format!(
            "{name}: browsers keep no cookie for more than 400 days; choose less"
        )));
    }
    Ok(())
}
