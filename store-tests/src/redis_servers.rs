//! Redis servers that belong together: the nodes of a cluster, and a master with a replica and their Sentinels.

use std::fmt::Write as _;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::{Kind, Server, unique_name};

/// How soon a server that does not answer counts as gone. Longer than a delay on a busy machine.
const GONE_AFTER: Duration = Duration::from_millis(1500);
/// How long a test waits for servers to agree.
const PATIENCE: Duration = Duration::from_secs(60);
const SLOTS: u16 = 16_384;

/// The answer of a server to a command of `redis-cli`.
///
/// # Panics
///
/// If it answers with an error.
fn ask(server: &Server, words: &[&str]) -> String {
    try_to_ask(server, words).unwrap_or_else(|error| panic!("{words:?}: {error}"))
}

fn try_to_ask(server: &Server, words: &[&str]) -> Result<String, String> {
    let port = server.port().to_string();
    let said = Command::new("redis-cli")
        .args(["-e", "--raw", "-p", &port])
        .args(words)
        .env("REDISCLI_AUTH", server.password())
        .output()
        .expect("redis-cli can be run");
    let text = |bytes| String::from_utf8_lossy(bytes).trim().to_owned();
    match said.status.success() {
        true => Ok(text(&said.stdout)),
        false => Err(text(&said.stderr)),
    }
}

/// Waits until the condition holds.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "{what}");
        sleep(Duration::from_millis(50));
    }
}

/// A cluster of three masters, each with as many replicas. Its slots are in three ranges.
pub struct RedisCluster {
    /// The masters first, then the replicas of the first, the second and the third, and so on.
    nodes: Vec<Server>,
}

impl RedisCluster {
    /// Starts one, and waits until all nodes agree.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub fn start(replicas: usize) -> Self {
        let password = unique_name();
        let nodes = 3 * (1 + replicas);
        let settings = format!(
            "cluster-enabled yes\ncluster-node-timeout {}\nrepl-diskless-sync-delay 0\n",
            GONE_AFTER.as_millis()
        );
        let start = |_| Server::start_with(Kind::Redis, &password, &settings);
        let cluster = Self {
            nodes: (0..nodes).map(start).collect(),
        };
        let [first, others @ ..] = &*cluster.nodes else {
            panic!("it has nodes");
        };
        for other in others {
            let [port, bus] = [other.port(), other.bus_port()].map(|port| port.to_string());
            ask(first, &["CLUSTER", "MEET", "127.0.0.1", &port, &bus]);
        }
        for (number, master) in (0..3).zip(&cluster.nodes) {
            let share = SLOTS / 3 + 1;
            let from = number * share;
            let to = (from + share).min(SLOTS) - 1;
            let (from, to) = (from.to_string(), to.to_string());
            ask(master, &["CLUSTER", "ADDSLOTSRANGE", &from, &to]);
        }
        until("the nodes know each other", || {
            cluster.each(|info| info.contains(&format!("cluster_known_nodes:{nodes}")))
        });
        for (number, replica) in cluster.nodes.iter().enumerate().skip(3) {
            let master = &cluster.nodes[number % 3];
            let id = ask(master, &["CLUSTER", "MYID"]);
            until("a replica knows its master", || {
                try_to_ask(replica, &["CLUSTER", "REPLICATE", &id]).is_ok()
            });
        }
        cluster.settle();
        cluster
    }

    /// Waits until all nodes agree, and each replica follows.
    ///
    /// # Panics
    ///
    /// When they do not.
    pub fn settle(&self) {
        until("the cluster is whole", || {
            self.each(|info| info.contains("cluster_state:ok"))
        });
        until("the replicas follow", || {
            self.nodes.iter().all(|node| {
                let info = try_to_ask(node, &["INFO", "replication"]).unwrap_or_default();
                info.contains("role:master") || info.contains("master_link_status:up")
            })
        });
    }

    fn each(&self, is_so: impl Fn(&str) -> bool) -> bool {
        let info = |node| try_to_ask(node, &["CLUSTER", "INFO"]);
        self.nodes
            .iter()
            .all(|node| info(node).is_ok_and(|info| is_so(&info)))
    }

    /// The URL of each node.
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(Server::url).collect()
    }

    /// One of its nodes.
    ///
    /// # Panics
    ///
    /// If there is none with this number.
    pub fn node(&mut self, number: usize) -> &mut Server {
        self.nodes.get_mut(number).expect("it has so many nodes")
    }

    /// A node's answer to a command.
    ///
    /// # Panics
    ///
    /// If it answers with an error.
    pub fn ask(&self, number: usize, words: &[&str]) -> String {
        ask(&self.nodes[number], words)
    }

    /// How many keys each master has.
    ///
    /// # Panics
    ///
    /// When a node does not answer.
    pub fn keys(&self) -> Vec<usize> {
        let count = |node| ask(node, &["DBSIZE"]).parse().expect("a number");
        self.nodes.iter().take(3).map(count).collect()
    }

    /// Waits until the replica of a master that was killed has taken its place.
    ///
    /// # Panics
    ///
    /// When it does not.
    pub fn wait_for_the_replica_of(&self, number: usize) {
        let replica = &self.nodes[number + 3];
        until("the replica takes over", || {
            let role = try_to_ask(replica, &["ROLE"]).unwrap_or_default();
            let info = try_to_ask(replica, &["CLUSTER", "INFO"]).unwrap_or_default();
            role.starts_with("master") && info.contains("cluster_state:ok")
        });
    }

    /// Moves slots from one master to another with their keys, while both are asked: as `redis-cli --cluster reshard` does.
    ///
    /// # Panics
    ///
    /// When it cannot be done.
    pub fn move_slots(&self, slots: impl Iterator<Item = u16>, from: usize, to: usize) {
        let (source, target) = (&self.nodes[from], &self.nodes[to]);
        let [from_id, to_id] = [source, target].map(|node| ask(node, &["CLUSTER", "MYID"]));
        let port = target.port().to_string();
        for slot in slots {
            let slot = slot.to_string();
            ask(
                target,
                &["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from_id],
            );
            ask(source, &["CLUSTER", "SETSLOT", &slot, "MIGRATING", &to_id]);
            loop {
                let keys = ask(source, &["CLUSTER", "GETKEYSINSLOT", &slot, "10"]);
                if keys.is_empty() {
                    break;
                }
                let password = target.password();
                let mut words = vec![
                    "MIGRATE",
                    "127.0.0.1",
                    &port,
                    "",
                    "0",
                    "5000",
                    "AUTH",
                    &password,
                    "KEYS",
                ];
                words.extend(keys.lines());
                ask(source, &words);
            }
            for node in [target, source] {
                ask(node, &["CLUSTER", "SETSLOT", &slot, "NODE", &to_id]);
            }
        }
    }
}

