//! What a server says about itself when a connection is made.

use std::collections::HashMap;

use redis::aio::MultiplexedConnection;
use redis::{FromRedisValue, Pipeline, RedisError, Value};

use crate::fault::{Fault, is_unknown_command};
use crate::question::answers;

/// Refuses a server that is not the one for writes: a replica answers questions too, with older data.
pub(crate) async fn refuse_replicas(connection: &mut MultiplexedConnection) -> Result<(), Fault> {
    match role(connection).await?.as_str() {
        "master" => Ok(()),
        "replica" | "slave" => Err(Fault::Replica),
        "sentinel" => Err(Fault::Sentinel),
        _ => Err(Fault::Unreadable),
    }
}

/// Any user may run `HELLO`, but only some may run `ROLE`. `HELLO` is the newer command.
async fn role(connection: &mut MultiplexedConnection) -> Result<String, Fault> {
    match redis::cmd("HELLO").query_async(connection).await {
        Ok(Value::Map(pairs)) => role_in(pairs.into_iter()),
        Ok(Value::Array(parts)) => {
            let mut parts = parts.into_iter();
            let pairs = std::iter::from_fn(move || Some((parts.next()?, parts.next()?)));
            role_in(pairs)
        }
        Ok(_) => Err(Fault::Unreadable),
        Err(error) if is_unknown_command(&error) => {
            let role: Value = redis::cmd("ROLE").query_async(connection).await?;
            match role {
                Value::Array(parts) => read(parts.into_iter().next()),
                _ => Err(Fault::Unreadable),
            }
        }
        Err(error) => Err(error.into()),
    }
}

fn role_in(pairs: impl Iterator<Item = (Value, Value)>) -> Result<String, Fault> {
    let mut role = Err(Fault::Unreadable);
    for (name, value) in pairs {
        match read::<String>(Some(name))?.as_str() {
            // Its role is `master`.
            "mode" if read::<String>(Some(value.clone()))? == "sentinel" => {
                return Err(Fault::Sentinel);
            }
            "role" => role = read(Some(value)),
            _ => {}
        }
    }
    role
}

fn read<T: FromRedisValue>(value: Option<Value>) -> Result<T, Fault> {
    let value = value.ok_or(Fault::Unreadable)?;
    redis::from_redis_value(value).map_err(|_| Fault::Unreadable)
}

const UNSEEN: &str = "its settings cannot be seen; let the client's user use INFO and CONFIG GET, or look at \
                      maxmemory-policy, appendonly and appendfsync yourself";
const NO_LOG: &str = "appendonly is no: after a crash, logins that have ended may be back; set appendonly yes and \
                      appendfsync always";
const LATE_LOG: &str =
    "appendfsync is not always: after a power cut, logins that have ended may be back; set it";

/// How its settings may affect logins.
pub(crate) async fn warnings(connection: &mut MultiplexedConnection) -> Result<Vec<String>, Fault> {
    let mut pipeline = Pipeline::with_capacity(3);
    pipeline.cmd("INFO").arg("memory");
    pipeline.cmd("INFO").arg("persistence");
    pipeline.cmd("CONFIG").arg("GET").arg("appendfsync");
    let mut said = answers(connection, &pipeline).await?.into_iter();
    let mut next = || said.next().unwrap_or(Ok(Value::Nil));
    let (memory, persistence, sync) = (next(), next(), next());
    let (Some(memory), Some(persistence)) = (text(memory), text(persistence)) else {
        return Ok(vec![UNSEEN.to_owned()]);
    };
    let mut warnings = Vec::new();
    let policy = line(&memory, "maxmemory_policy").unwrap_or("unknown");
    if policy != "noeviction" && line(&memory, "maxmemory") != Some("0") {
        warnings.push(format!(
            "maxmemory-policy is {policy}: when its memory is full it drops logins; set noeviction"
        ));
    }
    // Pairs, in either protocol.
    let sync: HashMap<String, String> = sync
        .ok()
        .and_then(|it| redis::from_redis_value(it).ok())
        .unwrap_or_default();
    match (
        line(&persistence, "aof_enabled"),
        sync.get("appendfsync").map(String::as_str),
    ) {
        (Some("1"), Some("always")) => {}
        (Some("1"), Some(_)) => warnings.push(LATE_LOG.to_owned()),
        // Hosting services do not show it.
        (Some("1"), None) => warnings.push(UNSEEN.to_owned()),
        _ => warnings.push(NO_LOG.to_owned()),
    }
    Ok(warnings)
}

fn text(answer: Result<Value, RedisError>) -> Option<String> {
    redis::from_redis_value(answer.ok()?).ok()
}

fn line<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
}
