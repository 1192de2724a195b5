//! How much of the bare site's throughput is left over HTTP: each server on one core, the load on the other.
//!
//! Each contender is compared with its bare site, which is measured right before it: on a shared machine, minutes differ more
//! than contenders. The tables have the medians of the rounds.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use bench_report::{Progress, Row, Table, document, median};

use crate::Http;
use crate::chart::{Bar, chart};
use crate::requests::{Kind, LOGIN_PAGE, cookies_note, cookies_set, navigation};
use crate::sites::{Answer, BoxError, CONTENDERS, Contender, Server};
use crate::users::UsersIn;

/// How a site is served and asked.
#[derive(Clone, Copy)]
struct Setting {
    name: &'static str,
    /// The server's threads.
    workers: usize,
    /// The cores of the server and of the load.
    cores: [&'static str; 2],
    /// Connections that are kept open, each with one request at a time.
    connections: u32,
}

const USUAL: Setting = Setting {
    name: "16 connections, 1 worker",
    workers: 1,
    cores: ["0", "1"],
    connections: 16,
};

/// The settings of the table that says how the cost grows.
const SCALE: [Setting; 3] = [
    USUAL,
    Setting {
        name: "64 connections, 1 worker",
        connections: 64,
        ..USUAL
    },
    Setting {
        name: "64 connections, 2 workers that share both cores with wrk",
        workers: 2,
        cores: ["0,1", "0,1"],
        connections: 64,
    },
];

/// Measures all contenders and returns the tables. Writes the charts on request.
pub(crate) fn measure_all(options: &Http) -> Result<Vec<Table>, BoxError> {
    let mut tables = Vec::new();
    for users in [UsersIn::Memory, UsersIn::Sqlite] {
        let ratios = measure(options, users)?;
        if options.write && users == UsersIn::Memory {
            draw(&ratios)?;
        }
        tables.push(ratios.table);
    }
    tables.push(measure_scale(options)?);
    Ok(tables)
}

/// The protected page of a few sites, with more connections and workers than in the other tables.
fn measure_scale(options: &Http) -> Result<Table, BoxError> {
    let title = "Over HTTP, a protected page: of the bare site's throughput, users in memory";
    let named = |name: &str| CONTENDERS.into_iter().find(|it| it.name == name);
    let bare = named("axum").ok_or("there is no bare site")?;
    let others = ["housekey", "housekey, auth hash", "housekey, memory"];
    let mut table = Table::new(
        "http-scale",
        title,
        &["axum", others[0], others[1], others[2]],
    );
    let mut progress = Progress::new(title, options.rounds * SCALE.len() as u32);
    for setting in SCALE {
        let start = |site| Running::start(site, UsersIn::Memory, setting);
        let bare = start(bare)?;
        let others: Vec<_> = others
            .into_iter()
            .filter_map(named)
            .map(start)
            .collect::<Result<_, _>>()?;
        let mut rates = vec![Vec::new(); others.len()];
        for _ in 0..options.rounds {
            for (site, rates) in others.iter().zip(&mut rates) {
                let before = bare.load(Kind::Protected, options.seconds)?;
                rates.push((before, site.load(Kind::Protected, options.seconds)?));
            }
            progress.step();
        }
        table.rows.push(Row {
            name: setting.name.to_owned(),
            cells: std::iter::once(rate(&rates.concat()))
                .chain(rates.iter().map(|pairs| format!("{:.2}", ratio(pairs))))
                .collect(),
        });
    }
    Ok(table)
}

struct Ratios {
    table: Table,
    /// By row, and in each row by kind.
    ratios: Vec<(Contender, [f64; 3])>,
}

fn measure(options: &Http, users: UsersIn) -> Result<Ratios, BoxError> {
    let title = format!(
        "Over HTTP, of the bare site's throughput, users in {}",
        users.label()
    );
    let mut table = Table::new(
        &format!("http-{}", users.name()),
        &title,
        &Kind::ALL.map(Kind::name),
    );
    let mut running = Vec::new();
    for contender in CONTENDERS {
        if let Some(variable) = contender.missing_variable() {
            table.notes.push(format!(
                "{}: left out, since {variable} is not set.",
                contender.name
            ));
            continue;
        }
        let site = Running::start(contender, users, USUAL)
            .map_err(|error| format!("{}: {error}", contender.name))?;
        table
            .notes
            .extend(cookies_note(contender.name, &site.sets_cookies));
        running.push(site);
    }

    // By contender and kind, a pair for each round: requests per second of the bare site, and right after it of this one.
    let mut rates = vec![[const { Vec::new() }; 3]; running.len()];
    let mut progress = Progress::new(&title, options.rounds);
    for _ in 0..options.rounds {
        for (site, rates) in running.iter().zip(&mut rates) {
            let bare = running
                .iter()
                .find(|other| other.contender.name == site.contender.bare)
                .ok_or("its bare site was not started")?;
            for (kind, rates) in Kind::ALL.into_iter().zip(rates) {
                let before = bare.load(kind, options.seconds)?;
                let own = match site.contender.is_bare() {
                    true => before,
                    false => site.load(kind, options.seconds)?,
                };
                rates.push((before, own));
            }
        }
        progress.step();
    }

    let mut ratios = Vec::new();
    for (site, pairs) in running.iter().zip(&rates) {
        let by_kind = pairs.each_ref().map(|pairs| ratio(pairs));
        let cells =
            by_kind
                .iter()
                .zip(pairs)
                .map(|(ratio, pairs)| match site.contender.is_bare() {
                    true => rate(pairs),
                    false => format!("{ratio:.2}"),
                });
        table.rows.push(Row {
            name: site.contender.name.to_owned(),
            cells: cells.collect(),
        });
        ratios.push((site.contender, by_kind));
    }
    Ok(Ratios { table, ratios })
}

/// The share of the bare site's throughput, each pair by itself.
fn ratio(pairs: &[(f64, f64)]) -> f64 {
    median(pairs.iter().map(|(bare, own)| own / bare).collect())
}

/// What the bare site did.
fn rate(pairs: &[(f64, f64)]) -> String {
    let bare = median(pairs.iter().map(|(bare, _)| *bare).collect());
    format!("({bare:.0} a second)")
}

fn draw(ratios: &Ratios) -> Result<(), BoxError> {
    for (index, kind) in Kind::ALL.into_iter().enumerate() {
        let others = ratios
            .ratios
            .iter()
            .filter(|(contender, _)| !contender.is_bare());
        let mut bars: Vec<_> = others
            .map(|(contender, by_kind)| Bar {
                name: contender.name.to_owned(),
                ratio: by_kind[index],
            })
            .collect();
        bars.sort_by(|one, other| other.ratio.total_cmp(&one.ratio));
        let title = format!("{}: share of the bare site's throughput", kind.title());
        let file = document::folder().join(format!("images/bench-{}.svg", kind.name()));
        std::fs::write(file, chart(&title, &bars))?;
    }
    Ok(())
}

/// A server. Dropping this stops it.
struct Running {
    contender: Contender,
    setting: Setting,
    server: Child,
    /// `127.0.0.1:PORT`.
    address: String,
    login: Vec<String>,
    sets_cookies: Vec<&'static str>,
    /// A folder for users and logins.
    _folder: tempfile::TempDir,
}

impl Running {
    fn start(contender: Contender, users: UsersIn, setting: Setting) -> Result<Self, BoxError> {
        let folder = tempfile::tempdir()?;
        let mut command = Command::new("taskset");
        command.args(["--cpu-list", setting.cores[0]]);
        let address = match contender.server() {
            Server::Flask { with_login } => {
                let address = crate::sites::listener()?.local_addr()?.to_string();
                let site = concat!(env!("CARGO_MANIFEST_DIR"), "/flask");
                let gunicorn = concat!(
                    env!("CARGO_MANIFEST_DIR"),
                    "/../../interop/.venv/bin/gunicorn"
                );
                command
                    .args([
                        gunicorn,
                        "--chdir",
                        site,
                        "--workers=1",
                        "--worker-class=gthread",
                    ])
                    .args([
                        "--threads=1",
                        "--keep-alive=60",
                        "--log-level=error",
                        "--bind",
                        &address,
                    ])
                    .arg("measured:app")
                    .env("WITH_LOGIN", u8::from(with_login).to_string())
                    .env("USERS", users.name())
                    .env("FOLDER", folder.path())
                    .env("PYTHONDONTWRITEBYTECODE", "1");
                Some(address)
            }
            Server::Axum | Server::Actix { .. } => {
                command
                    .arg(std::env::current_exe()?)
                    .args(["serve", contender.name, "--users", users.name()])
                    .arg(format!("--workers={}", setting.workers))
                    .arg("--folder")
                    .arg(folder.path())
                    .stdout(Stdio::piped());
                None
            }
        };
        let mut site = Self {
            contender,
            setting,
            server: command.spawn()?,
            address: address.unwrap_or_default(),
            login: Vec::new(),
            sets_cookies: Vec::new(),
            _folder: folder,
        };
        // Our servers choose a free port and print it.
        if let Some(stdout) = site.server.stdout.take() {
            BufReader::new(stdout).read_line(&mut site.address)?;
            site.address.truncate(site.address.trim_end().len());
        }
        wait_for(&mut site.server, &site.address)?;
        let answer = site.ask("POST", LOGIN_PAGE, &navigation(&[]))?;
        if answer.status != StatusCode::NO_CONTENT {
            return Err(format!("nobody can sign in: {}", answer.status).into());
        }
        site.login = cookies_set(&answer.headers);
        for kind in Kind::ALL {
            let answer = site.ask("GET", kind.path(), &navigation(&kind.cookies(&site.login)))?;
            if let Some(fault) = kind.fault(answer.status, &answer.headers, &answer.body) {
                return Err(format!("it answers {} with {fault}", kind.path()).into());
            }
            if !cookies_set(&answer.headers).is_empty() {
                site.sets_cookies.push(kind.name());
            }
        }
        Ok(site)
    }

