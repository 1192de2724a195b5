//! The address of a master, from its Sentinels.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use redis::{Client, ConnectionAddr, ErrorKind};
use tokio::time::timeout_at;

use crate::fault::Fault;
use crate::link::connect;
use crate::question::Time;

/// A master that Sentinels watch and replace if it fails.
pub(crate) struct Watched {
    sentinels: Vec<Client>,
    /// How to connect to it. Its address is the name that the Sentinels know it by.
    master: Client,
    /// The Sentinel that answered last is asked first.
    first: AtomicUsize,
}

impl Watched {
    pub(crate) fn new(sentinels: Vec<Client>, master: Client) -> Self {
        Self {
            sentinels,
            master,
            first: AtomicUsize::new(0),
        }
    }

    /// Asks one Sentinel after another, and gives each only a part of the time.
    pub(crate) async fn master(&self, time: Time) -> Result<Client, Fault> {
        let count = self.sentinels.len();
        let share = u32::try_from(count + 1).unwrap_or(u32::MAX);
        let patience = (time.left() / share).min(Duration::from_secs(1));
        let first = self.first.load(Ordering::Relaxed);
        let mut failed = None;
        for number in (0..count).map(|number| (first + number) % count) {
            let Some(sentinel) = self.sentinels.get(number) else {
                continue;
            };
            let asked = ask(sentinel, self.name());
            let said = timeout_at(time.at_most(patience).until, asked).await;
            match said.unwrap_or(Err(Fault::TooLate(patience))) {
                Ok(Some((host, port))) => {
                    self.first.store(number, Ordering::Relaxed);
                    return at(&self.master, &host, port);
                }
                Ok(None) => failed = failed.or(Some("it knows no master of this name".to_owned())),
                Err(fault) => {
                    let address = sentinel.get_connection_info().addr();
                    failed = Some(format!("{address}: {fault}"));
                }
            }
        }
        let why = failed.unwrap_or_else(|| "no address was given".to_owned());
        Err(Fault::NoMaster(why))
    }

    fn name(&self) -> &str {
        match self.master.get_connection_info().addr() {
            ConnectionAddr::Tcp(name, _) => name,
            ConnectionAddr::TcpTls { host, .. } => host,
            _ => "",
        }
    }
}

/// Leaves out the addresses of the Sentinels, which do not say where the master is.
impl fmt::Display for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let database = self.master.get_connection_info().redis_settings().db();
        let name = self.name();
        write!(
            f,
            "database {database} of the Redis that Sentinels call {name:?}"
        )
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

async fn ask(sentinel: &Client, name: &str) -> Result<Option<(String, u16)>, Fault> {
    let mut connection = connect(sentinel).await?;
    let mut command = redis::cmd("SENTINEL");
    command.arg("GET-MASTER-ADDR-BY-NAME").arg(name);
    Ok(command.query_async(&mut connection).await?)
}

/// The same client for another address.
pub(crate) fn at(client: &Client, host: &str, port: u16) -> Result<Client, Fault> {
    let info = client.get_connection_info();
    let mut address = info.addr().clone();
    match &mut address {
        ConnectionAddr::Tcp(old_host, old_port)
        | ConnectionAddr::TcpTls {
            host: old_host,
            port: old_port,
            ..
        } => {
            *old_host = host.to_owned();
            *old_port = port;
        }
        _ => {
            let fault = (
                ErrorKind::InvalidClientConfig,
                "a path is not an address of a cluster",
            );
            return Err(Fault::Redis(fault.into()));
        }
    }
    Ok(Client::open(info.clone().set_addr(address))?)
}
