//! The servers of a store.

use std::fmt;
use std::sync::Arc;

use housekey::records::cache::CachedRecords;
use redis::{Client, RedisError, Value};

use crate::cluster::{Cluster, host_of};
use crate::fault::{Failure, Fault};
use crate::link::{Answer, Link, Way};
use crate::question::{Question, Time};
use crate::sentinel::Watched;
use crate::watch::Watch;

/// How the servers are found.
#[derive(Clone)]
pub(crate) enum Ways {
    Fixed(Client),
    Watched {
        sentinels: Vec<Client>,
        master: Client,
    },
    Cluster(Vec<Client>),
}

/// The servers that hold the records.
pub(crate) enum Servers {
    One(Box<Node>),
    Many(Box<Cluster>),
}

impl Servers {
    /// The servers at these addresses. They report changes if there is a cache.
    pub(crate) fn new(places: &Ways, cache: Option<&CachedRecords>, prefix: &Arc<str>) -> Self {
        let watch = |in_cluster| Some(Watch::new(cache?.clone(), prefix, in_cluster));
        match places {
            Ways::Fixed(client) => Self::One(Box::new(Node::fixed(client.clone(), watch(false)))),
            Ways::Watched { sentinels, master } => {
                let way = || Way::Watched(Watched::new(sentinels.clone(), master.clone()));
                Self::One(Box::new(Node::new(way, watch(false))))
            }
            Ways::Cluster(seeds) => Self::Many(Box::new(Cluster::new(seeds.clone(), watch(true)))),
        }
    }

    pub(crate) async fn ask(&self, question: &Question<'_>, time: Time) -> Result<Answer, Failure> {
        match self {
            Self::One(node) => node.ask(question, false, time).await,
            Self::Many(cluster) => cluster.ask(question, time).await,
        }
    }

    /// Asks several plain questions at once. If a node of a cluster does not answer one well, it is asked again by itself:
    /// the slot may be elsewhere.
    pub(crate) async fn ask_all(
        &self,
        questions: &[Question<'_>],
        time: Time,
    ) -> Result<Vec<Value>, Failure> {
        match self {
            Self::One(node) => {
                let questions: Vec<_> = questions.iter().collect();
                let answers = node.reads.ask_all(&questions, time).await?.into_iter();
                let failed = |error: RedisError| Failure::sent(error.into(), &self.to_string());
                answers.map(|answer| answer.map_err(failed)).collect()
            }
            Self::Many(cluster) => cluster.ask_all(questions, time).await,
        }
    }

    pub(crate) async fn warnings(&self, time: Time) -> Result<Vec<String>, Failure> {
        match self {
            Self::One(node) => node.warnings(time).await,
            Self::Many(cluster) => cluster.warnings(time).await,
        }
    }

    pub(crate) fn unreadable(&self) -> Failure {
        Failure::sent(Fault::Unreadable, &self.to_string())
    }
}

impl fmt::Display for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(node) => node.reads.fmt(f),
            Self::Many(cluster) => cluster.fmt(f),
        }
    }
}

/// A server, over two connections, so that nothing waits behind a question that waits for replicas.
pub(crate) struct Node {
    pub(crate) reads: Link,
    waits: Link,
    host: Option<String>,
}

impl Node {
    fn new(way: impl Fn() -> Way, watch: Option<Watch>) -> Self {
        Self {
            reads: Link::new(way(), true, watch),
            waits: Link::new(way(), false, None),
            host: None,
        }
    }

    pub(crate) fn fixed(client: Client, watch: Option<Watch>) -> Self {
        Self {
            host: host_of(&client).map(str::to_owned),
            ..Self::new(|| Way::Fixed(client.clone()), watch)
        }
    }

    pub(crate) fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    pub(crate) async fn ask(
        &self,
        question: &Question<'_>,
        asking: bool,
        time: Time,
    ) -> Result<Answer, Failure> {
        let link = match question.waits() {
            true => &self.waits,
            false => &self.reads,
        };
        link.ask(question, asking, time).await
    }

    pub(crate) async fn warnings(&self, time: Time) -> Result<Vec<String>, Failure> {
        self.reads.warnings(time).await
    }
}