/// A master, a replica, and three Sentinels that watch them.
pub struct Watched {
    servers: [Server; 2],
    sentinels: Vec<Server>,
}

impl Watched {
    /// The Sentinels' name for the master.
    pub const NAME: &'static str = "logins";

    /// Starts them, and waits until the Sentinels know each other and the replica.
    ///
    /// # Panics
    ///
    /// When they cannot be started.
    pub fn start() -> Self {
        let password = unique_name();
        let start = || Server::start_with(Kind::Redis, &password, "repl-diskless-sync-delay 0\n");
        let servers = [start(), start()];
        let [master, replica] = &servers;
        let port = master.port().to_string();
        ask(replica, &["REPLICAOF", "127.0.0.1", &port]);
        let mut settings = format!("sentinel monitor {} 127.0.0.1 {port} 2\n", Self::NAME);
        for (what, value) in [
            ("auth-pass", password.clone()),
            (
                "down-after-milliseconds",
                GONE_AFTER.as_millis().to_string(),
            ),
            ("failover-timeout", "3000".to_owned()),
        ] {
            writeln!(settings, "sentinel {what} {} {value}", Self::NAME).expect("a text takes it");
        }
        // The password that they use with each other.
        writeln!(settings, "sentinel sentinel-pass {password}").expect("a text takes it");
        let start = |_| Server::start_with(Kind::Sentinel, &password, &settings);
        let watched = Self {
            sentinels: (0..3).map(start).collect(),
            servers,
        };
        watched.settle();
        watched
    }

    /// Waits until the Sentinels know each other and the replica, and the replica follows.
    ///
    /// # Panics
    ///
    /// When they do not.
    pub fn settle(&self) {
        let is_known = |sentinel| {
            let said = try_to_ask(sentinel, &["SENTINEL", "MASTER", Self::NAME]);
            let said = said.unwrap_or_default().replace('\n', " ");
            ["num-slaves 1", "num-other-sentinels 2", "flags master "]
                .iter()
                .all(|it| said.contains(it))
        };
        until("the Sentinels know each other", || {
            self.sentinels.iter().all(is_known)
        });
        until("the replica follows", || {
            self.servers.iter().any(|server| {
                let info = try_to_ask(server, &["INFO", "replication"]).unwrap_or_default();
                info.contains("master_link_status:up")
            })
        });
    }

    /// The URL of each Sentinel.
    pub fn sentinel_urls(&self) -> Vec<String> {
        self.sentinels.iter().map(Server::url).collect()
    }

    /// The password of all servers.
    pub fn password(&self) -> String {
        self.servers[0].password()
    }

    /// One of the two servers: 0 was the master at the start.
    ///
    /// # Panics
    ///
    /// If there is none with this number.
    pub fn server(&mut self, number: usize) -> &mut Server {
        self.servers.get_mut(number).expect("there are two")
    }

    /// A Sentinel.
    ///
    /// # Panics
    ///
    /// If there is none with this number.
    pub fn sentinel(&mut self, number: usize) -> &mut Server {
        self.sentinels.get_mut(number).expect("there are three")
    }

    /// Restarts a server that was replaced, as a replica. The Sentinels would make it one too, but later.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub fn start_again_behind_the_other(&mut self, number: usize) {
        let port = self.servers[1 - number].port().to_string();
        self.servers[number].start_again();
        ask(&self.servers[number], &["REPLICAOF", "127.0.0.1", &port]);
        self.settle();
    }

    /// Waits until the Sentinels say that this one is the master.
    ///
    /// # Panics
    ///
    /// When they do not.
    pub fn wait_for_master(&self, number: usize) {
        let port = self.servers[number].port().to_string();
        until("the Sentinels make it the master", || {
            self.sentinels.iter().all(|sentinel| {
                let words = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", Self::NAME];
                try_to_ask(sentinel, &words).is_ok_and(|said| said.lines().nth(1) == Some(&*port))
            })
        });
    }
}
