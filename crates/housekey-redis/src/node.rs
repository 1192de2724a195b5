//! The servers of a store.

use std::fmt;

use redis::{Client, RedisError, Value};

use crate::cluster::{Cluster, host_of};
use crate::fault::{Failure, Fault};
use crate::link::{Link, Way};
use crate::question::{Question, Time};
use crate::sentinel::Watched;

/// Where the records are.
pub(crate) enum Servers {
    One(Box<Node>),
    Many(Box<Cluster>),
}

impl Servers {
    pub(crate) fn fixed(client: Client) -> Self {
        Self::One(Box::new(Node::fixed(client)))
    }

    pub(crate) fn watched(sentinels: Vec<Client>, master: Client) -> Self {
        let way = || Way::Watched(Watched::new(sentinels.clone(), master.clone()));
        Self::One(Box::new(Node::new(way)))
    }

    pub(crate) fn cluster(seeds: Vec<Client>) -> Self {
        Self::Many(Box::new(Cluster::new(seeds)))
    }

    pub(crate) async fn ask(&self, question: &Question<'_>, time: Time) -> Result<Value, Failure> {
        match self {
            Self::One(node) => node.ask(question, false, time).await,
            Self::Many(cluster) => cluster.ask(question, time).await,
        }
    }

    /// Asks several plain questions at once. What a node of a cluster does not answer well is asked again, on its own: the slot may be
    /// elsewhere.
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

/// A server, over two connections: nobody waits behind a question that waits for replicas.
pub(crate) struct Node {
    pub(crate) reads: Link,
    waits: Link,
    host: Option<String>,
}

impl Node {
    fn new(way: impl Fn() -> Way) -> Self {
        Self {
            reads: Link::new(way(), true),
            waits: Link::new(way(), false),
            host: None,
        }
    }

    pub(crate) fn fixed(client: Client) -> Self {
        Self {
            host: host_of(&client).map(str::to_owned),
            ..Self::new(|| Way::Fixed(client.clone()))
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
    ) -> Result<Value, Failure> {
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
