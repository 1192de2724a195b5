//! The URL of a login page with the return address in its query, built as Flask-Login builds it.

use percent_encoding::{percent_decode_str, percent_encode_byte};

/// The URL of a login page with the return address in its query: Flask-Login's `login_url`.
///
/// `login_view` is a path or an absolute URL. `next_url` replaces the parameter `next` if the login URL has one; the
/// scheme and host are taken off it if they are the login page's own. **Nothing is checked here**: check the address before
/// you redirect to it, as [`NextUrl`](crate::NextUrl) does.
///
/// ```
/// use housekey::login_url;
///
/// assert_eq!(login_url("/login", Some("/p?a=1&b=x y")), "/login?next=%2Fp%3Fa%3D1%26b%3Dx+y");
/// assert_eq!(login_url("/login", None), "/login");
/// ```
pub fn login_url(login_view: &str, next_url: Option<&str>) -> String {
    build_login_url(login_view, next_url, "next", None)
}

/// Like [`login_url`], with the parameter's name and the host that Flask-Login's `FORCE_HOST_FOR_REDIRECTS` sets. The host is
/// only for pages of this site: a login page that names its own host keeps it.
///
/// ```
/// use housekey::door::build_login_url;
///
/// let url = build_login_url("/login?lang=en", Some("/p"), "back", Some("www.example.com"));
/// assert_eq!(url, "//www.example.com/login?lang=en&back=%2Fp");
/// ```
pub fn build_login_url(
    login_view: &str,
    next_url: Option<&str>,
    next_field: &str,
    force_host: Option<&str>,
) -> String {
    LoginUrl::new(login_view, next_field, force_host).with(next_url)
}

/// The URL of a login page, prepared for a return address.
#[derive(Clone, Debug)]
pub(crate) struct LoginUrl {
    scheme: String,
    host: String,
    /// Without a return address.
    plain: String,
    /// What stands before the return address.
    before: String,
    /// What stands after it.
    after: String,
}

impl LoginUrl {
    /// As [`build_login_url`].
    pub(crate) fn new(login_view: &str, next_field: &str, force_host: Option<&str>) -> Self {
        let login = UrlParts::split(login_view);
        let mut queries = [String::new(), String::new()];
        let mut is_in = false;
        for (name, value) in parse_query(login.query) {
            let replaced = !is_in && name == next_field;
            push_name(&mut queries[usize::from(is_in)], &name);
            is_in |= replaced;
            if !replaced {
                push_quoted(&mut queries[usize::from(is_in)], &value);
            }
        }
        let [mut before, after] = queries;
        if !is_in {
            push_name(&mut before, next_field);
        }
        // The rest of the query needs a separator of its own.
        let separator = if after.is_empty() { "" } else { "&" };
        Self {
            scheme: login.scheme.to_owned(),
            host: login.host.to_owned(),
            plain: login.start(login.query, force_host) + &login.end(),
            before: login.start(&before, force_host),
            after: format!("{separator}{after}{}", login.end()),
        }
    }

    /// With this return address in it, or without one.
    pub(crate) fn with(&self, next_url: Option<&str>) -> String {
        let Some(next_url) = next_url else {
            return self.plain.clone();
        };
        let next = relative_to(&self.scheme, &self.host, next_url);
        // With the exact length, a header's value is made of it without another allocation.
        let length = self.before.len() + quoted_length(next) + self.after.len();
        let mut url = String::with_capacity(length);
        url.push_str(&self.before);
        push_quoted(&mut url, next);
        url.push_str(&self.after);
        url
    }
}

/// A parameter's name in a query, with the `=` before its value.
fn push_name(query: &mut String, name: &str) {
    if !query.is_empty() {
        query.push('&');
    }
    push_quoted(query, name);
    query.push('=');
}

/// Flask-Login's `make_next_param`: the return address, without scheme and host if they are the login page's own.
///
/// ```
/// use housekey::door::make_next_param;
///
/// assert_eq!(make_next_param("/login", "https://example.com/p?a=1"), "/p?a=1");
/// assert_eq!(make_next_param("https://sso.example/", "https://example.com/p"), "https://example.com/p");
/// ```
pub fn make_next_param<'a>(login_url: &str, next_url: &'a str) -> &'a str {
    let login = UrlParts::split(login_url);
    relative_to(login.scheme, login.host, next_url)
}

