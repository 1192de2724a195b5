//! The address of a server, from a URL.

use std::time::Duration;

use percent_encoding::percent_decode_str;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

use crate::tls::{Certificates, Check, Tls};

/// The contents of a URL.
#[derive(Clone)]
pub(crate) struct Address {
    pub(crate) config: Config,
    pub(crate) tls: Tls,
    /// Whether a standby may answer, although it may lag behind.
    pub(crate) takes_standby: bool,
    /// Whether statements may stay prepared on a connection.
    pub(crate) keeps_statements: bool,
}

impl Address {
    /// Reads a URL as libpq and sqlx do. An error repeats nothing of it except the name of an option.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        let rest = ["postgres://", "postgresql://"]
            .iter()
            .find_map(|scheme| url.strip_prefix(scheme))
            .ok_or("it begins with postgres://")?;
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut read = Reading::default();
        read.place(place)?;
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').ok_or("an option has no value")?;
            // The text after an `@` may be the rest of a password with a question mark in it.
            if value.contains('@') && !place.contains('@') {
                return Err(
                    "a character of the password has to be written with %, as %3F for ?".to_owned(),
                );
            }
            read.option(&decoded(name)?, &decoded(value)?)?;
        }
        read.address()
    }

    /// All hosts, as messages name them.
    pub(crate) fn server_name(&self) -> String {
        let config = &self.config;
        let database = config.get_dbname().or(config.get_user());
        let ports = config.get_ports();
        let port = |index| ports.get(index).or(ports.first()).copied().unwrap_or(5432);
        let places = config.get_hosts().iter().enumerate();
        let places = places.map(|(index, host)| match host {
            Host::Tcp(host) => format!("{host}:{}", port(index)),
            #[cfg(unix)]
            Host::Unix(folder) => folder.display().to_string(),
        });
        let places = places.collect::<Vec<_>>().join(", ");
        match database {
            Some(database) => format!("database {database} of PostgreSQL at {places}"),
            None => format!("PostgreSQL at {places}"),
        }
    }

    /// The configuration for connections whose operations take at most this long.
    pub(crate) fn config_within(&self, limit: Duration) -> Config {
        let mut config = self.config.clone();
        // The next host gets its turn before the time is over.
        let hosts = config.get_hosts().len();
        let share = limit / u32::try_from(hosts + 1).unwrap_or(u32::MAX);
        let wanted = config.get_connect_timeout().copied();
        config.connect_timeout(wanted.map_or(share, |wanted| wanted.min(share)));
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(limit);
        }
        if config.get_keepalives_idle() == Config::new().get_keepalives_idle() {
            config.keepalives_idle(KEEPALIVE);
        }
        if config.get_application_name().is_none() {
            config.application_name("housekey");
        }
        config
    }
}

/// How long a connection is silent before the operating system checks that the other side is still there.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// The options read so far.
#[derive(Default)]
struct Reading {
    user: Option<String>,
    password: Option<String>,
    hosts: Vec<String>,
    ports: Vec<String>,
    database: Option<String>,
    options: Vec<String>,
    ssl_mode: Option<String>,
    certificates: Certificates,
    takes_standby: bool,
    forgets_statements: bool,
    /// Options that tokio-postgres reads itself.
    others: Vec<(String, String)>,
}