    /// Requests a second.
    fn load(&self, kind: Kind, seconds: u32) -> Result<f64, BoxError> {
        let Setting {
            cores, connections, ..
        } = self.setting;
        let mut command = Command::new("taskset");
        command.args(["--cpu-list", cores[1], "wrk", "-t1"]);
        command.arg(format!("-c{connections}"));
        command.arg(format!("-d{seconds}s"));
        for (name, value) in &navigation(&kind.cookies(&self.login)) {
            // In another spelling, wrk would send the field twice.
            let name = if name == "host" {
                "Host"
            } else {
                name.as_str()
            };
            command
                .arg("-H")
                .arg(format!("{name}: {}", value.to_str()?));
        }
        let output = command
            .arg(format!("http://{}{}", self.address, kind.path()))
            .output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        let figure = |line: &str| {
            line.trim()
                .strip_prefix("Requests/sec:")?
                .trim()
                .parse()
                .ok()
        };
        let complaint = said
            .lines()
            .find(|line| line.contains("Non-2xx") || line.contains("Socket errors"));
        match (said.lines().find_map(figure), complaint) {
            (Some(rate), None) => Ok(rate),
            (_, complaint) => Err(format!(
                "{}, {}: wrk says {}{}",
                self.contender.name,
                kind.name(),
                complaint.unwrap_or("nothing of its rate"),
                String::from_utf8_lossy(&output.stderr)
            )
            .into()),
        }
    }

