//! The address of a store. A message repeats no more of an address than its scheme.

use std::path::PathBuf;

/// A parsed address.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Address {
    Sqlite(PathBuf),
    Postgres(String),
    /// A server, as the `redis` crate reads it.
    Redis(String),
    RedisCluster(Vec<String>),
    RedisSentinel {
        sentinels: Vec<String>,
        master: String,
    },
}

const POSSIBLE: &str =
    "sqlite:FILE, postgres://…, redis://…, rediss://…, redis+cluster://… or redis+sentinel://…";

impl Address {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let Some((scheme, rest)) = text.split_once(':') else {
            return Err(match text.is_empty() {
                true => format!("it is empty; it may be {POSSIBLE}"),
                false => format!(
                    "it may be {POSSIBLE}; for an SQLite file, write sqlite: before its name"
                ),
            });
        };
        if scheme == "sqlite" {
            return sqlite(rest).map(Self::Sqlite);
        }
        let Some(rest) = rest.strip_prefix("//") else {
            return Err(unknown(scheme));
        };
        // It would be taken for options, which appear in messages.
        if rest.find('?').is_some_and(|at| rest[at..].contains('@')) {
            return Err("there is a ? before the @: in a password it is written %3F".to_owned());
        }
        // SQLAlchemy puts its driver after the plus.
        match scheme.split_once('+').unwrap_or((scheme, "")) {
            ("postgres" | "postgresql", _) => Ok(Self::Postgres(format!("postgres://{rest}"))),
            ("redis" | "rediss", "") | ("unix", "") | ("redis", "unix") => {
                Ok(Self::Redis(text.to_owned()))
            }
            (plain @ ("redis" | "rediss"), "cluster") => cluster(plain, rest),
            (plain @ ("redis" | "rediss"), "sentinel") => sentinel(plain, rest),
            _ => Err(unknown(scheme)),
        }
    }
}

fn unknown(scheme: &str) -> String {
    let is_a_word = scheme.len() < 20
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'+');
    match is_a_word {
        true => format!("there is no store for what begins with {scheme}:; it may be {POSSIBLE}"),
        false => format!("it may be {POSSIBLE}"),
    }
}

fn sqlite(rest: &str) -> Result<PathBuf, String> {
    let path = match rest.strip_prefix("//") {
        None => rest,
        // As Flask programs write it: a third slash before the path, which is absolute or relative to the app's instance
        // folder.
        Some(path) => match path.strip_prefix('/') {
            Some(path) if path.starts_with('/') => path,
            _ => {
                return Err("sqlite:///FILE is in the instance folder of a Flask program, which is not known here; write \
                            sqlite:FILE, or sqlite:////FOLDER/FILE"
                    .to_owned());
            }
        },
    };
    match path {
        "" | ":memory:" => Err(
            "sqlite:FILE names a file; other programs cannot see what one keeps in memory"
                .to_owned(),
        ),
        _ => Ok(PathBuf::from(path)),
    }
}

/// An address in its parts: `USER:PASSWORD@HOST,HOST/PATH?QUERY`.
struct Parts<'a> {
    user: &'a str,
    hosts: Vec<&'a str>,
    path: &'a str,
    query: &'a str,
}

impl<'a> Parts<'a> {
    fn parse(rest: &'a str) -> Result<Self, String> {
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        // A password may contain any of the others, if it is not encoded as it should be.
        let (user, rest) = match rest.rfind('@') {
            Some(at) => rest.split_at(at + 1),
            None => ("", rest),
        };
        let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
        let hosts: Vec<_> = hosts.split(',').collect();
        match hosts.contains(&"") {
            true => Err("the name of a host is missing, or there is a comma too many".to_owned()),
            false => Ok(Self {
                user,
                hosts,
                path,
                query,
            }),
        }
    }
}

fn cluster(scheme: &str, rest: &str) -> Result<Address, String> {
    let Parts {
        user,
        hosts,
        path,
        query,
    } = Parts::parse(rest)?;
    if !path.is_empty() || !query.is_empty() {
        return Err(
            "a cluster has one database, so nothing may follow its nodes: redis+cluster://USER:PASSWORD@NODE,NODE/"
                .to_owned(),
        );
    }
    let node = |host: &str| format!("{scheme}://{user}{host}/");
    Ok(Address::RedisCluster(hosts.into_iter().map(node).collect()))
}

