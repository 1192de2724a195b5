//! The nodes of a Redis Cluster, and their hash slots.
//!
//! This does not use redis-rs's connection to clusters, for two reasons. It repeats questions that got no answer, which
//! might make a second login, and it keeps connections over which no answers come. This code repeats a question only if it
//! was not carried out: its slot is elsewhere or moving, or there was no connection.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use housekey_statements::redis::SLOTS;
use redis::{Client, ConnectionAddr, ErrorKind, ServerErrorKind, Value};
use tokio::time::{sleep, timeout_at};

use crate::fault::{Failure, Fault};
use crate::link::{Answer, connect, server_name};
use crate::node::Node;
use crate::question::{Question, Time};
use crate::sentinel::at;
use crate::watch::Watch;

/// How often a question is sent elsewhere.
const MOST_REDIRECTIONS: usize = 200;
/// How long to wait before repeating a question that came while a slot was moving, or while a node was replaced.
const PAUSE: Duration = Duration::from_millis(50);
/// How long a node may take to say where the others are, before another one is asked.
const PATIENCE: Duration = Duration::from_secs(1);

type Address = (String, u16);

pub(crate) struct Cluster {
    /// The first says how to connect to every node.
    seeds: Vec<Client>,
    /// Whether its nodes are to report changes.
    watch: Option<Watch>,
    map: Mutex<Map>,
    /// The holder of this lock asks for the map; the others wait for that.
    refreshing: tokio::sync::Mutex<()>,
    /// The node to ask for it next.
    turn: AtomicUsize,
}

#[derive(Default)]
struct Map {
    /// The first and the last slot of each range, in order.
    ranges: Vec<(u16, u16, Arc<Node>)>,
    /// Slots that have moved since.
    moved: HashMap<u16, Arc<Node>>,
    nodes: HashMap<Address, Arc<Node>>,
    /// Counts the maps, so that of many callers that find one wrong, only one asks for the next.
    number: usize,
    is_doubted: bool,
}

impl Map {
    fn node_of(&self, slot: u16) -> Option<Arc<Node>> {
        if let Some(node) = self.moved.get(&slot) {
            return Some(Arc::clone(node));
        }
        let after = self.ranges.partition_point(|(first, ..)| *first <= slot);
        let (_, last, node) = self.ranges.get(after.checked_sub(1)?)?;
        (slot <= *last).then(|| Arc::clone(node))
    }
}

/// How to react to a failure.
enum Reaction {
    /// The slot is at another node now.
    Moved(Address),
    /// The slot is moving, and this key is at another node already.
    Ask(Address),
    /// It was not carried out. This node may do so soon, or a replacement of the node.
    Later { elsewhere: bool },
    /// It was not carried out, and this node will not do so.
    Elsewhere,
    /// It is not known whether it was carried out.
    Unknown,
    /// It is the answer.
    Answer,
}

impl Cluster {
    pub(crate) fn new(seeds: Vec<Client>, watch: Option<Watch>) -> Self {
        Self {
            seeds,
            watch,
            map: Mutex::default(),
            refreshing: tokio::sync::Mutex::new(()),
            turn: AtomicUsize::new(0),
        }
    }

    pub(crate) async fn ask(&self, question: &Question<'_>, time: Time) -> Result<Answer, Failure> {
        let mut asked: Option<Arc<Node>> = None;
        let mut unreachable: Option<(Arc<Node>, Failure)> = None;
        for _ in 0..MOST_REDIRECTIONS {
            let asking = asked.is_some();
            let (node, number) = match asked.take() {
                Some(node) => (node, self.map().number),
                None => self.node_of(question.slot, time).await?,
            };
            // The other nodes say that it is still this one.
            if let Some((before, failure)) = unreachable.take()
                && Arc::ptr_eq(&before, &node)
            {
                return Err(failure);
            }
            let failure = match node.ask(question, asking, time).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            match reaction(&failure, &node) {
                Reaction::Moved(address) => self.moved(question.slot, &address)?,
                Reaction::Ask(address) => asked = Some(self.node_at(&address)?),
                Reaction::Later { elsewhere } => {
                    if elsewhere {
                        self.doubt(number);
                    }
                    if time.left() <= PAUSE {
                        return Err(failure);
                    }
                    sleep(PAUSE).await;
                }
                Reaction::Elsewhere => {
                    self.doubt(number);
                    unreachable = Some((node, failure));
                }
                Reaction::Unknown => {
                    self.doubt(number);
                    return Err(failure);
                }
                Reaction::Answer => return Err(failure),
            }
        }
        Err(self.failure(Fault::NoNode(
            "they send questions round in circles".to_owned(),
        )))
    }