    /// Sends one request on a new connection.
    fn ask(&self, method: &str, path: &str, headers: &HeaderMap) -> Result<Answer, BoxError> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let mut request = format!("{method} {path} HTTP/1.1\r\n");
        for (name, value) in headers {
            request += &format!("{name}: {}\r\n", value.to_str()?);
        }
        request += "content-length: 0\r\nconnection: close\r\n\r\n";
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        parse(&answer).ok_or_else(|| format!("no answer of HTTP's: {answer:?}").into())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // gunicorn stops its worker when it is asked to stop, but not when it is killed.
        let asked = Command::new("kill")
            .arg(self.server.id().to_string())
            .status();
        if asked.is_err() {
            let _ = self.server.kill();
        }
        let _ = self.server.wait();
    }
}

/// Waits until the server listens.
fn wait_for(server: &mut Child, address: &str) -> Result<(), BoxError> {
    for _ in 0..200 {
        if let Some(status) = server.try_wait()? {
            return Err(format!("the server ended at once: {status}").into());
        }
        if TcpStream::connect(address).is_ok() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Err("the server does not answer".into())
}

fn parse(text: &str) -> Option<Answer> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        let name: HeaderName = name.parse().ok()?;
        Some((name, HeaderValue::from_str(value.trim()).ok()?))
    };
    let mut headers = HeaderMap::new();
    lines.filter_map(header).for_each(|(name, value)| {
        headers.append(name, value);
    });
    Some(Answer {
        status,
        headers,
        body: body.to_owned(),
    })
}