fn sentinel(scheme: &str, rest: &str) -> Result<Address, String> {
    let Parts {
        user,
        hosts,
        path,
        query,
    } = Parts::parse(rest)?;
    let (name, database) = path.split_once('/').unwrap_or((path, ""));
    if name.is_empty() {
        return Err("the master's name follows the Sentinels: redis+sentinel://USER:PASSWORD@SENTINEL,SENTINEL/MASTER/0".to_owned());
    }
    let (mut asker, mut password) = ("", None);
    for parameter in query.split('&').filter(|it| !it.is_empty()) {
        match parameter.split_once('=') {
            Some(("sentinel_username", value)) => asker = value,
            Some(("sentinel_password", value)) => password = Some(value),
            _ => {
                return Err(
                    "behind the ? may stand sentinel_username=…&sentinel_password=…, and no more"
                        .to_owned(),
                );
            }
        }
    }
    let asker = match password {
        Some(password) => format!("{asker}:{password}@"),
        None if asker.is_empty() => String::new(),
        None => return Err("sentinel_username is of no use without sentinel_password".to_owned()),
    };
    // The port where Sentinels listen by default.
    let place = |host: &str| match host.rsplit_once(':') {
        Some((_, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host.to_owned(),
        _ => format!("{host}:26379"),
    };
    let sentinel = |host: &str| format!("{scheme}://{asker}{}/", place(host));
    Ok(Address::RedisSentinel {
        sentinels: hosts.into_iter().map(sentinel).collect(),
        master: format!("{scheme}://{user}{name}/{database}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_their_stores_name_them() {
        let redis = |text: &str| Address::Redis(text.to_owned());
        let texts = |all: &[&str]| all.iter().map(|it| (*it).to_owned()).collect();
        for (text, expected) in [
            ("sqlite:logins.db", Address::Sqlite("logins.db".into())),
            ("sqlite:/var/l.db", Address::Sqlite("/var/l.db".into())),
            ("sqlite:////var/l.db", Address::Sqlite("/var/l.db".into())),
            ("sqlite:a:b", Address::Sqlite("a:b".into())),
            (
                "postgresql+psycopg://u:p@a,b/x?sslmode=require",
                Address::Postgres("postgres://u:p@a,b/x?sslmode=require".to_owned()),
            ),
            ("redis://h", redis("redis://h")),
            ("rediss://u:p@h:1/2", redis("rediss://u:p@h:1/2")),
            ("unix:///run/redis.sock", redis("unix:///run/redis.sock")),
            (
                "rediss+cluster://u:p@a:1,b:2/",
                Address::RedisCluster(texts(&["rediss://u:p@a:1/", "rediss://u:p@b:2/"])),
            ),
            (
                "redis+sentinel://u:p@a,[::1]:2/mymaster/3?sentinel_password=q",
                Address::RedisSentinel {
                    sentinels: texts(&["redis://:q@a:26379/", "redis://:q@[::1]:2/"]),
                    master: "redis://u:p@mymaster/3".to_owned(),
                },
            ),
            (
                "redis+sentinel://a:1/m",
                Address::RedisSentinel {
                    sentinels: texts(&["redis://a:1/"]),
                    master: "redis://m/".to_owned(),
                },
            ),
        ] {
            assert_eq!(Address::parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_not_an_address_is_refused_and_never_repeated() {
        for text in [
            "",
            "logins.db",
            "/var/lib/logins.db",
            "sqlite:",
            "sqlite::memory:",
            "sqlite://",
            "sqlite:///logins.db",
            "sqlite://logins.db",
            "hunter2",
            "hunter2:x",
            "mysql://u:hunter2@h/x",
            "postgres:hunter2",
            "redis+cluster://u:hunter2@h/1",
            "redis+cluster://u:hunter2@a,,b/",
            "redis+sentinel://u:hunter2@h/",
            "redis+sentinel://u:hunter2@h/m?password=hunter2",
            "redis+sentinel://h/m?sentinel_username=hunter2",
            "postgres://u:a?hunter2=b@h/x",
            "memory:",
            "a b:hunter2",
        ] {
            let message = Address::parse(text).unwrap_err();
            let scheme = text.split(':').next().unwrap_or_default();
            assert!(
                !message.contains("hunter2") || scheme == "hunter2" && text.contains(':'),
                "{message}"
            );
        }
    }
}
