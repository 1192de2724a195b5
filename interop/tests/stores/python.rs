//! A login store in a Python process.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use housekey_axum::BoxError;
use housekey_axum::records::{Created, Limit, LoginId, LoginRecord, LoginStore, Touch, Updated};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::oneshot;

/// A running process. Dropping this ends it.
pub(crate) struct PythonStore {
    input: tokio::sync::Mutex<ChildStdin>,
    waiting: Waiting,
    last: AtomicU64,
    _process: Child,
}

/// The callers that wait, by the answer that they wait for.
type Waiting = Arc<Mutex<HashMap<u64, oneshot::Sender<Reply>>>>;

#[derive(Deserialize)]
struct Reply {
    number: u64,
    #[serde(default)]
    answer: Value,
    error: Option<String>,
}

impl PythonStore {
    /// A store of this kind in flask_housekey, at a file or a server, with this table or prefix.
    pub(crate) fn start(kind: &str, place: &str, name: &str, timeout: f64) -> Self {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stores/serve.py");
        let mut process = Command::new(python())
            .arg(program)
            .args([kind, place, name, &timeout.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let waiting = Waiting::default();
        let output = process.stdout.take().unwrap();
        tokio::spawn(hand_out(output, Arc::clone(&waiting)));
        Self {
            input: tokio::sync::Mutex::new(process.stdin.take().unwrap()),
            waiting,
            last: AtomicU64::new(0),
            _process: process,
        }
    }

    async fn ask(&self, method: &str, arguments: Value) -> Result<Value, BoxError> {
        let number = self.last.fetch_add(1, Ordering::Relaxed);
        let (sender, reply) = oneshot::channel();
        self.waiting.lock().unwrap().insert(number, sender);
        let question = json!({"number": number, "method": method, "arguments": arguments});
        let mut input = self.input.lock().await;
        input.write_all(format!("{question}\n").as_bytes()).await?;
        input.flush().await?;
        drop(input);
        let reply = reply.await.expect("the Python process goes on");
        match reply.error {
            Some(error) => Err(error.into()),
            None => Ok(reply.answer),
        }
    }
}

fn python() -> PathBuf {
    let venv = std::env::var_os("FLASK_HOUSEKEY_VENV");
    let venv = venv.expect("FLASK_HOUSEKEY_VENV is not set; run: crates/housekey-flask/test");
    PathBuf::from(venv).join("bin/python")
}

async fn hand_out(output: ChildStdout, waiting: Waiting) {
    let mut lines = BufReader::new(output).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let reply: Reply = serde_json::from_str(&line).unwrap();
        let asked = waiting.lock().unwrap().remove(&reply.number);
        // The caller may have given up.
        let _ = asked.unwrap().send(reply);
    }
    // No caller waits for a process that has ended.
    waiting.lock().unwrap().clear();
}

impl LoginStore for PythonStore {
    async fn create(
        &self,
        new: &LoginRecord,
        replacing: &[LoginId],
        limit: Limit,
    ) -> Result<Created, BoxError> {
        let replacing: Vec<_> = replacing.iter().map(hex).collect();
        let limit = json!({
            "count": limit.count, "now": limit.now, "spared_since": limit.spared_since,
        });
        let answer = self.ask("create", json!([to_json(new), replacing, limit]));
        let answer = answer.await?;
        let ended = ids(&answer["ended"]);
        Ok(match answer["what"].as_str().unwrap() {
            "done" => Created::Done { ended },
            "crowded" => Created::Crowded { ended },
            "full" => Created::Full,
            "taken" => Created::Taken,
            other => panic!("{other}"),
        })
    }

    async fn load(&self, id: &LoginId, now: u64) -> Result<Option<LoginRecord>, BoxError> {
        let answer = self.ask("load", json!([hex(id), now])).await?;
        Ok((!answer.is_null()).then(|| from_json(&answer)))
    }

    async fn update(&self, changed: &LoginRecord) -> Result<Updated, BoxError> {
        let answer = self.ask("update", json!([to_json(changed)])).await?;
        Ok(match answer.as_str().unwrap() {
            "done" => Updated::Done,
            "conflict" => Updated::Conflict,
            "gone" => Updated::Gone,
            other => panic!("{other}"),
        })
    }

    async fn touch(&self, id: &LoginId, touch: Touch) -> Result<bool, BoxError> {
        let touch = json!({
            "now": touch.now, "unless_since": touch.unless_since, "expires_at": touch.expires_at,
        });
        let answer = self.ask("touch", json!([hex(id), touch])).await?;
        Ok(answer.as_bool().unwrap())
    }

    async fn delete(&self, id: &LoginId) -> Result<bool, BoxError> {
        let answer = self.ask("delete", json!([hex(id)])).await?;
        Ok(answer.as_bool().unwrap())
    }

    async fn delete_by_user(
        &self,
        user_id: &str,
        except: Option<&LoginId>,
        limit: usize,
    ) -> Result<Vec<LoginId>, BoxError> {
        let arguments = json!([user_id, except.map(hex), limit]);
        Ok(ids(&self.ask("delete_by_user", arguments).await?))
    }

    async fn list_by_user(
        &self,
        user_id: &str,
        now: u64,
        limit: usize,
    ) -> Result<Vec<LoginRecord>, BoxError> {
        let answer = self
            .ask("list_by_user", json!([user_id, now, limit]))
            .await?;
        Ok(answer.as_array().unwrap().iter().map(from_json).collect())
    }

    async fn delete_expired(&self, now: u64, limit: usize) -> Result<usize, BoxError> {
        let answer = self.ask("delete_expired", json!([now, limit])).await?;
        Ok(answer.as_u64().unwrap().try_into()?)
    }
}

fn to_json(record: &LoginRecord) -> Value {
    json!({
        "id": hex(&record.id),
        "user_id": record.user_id,
        "version": record.version,
        "created_at": record.created_at,
        "last_seen_at": record.last_seen_at,
        "expires_at": record.expires_at,
        "data": record.data,
    })
}

fn from_json(record: &Value) -> LoginRecord {
    let text = |name: &str| record[name].as_str().unwrap().to_owned();
    let number = |name: &str| record[name].as_u64().unwrap();
    LoginRecord {
        id: id(&record["id"]),
        user_id: text("user_id"),
        version: number("version"),
        created_at: number("created_at"),
        last_seen_at: number("last_seen_at"),
        expires_at: number("expires_at"),
        data: text("data"),
    }
}

fn hex(id: &LoginId) -> String {
    id.as_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn id(hex: &Value) -> LoginId {
    let number = u128::from_str_radix(hex.as_str().unwrap(), 16).unwrap();
    LoginId::from_bytes(number.to_be_bytes())
}

fn ids(list: &Value) -> Vec<LoginId> {
    list.as_array().unwrap().iter().map(id).collect()
}