/// A URL as Python's `urlsplit` takes it apart, which is how Flask-Login looks at it.
#[derive(Clone, Copy)]
struct UrlParts<'a> {
    scheme: &'a str,
    host: &'a str,
    path: &'a str,
    query: &'a str,
    /// What stands after `#`.
    fragment: &'a str,
    /// Path and query, with the question mark if the query is not empty.
    path_and_query: &'a str,
}

impl<'a> UrlParts<'a> {
    fn split(url: &'a str) -> Self {
        let is_scheme = |text: &str| {
            text.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        };
        let (scheme, rest) = match url.starts_with(|c: char| c.is_ascii_alphabetic()) {
            true => match url.split_once(':') {
                Some((scheme, rest)) if is_scheme(scheme) => (scheme, rest),
                _ => ("", url),
            },
            false => ("", url),
        };
        let (host, rest) = match rest.strip_prefix("//") {
            Some(rest) => rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len())),
            None => ("", rest),
        };
        let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        Self {
            scheme,
            host,
            path,
            query,
            fragment,
            path_and_query: if query.is_empty() { path } else { rest },
        }
    }

    /// Everything before the fragment, with this query.
    fn start(&self, query: &str, force_host: Option<&str>) -> String {
        let host = match force_host {
            Some(forced) if self.host.is_empty() => forced,
            _ => self.host,
        };
        let mut url = String::new();
        if !self.scheme.is_empty() {
            url.push_str(self.scheme);
            url.push(':');
        }
        if !host.is_empty() {
            url.push_str("//");
            url.push_str(host);
        }
        url.push_str(self.path);
        if !query.is_empty() {
            url.push('?');
            url.push_str(query);
        }
        url
    }

    /// The fragment with its `#`.
    fn end(&self) -> String {
        match self.fragment.is_empty() {
            true => String::new(),
            false => format!("#{}", self.fragment),
        }
    }
}

/// Flask-Login's `make_next_param`, with the scheme and the host of the login page.
fn relative_to<'a>(scheme: &str, host: &str, next_url: &'a str) -> &'a str {
    // The usual one is a path alone, and nothing is taken off it.
    let is_on_this_host = next_url.starts_with('/') && !next_url.starts_with("//");
    if is_on_this_host && next_url.bytes().all(|byte| byte != b'?' && byte != b'#') {
        return next_url;
    }
    let next = UrlParts::split(next_url);
    let same_scheme = scheme.is_empty() || scheme == next.scheme;
    let same_host = host.is_empty() || host == next.host;
    if same_scheme && same_host {
        next.path_and_query
    } else {
        next_url
    }
}

/// Python's `parse_qsl(keep_blank_values=True)`.
fn parse_query(query: &str) -> impl Iterator<Item = (String, String)> {
    let decode = |text: &str| {
        percent_decode_str(&text.replace('+', " "))
            .decode_utf8_lossy()
            .into_owned()
    };
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(move |(name, value)| (decode(name), decode(value)))
}

/// The value of one parameter of a query.
pub(crate) fn query_value(query: &str, name: &str) -> Option<String> {
    let (_, value) = parse_query(query).find(|(found, _)| found == name)?;
    Some(value)
}

/// Python's `quote_plus`.
fn push_quoted(quoted: &mut String, text: &str) {
    for byte in text.bytes() {
        match byte {
            b' ' => quoted.push('+'),
            _ if stands_for_itself(byte) => quoted.push(char::from(byte)),
            _ => quoted.push_str(percent_encode_byte(byte)),
        }
    }
}

fn quoted_length(text: &str) -> usize {
    let is_one = |byte: u8| byte == b' ' || stands_for_itself(byte);
    text.bytes()
        .map(|byte| if is_one(byte) { 1 } else { 3 })
        .sum()
}

fn stands_for_itself(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_.-~".contains(&byte)
}