    /// Sends each node's questions at once. If a question is not answered well, it is sent again by itself.
    pub(crate) async fn ask_all(
        &self,
        questions: &[Question<'_>],
        time: Time,
    ) -> Result<Vec<Value>, Failure> {
        let mut of_nodes: Vec<(Arc<Node>, Vec<usize>)> = Vec::new();
        for (index, question) in questions.iter().enumerate() {
            let (node, _) = self.node_of(question.slot, time).await?;
            match of_nodes.iter_mut().find(|(it, _)| Arc::ptr_eq(it, &node)) {
                Some((_, indexes)) => indexes.push(index),
                None => of_nodes.push((node, vec![index])),
            }
        }
        let mut found: Vec<Option<Value>> = vec![None; questions.len()];
        for (node, indexes) in of_nodes {
            let some: Vec<_> = indexes
                .iter()
                .filter_map(|index| questions.get(*index))
                .collect();
            let answers = node.reads.ask_all(&some, time).await.unwrap_or_default();
            for (index, answer) in indexes.into_iter().zip(answers) {
                if let Some(place) = found.get_mut(index) {
                    *place = answer.ok();
                }
            }
        }
        let mut answers = Vec::with_capacity(questions.len());
        for (question, found) in questions.iter().zip(found) {
            answers.push(match found {
                Some(answer) => answer,
                None => self.ask(question, time).await?.value,
            });
        }
        Ok(answers)
    }

    /// How the settings of its masters may affect logins.
    pub(crate) async fn warnings(&self, time: Time) -> Result<Vec<String>, Failure> {
        self.node_of(0, time).await?;
        let nodes: Vec<_> = self
            .map()
            .ranges
            .iter()
            .map(|(.., node)| Arc::clone(node))
            .collect();
        let mut warnings = Vec::new();
        for node in nodes {
            warnings.extend(node.warnings(time).await?);
        }
        // A node may have several ranges.
        warnings.sort();
        warnings.dedup();
        Ok(warnings)
    }

    /// The node that has a slot, and the number of the map that says so.
    async fn node_of(&self, slot: u16, time: Time) -> Result<(Arc<Node>, usize), Failure> {
        let known = |cluster: &Self| {
            let map = cluster.map();
            let node = map.node_of(slot).filter(|_| !map.is_doubted)?;
            Some((node, map.number))
        };
        if let Some(known) = known(self) {
            return Ok(known);
        }
        let turn = timeout_at(time.until, self.refreshing.lock()).await;
        let _turn = turn.map_err(|_| self.failure(Fault::TooLate(time.limit)))?;
        if let Some(known) = known(self) {
            return Ok(known);
        }
        self.refresh(time).await?;
        let nobody = || self.failure(Fault::NoNode(format!("no node has slot {slot}")));
        known(self).ok_or_else(nobody)
    }

    /// Asks one node after another for the map, beginning with a different one each time.
    async fn refresh(&self, time: Time) -> Result<(), Failure> {
        let known: Vec<Address> = self.map().nodes.keys().cloned().collect();
        let mut clients = Vec::new();
        for (host, port) in &known {
            clients.push(self.client(host, *port)?);
        }
        clients.extend(self.seeds.iter().cloned());
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % clients.len().max(1);
        clients.rotate_left(turn);
        let mut failed = None;
        for client in clients {
            let patience = PATIENCE.min(time.left() / 2);
            let asked = timeout_at(time.at_most(patience).until, ranges(&client)).await;
            match asked.unwrap_or(Err(Fault::TooLate(time.limit))) {
                Ok(ranges) => return self.take_over(ranges),
                Err(fault) => failed = Some(Failure::unsent(fault, &server_name(&client))),
            }
        }
        let no_address = || self.failure(Fault::NoNode("no address was given".to_owned()));
        Err(failed.unwrap_or_else(no_address))
    }

    fn take_over(&self, ranges: Vec<(u16, u16, Address)>) -> Result<(), Failure> {
        let mut map = self.map();
        let mut nodes = HashMap::new();
        let mut found = Vec::with_capacity(ranges.len());
        for (first, last, address) in ranges {
            let node = match nodes.get(&address).or_else(|| map.nodes.get(&address)) {
                Some(node) => Arc::clone(node),
                None => self.new_node(&address)?,
            };
            nodes.insert(address, Arc::clone(&node));
            found.push((first, last, node));
        }
        found.sort_by_key(|(first, ..)| *first);
        *map = Map {
            ranges: found,
            moved: HashMap::new(),
            nodes,
            number: map.number.wrapping_add(1),
            is_doubted: false,
        };
        Ok(())
    }

    /// Marks a map as wrong, unless there is a new one already.
    fn doubt(&self, number: usize) {
        let mut map = self.map();
        map.is_doubted |= map.number == number;
    }

    fn moved(&self, slot: u16, address: &Address) -> Result<(), Failure> {
        let node = self.node_at(address)?;
        let mut map = self.map();
        map.moved.insert(slot, node);
        // If many slots have moved, one question finds all of them.
        map.is_doubted |= map.moved.len().is_multiple_of(8);
        Ok(())
    }

    fn node_at(&self, address: &Address) -> Result<Arc<Node>, Failure> {
        if let Some(node) = self.map().nodes.get(address) {
            return Ok(Arc::clone(node));
        }
        let node = self.new_node(address)?;
        let mut map = self.map();
        Ok(Arc::clone(map.nodes.entry(address.clone()).or_insert(node)))
    }

    fn new_node(&self, (host, port): &Address) -> Result<Arc<Node>, Failure> {
        let client = self.client(host, *port)?;
        Ok(Arc::new(Node::fixed(client, self.watch.clone())))
    }

    fn client(&self, host: &str, port: u16) -> Result<Client, Failure> {
        let first = self
            .seeds
            .first()
            .ok_or(Fault::NoNode("no address was given".to_owned()));
        let client = first.and_then(|first| at(first, host, port));
        client.map_err(|fault| self.failure(fault))
    }

    fn failure(&self, fault: Fault) -> Failure {
        Failure::unsent(fault, &self.to_string())
    }

    fn map(&self) -> MutexGuard<'_, Map> {
        self.map.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the Redis Cluster at")?;
        for (number, seed) in self.seeds.iter().enumerate() {
            let comma = if number == 0 { "" } else { "," };
            write!(f, "{comma} {}", seed.get_connection_info().addr())?;
        }
        Ok(())
    }
}