impl Reading {
    fn place(&mut self, place: &str) -> Result<(), String> {
        let (authority, database) = place.split_once('/').unwrap_or((place, ""));
        let (credentials, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
        if !credentials.is_empty() {
            let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
            self.user = some(decoded(user)?);
            self.password = some(decoded(password)?);
        }
        self.database = some(decoded(database)?);
        for host in hosts.split(',').filter(|host| !host.is_empty()) {
            let (host, port) = match host.strip_prefix('[') {
                Some(host) => {
                    let (host, port) = host.split_once(']').ok_or("a host's [ has no ]")?;
                    (host, port.strip_prefix(':'))
                }
                None => match host.split_once(':') {
                    Some((host, port)) => (host, Some(port)),
                    None => (host, None),
                },
            };
            self.hosts.push(decoded(host)?);
            self.ports.push(
                port.filter(|port| !port.is_empty())
                    .unwrap_or("5432")
                    .to_owned(),
            );
        }
        Ok(())
    }

    fn option(&mut self, name: &str, value: &str) -> Result<(), String> {
        let text = || Some(value.to_owned());
        match name {
            "user" => self.user = text(),
            "password" => self.password = text(),
            "dbname" => self.database = text(),
            "host" => self.hosts = value.split(',').map(str::to_owned).collect(),
            "port" => self.ports = value.split(',').map(str::to_owned).collect(),
            "options" => self.options.push(value.to_owned()),
            "sslmode" | "ssl-mode" => self.ssl_mode = text(),
            "sslrootcert" | "ssl-root-cert" | "ssl-ca" => self.certificates.roots = text(),
            "sslcert" | "ssl-cert" => self.certificates.own = text(),
            "sslkey" | "ssl-key" => self.certificates.key = text(),
            "statement-cache-capacity" => self.forgets_statements = value == "0",
            "target_session_attrs" => {
                self.takes_standby = match value {
                    "read-write" | "primary" => false,
                    "any" => true,
                    _ => return Err("target_session_attrs is read-write or any".to_owned()),
                }
            }
            _ => match name
                .strip_prefix("options[")
                .and_then(|name| name.strip_suffix(']'))
            {
                Some(setting) => self.options.push(format!("-c {setting}={value}")),
                None => self.others.push((name.to_owned(), value.to_owned())),
            },
        }
        Ok(())
    }

    fn address(mut self) -> Result<Address, String> {
        let mut config = Config::new();
        for (name, value) in &self.others {
            if !value_fits(&mut config, name, value) {
                return Err(format!(
                    "it has an option {name} that is unknown, or whose value it cannot have"
                ));
            }
        }
        if self.hosts.is_empty() {
            // TLS needs a name.
            let addresses = config.get_hostaddrs().iter();
            self.hosts = addresses.map(ToString::to_string).collect();
        }
        if self.hosts.is_empty() {
            return Err(
                "it names no host; a socket is named so: postgres:///DATABASE?host=/var/run/postgresql"
                    .to_owned(),
            );
        }
        for host in self.hosts {
            config.host(host);
        }
        for port in self.ports {
            config.port(port.parse().map_err(|_| "a port is not a number")?);
        }
        self.user.map(|user| config.user(user));
        self.password.map(|password| config.password(password));
        self.database.map(|database| config.dbname(database));
        if !self.options.is_empty() {
            config.options(self.options.join(" "));
        }
        config.target_session_attrs(match self.takes_standby {
            true => TargetSessionAttrs::Any,
            false => TargetSessionAttrs::ReadWrite,
        });
        let has_roots = self.certificates.roots.is_some();
        let (mode, check) = match self.ssl_mode.as_deref() {
            Some("disable") => (SslMode::Disable, Check::Nothing),
            None | Some("allow" | "prefer") => (SslMode::Prefer, Check::Nothing),
            // As in libpq.
            Some("require") if !has_roots => (SslMode::Require, Check::Nothing),
            Some("require" | "verify-ca") => (SslMode::Require, Check::Signature),
            Some("verify-full") => (SslMode::Require, Check::SignatureAndName),
            Some(_) => {
                return Err(
                    "sslmode is disable, prefer, require, verify-ca or verify-full".to_owned(),
                );
            }
        };
        config.ssl_mode(mode);
        Ok(Address {
            config,
            tls: match mode {
                SslMode::Disable => Tls::none(),
                SslMode::Prefer if !Tls::IS_BUILT_IN => Tls::none(),
                _ => Tls::new(check, &self.certificates)?,
            },
            takes_standby: self.takes_standby,
            keeps_statements: !self.forgets_statements,
        })
    }
}

/// Whether tokio-postgres accepts it. It reads single options only from a text.
fn value_fits(config: &mut Config, name: &str, value: &str) -> bool {
    let quoted = value.replace('\\', r"\\").replace('\'', r"\'");
    let Ok(read) = format!("{name}='{quoted}'").parse::<Config>() else {
        return false;
    };
    match name {
        "application_name" => read
            .get_application_name()
            .map(|name| config.application_name(name)),
        "connect_timeout" => read
            .get_connect_timeout()
            .map(|limit| config.connect_timeout(*limit)),
        "tcp_user_timeout" => read
            .get_tcp_user_timeout()
            .map(|limit| config.tcp_user_timeout(*limit)),
        "keepalives" => Some(config.keepalives(read.get_keepalives())),
        "keepalives_idle" => Some(config.keepalives_idle(read.get_keepalives_idle())),
        "keepalives_interval" => read
            .get_keepalives_interval()
            .map(|time| config.keepalives_interval(time)),
        "keepalives_retries" => read
            .get_keepalives_retries()
            .map(|count| config.keepalives_retries(count)),
        "channel_binding" => Some(config.channel_binding(read.get_channel_binding())),
        "sslnegotiation" => Some(config.ssl_negotiation(read.get_ssl_negotiation())),
        "load_balance_hosts" => Some(config.load_balance_hosts(read.get_load_balance_hosts())),
        "hostaddr" => {
            for address in read.get_hostaddrs() {
                config.hostaddr(*address);
            }
            return true;
        }
        _ => return false,
    };
    true
}

fn decoded(text: &str) -> Result<String, String> {
    let decoded = percent_decode_str(text).decode_utf8();
    Ok(decoded
        .map_err(|_| "what it has written with % is not UTF-8")?
        .into_owned())
}

fn some(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests;
