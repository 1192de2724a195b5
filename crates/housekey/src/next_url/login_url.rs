//! The URL of a login page with the way back in its query, built as Flask-Login builds it.

use percent_encoding::{percent_decode_str, percent_encode_byte};

/// The URL of a login page with the way back in its query: Flask-Login's `login_url`.
///
/// `login_view` is a path or an absolute URL. `next_url` replaces the parameter `next` if the login URL has one; the
/// scheme and host are taken off it when they are the login page's own. **Nothing is checked here**: whoever follows
/// the address afterwards must check it, as [`NextUrl`](crate::NextUrl) does.
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

/// As [`login_url`], with the name of the parameter and the host that Flask-Login's `FORCE_HOST_FOR_REDIRECTS` sets.
/// The host is for pages of this site only: a login page that names its own host keeps it.
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
    let login = UrlParts::split(login_view);
    let Some(next_url) = next_url else {
        return login.join(login.query, force_host);
    };
    let next = login.relative_to_me(next_url);
    let mut query = String::with_capacity(
        login.query.len() + next_field.len() + next.len() + "=%2F%3F%3D".len(),
    );
    let mut is_in = false;
    for (name, value) in parse_query(login.query) {
        let replaced = !is_in && name == next_field;
        is_in |= replaced;
        push_pair(&mut query, &name, if replaced { next } else { &value });
    }
    if !is_in {
        push_pair(&mut query, next_field, next);
    }
    login.join(&query, force_host)
}

fn push_pair(query: &mut String, name: &str, value: &str) {
    if !query.is_empty() {
        query.push('&');
    }
    push_quoted(query, name);
    query.push('=');
    push_quoted(query, value);
}

/// Flask-Login's `make_next_param`: the way back without scheme and host, where they are the login page's own.
///
/// ```
/// use housekey::door::make_next_param;
///
/// assert_eq!(make_next_param("/login", "https://example.com/p?a=1"), "/p?a=1");
/// assert_eq!(make_next_param("https://sso.example/", "https://example.com/p"), "https://example.com/p");
/// ```
pub fn make_next_param<'a>(login_url: &str, next_url: &'a str) -> &'a str {
    UrlParts::split(login_url).relative_to_me(next_url)
}

/// A URL as Python's `urlsplit` takes it apart, which is how Flask-Login looks at it.
#[derive(Clone, Copy)]
struct UrlParts<'a> {
    scheme: &'a str,
    host: &'a str,
    path: &'a str,
    query: &'a str,
    /// What stands behind `#`.
    fragment: &'a str,
    /// Path and query, with the question mark if the query is not empty.
    path_and_query: &'a str,
}

impl<'a> UrlParts<'a> {
    fn split(url: &'a str) -> Self {
        let is_scheme = |text: &str| {
            text.starts_with(|c: char| c.is_ascii_alphabetic())
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        };
        let (scheme, rest) = match url.split_once(':') {
            Some((scheme, rest)) if is_scheme(scheme) => (scheme, rest),
            _ => ("", url),
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

    /// Flask-Login's `make_next_param`.
    fn relative_to_me<'b>(&self, next_url: &'b str) -> &'b str {
        let next = UrlParts::split(next_url);
        let same_scheme = self.scheme.is_empty() || self.scheme == next.scheme;
        let same_host = self.host.is_empty() || self.host == next.host;
        if same_scheme && same_host {
            next.path_and_query
        } else {
            next_url
        }
    }

    fn join(&self, query: &str, force_host: Option<&str>) -> String {
        let host = match force_host {
            Some(forced) if self.host.is_empty() => forced,
            _ => self.host,
        };
        let parts = [self.scheme, host, self.path, query, self.fragment];
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let mut url = String::with_capacity(length + "://?#".len());
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
        if !self.fragment.is_empty() {
            url.push('#');
            url.push_str(self.fragment);
        }
        url
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
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b'~' => {
                quoted.push(char::from(byte));
            }
            b' ' => quoted.push('+'),
            _ => quoted.push_str(percent_encode_byte(byte)),
        }
    }
}
