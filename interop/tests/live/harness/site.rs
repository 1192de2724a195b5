//! A site: both servers on one database, and the proxy in front of them.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use tokio::sync::OnceCell;

use super::proxy::Proxy;
use super::server::output_of;
use super::{KEY, Server, Side};

/// The environment of both servers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Settings(BTreeMap<String, String>);

impl Settings {
    /// One key, one proxy in front, hashes that are fast to make, and verbose logs.
    pub(crate) fn new() -> Self {
        Self(BTreeMap::new())
            .with("SECRET_KEY", KEY)
            .with("TRUSTED_PROXIES", "1")
            .with("PASSWORD_METHOD", "pbkdf2:sha256:1000")
            .with("RUST_LOG", "housekey=debug")
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.0.insert(name.to_owned(), value.to_owned());
        self
    }
}

/// Where logs and databases are kept, in cargo's target folder.
static FOLDERS: LazyLock<PathBuf> = LazyLock::new(|| {
    let folders = Path::new(env!("CARGO_TARGET_TMPDIR")).join("live");
    forget_old_runs(&folders);
    folders
});

/// How long a run's files are kept for inspection.
const KEPT: Duration = Duration::from_secs(60 * 60);

pub(crate) struct Site {
    folder: PathBuf,
    servers: [Mutex<Option<Server>>; 2],
    proxy: Proxy,
}

impl Site {
    /// The site with these settings that all scenarios share. The first scenario that asks starts it.
    pub(crate) async fn shared(settings: Settings) -> Arc<Self> {
        type Sites = Mutex<HashMap<Settings, Arc<OnceCell<Arc<Site>>>>>;
        static SITES: LazyLock<Sites> = LazyLock::new(Sites::default);
        let cell = Arc::clone(SITES.lock().unwrap().entry(settings.clone()).or_default());
        let start = async || {
            let site = Site::empty().await;
            // Both at once: the first one makes the table.
            tokio::join!(
                site.start(Side::Flask, &settings),
                site.start(Side::Rust, &settings)
            );
            Arc::new(site)
        };
        Arc::clone(cell.get_or_init(start).await)
    }

    /// A new site, for a scenario that starts servers itself. They end with it.
    pub(crate) async fn empty() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::SeqCst);
        let folder = FOLDERS.join(format!("{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self {
            folder,
            servers: Default::default(),
            proxy: Proxy::start().await,
        }
    }

    /// Starts a side, replacing the one that runs.
    pub(crate) async fn start(&self, side: Side, settings: &Settings) {
        drop(self.servers[side as usize].lock().unwrap().take());
        let database = self.folder.join("users.db");
        let settings = settings
            .clone()
            .with("DATABASE", database.to_str().unwrap());
        let server = Server::start(side, &self.folder, &settings.0).await;
        self.proxy.set_port(side, server.port);
        *self.servers[side as usize].lock().unwrap() = Some(server);
    }

    pub(super) fn address(&self) -> std::net::SocketAddr {
        self.proxy.address
    }

    /// The last lines that a side printed.
    pub(super) fn last_output(&self, side: Side) -> String {
        let path = output_of(side, &self.folder);
        let text = fs::read_to_string(&path).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        let last = lines[lines.len().saturating_sub(30)..].join("\n    ");
        format!(
            "{} ({side}) printed ({}):\n    {last}\n",
            side.program(),
            path.display()
        )
    }
}

/// The folders of other runs, unless they are recent.
fn forget_old_runs(folders: &Path) {
    for folder in fs::read_dir(folders).into_iter().flatten().flatten() {
        let modified = folder.metadata().and_then(|data| data.modified());
        let is_old = |time: std::time::SystemTime| time.elapsed().is_ok_and(|age| age > KEPT);
        if modified.is_ok_and(is_old) {
            let _ = fs::remove_dir_all(folder.path());
        }
    }
}