fn reaction(failure: &Failure, node: &Node) -> Reaction {
    let error = match &failure.fault {
        Fault::Redis(error) => error,
        Fault::Replica => return Reaction::Elsewhere,
        Fault::TooLate(_) => return Reaction::Unknown,
        _ => return Reaction::Answer,
    };
    let redirected = || {
        let (address, _) = error.redirect_node()?;
        let (host, port) = address.rsplit_once(':')?;
        // An empty name means the node that was asked.
        let host = if host.is_empty() { node.host()? } else { host };
        Some((host.to_owned(), port.parse().ok()?))
    };
    match error.kind() {
        ErrorKind::Server(ServerErrorKind::Moved) => {
            redirected().map_or(Reaction::Answer, Reaction::Moved)
        }
        ErrorKind::Server(ServerErrorKind::Ask) => {
            redirected().map_or(Reaction::Answer, Reaction::Ask)
        }
        ErrorKind::Server(ServerErrorKind::TryAgain) => Reaction::Later { elsewhere: false },
        ErrorKind::Server(ServerErrorKind::ClusterDown) => Reaction::Later { elsewhere: true },
        ErrorKind::Server(_) | ErrorKind::Extension => Reaction::Answer,
        _ if failure.was_sent => Reaction::Unknown,
        _ => Reaction::Elsewhere,
    }
}

/// Which master has which slots, according to one of the nodes.
async fn ranges(client: &Client) -> Result<Vec<(u16, u16, Address)>, Fault> {
    let mut connection = connect(client).await?;
    let mut command = redis::cmd("CLUSTER");
    command.arg("SLOTS");
    let answer: Vec<Vec<Value>> = command.query_async(&mut connection).await?;
    let mut ranges = Vec::new();
    for range in answer {
        let [first, last, master, ..] = &*range else {
            return Err(Fault::Unreadable);
        };
        let Value::Array(master) = master else {
            return Err(Fault::Unreadable);
        };
        let [host, port, ..] = &**master else {
            return Err(Fault::Unreadable);
        };
        let host: Option<String> = read(host)?;
        let known = host.filter(|host| !host.is_empty());
        let host = known.or_else(|| host_of(client).map(str::to_owned));
        let Some(host) = host.filter(|host| host != "?") else {
            continue;
        };
        let (first, last): (u16, u16) = (read(first)?, read(last)?);
        if first > last || last >= SLOTS {
            return Err(Fault::Unreadable);
        }
        ranges.push((first, last, (host, read(port)?)));
    }
    Ok(ranges)
}

fn read<T: redis::FromRedisValue>(value: &Value) -> Result<T, Fault> {
    redis::from_redis_value(value.clone()).map_err(|_| Fault::Unreadable)
}

pub(crate) fn host_of(client: &Client) -> Option<&str> {
    match client.get_connection_info().addr() {
        ConnectionAddr::Tcp(host, _) => Some(host),
        ConnectionAddr::TcpTls { host, .. } => Some(host),
        _ => None,
    }
}
