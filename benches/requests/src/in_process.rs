//! What a request costs in this process, without a network: in nanoseconds or in allocations.
//!
//! Rounds are interleaved: each asks every contender, in a rotating order, so that other work on the machine affects all of
//! them. The tables have the medians of the rounds, and the medians of the differences to the bare site in the same round.

#[cfg(not(feature = "allocations"))]
use std::time::Instant;

use axum::http::{HeaderMap, Method, Request, StatusCode};
use bench_report::{Progress, Row, Table, median};
use tokio::runtime::Runtime;

use crate::requests::{Kind, cookies_note, cookies_set, navigation};
use crate::sites::{BoxError, CONTENDERS, Server, Site};
use crate::users::{Users, UsersIn};
use crate::{InProcess, detail, requests};

/// Requests made in advance: few enough to stay in the processor's cache.
const BATCH: usize = 32;

/// A site and the requests for it.
pub(crate) struct Asked {
    pub(crate) name: String,
    /// The index of the contender that it is compared with.
    bare: usize,
    site: Site,
    request: Request<()>,
}

/// Why an answer is wrong.
pub(crate) type Fault<'a> = &'a dyn Fn(StatusCode, &HeaderMap, &str) -> Option<String>;

impl Asked {
    /// Asks once, and checks the answer. Returns whether it sets a cookie.
    pub(crate) async fn new(
        name: impl Into<String>,
        bare: usize,
        site: &Site,
        (path, headers): (&str, &HeaderMap),
        fault: Fault<'_>,
    ) -> Result<(Self, bool), BoxError> {
        let asked = Self {
            name: name.into(),
            bare,
            site: site.clone(),
            request: request(Method::GET, path, headers)?,
        };
        let answer = asked.site.answer(&asked.request).await?;
        match fault(answer.status, &answer.headers, &answer.body) {
            Some(fault) => Err(format!("{} answers {path} with {fault}", asked.name).into()),
            None => Ok((asked, !cookies_set(&answer.headers).is_empty())),
        }
    }
}

fn request(method: Method, path: &str, headers: &HeaderMap) -> Result<Request<()>, BoxError> {
    let mut request = Request::new(());
    *request.method_mut() = method;
    *request.uri_mut() = path.parse()?;
    *request.headers_mut() = headers.clone();
    Ok(request)
}

/// A browser's cookies after signing in.
pub(crate) async fn sign_in(site: &Site, path: &str) -> Result<Vec<String>, BoxError> {
    let answer = site
        .answer(&request(Method::POST, path, &navigation(&[]))?)
        .await?;
    if answer.status != StatusCode::NO_CONTENT {
        return Err(format!("nobody can sign in: {}", answer.status).into());
    }
    Ok(cookies_set(&answer.headers))
}

/// Measures all contenders and returns the tables.
pub(crate) fn measure_all(runtime: &Runtime, options: &InProcess) -> Result<Vec<Table>, BoxError> {
    let mut tables = Vec::new();
    for users in [UsersIn::Memory, UsersIn::Sqlite] {
        let folder = tempfile::tempdir()?;
        let (asked, mut table) = runtime.block_on(beside_peers(users, folder.path()))?;
        let costs = rounds(runtime, &asked, options, &table.title);
        fill(&mut table, &asked, &costs, Kind::ALL.len());
        tables.push(table);
    }
    let asked = runtime.block_on(detail::contenders())?;
    let mut table = Table::new(
        "detail",
        &format!("housekey in detail, {UNIT}"),
        &["a request", "over axum alone"],
    );
    let costs = rounds(runtime, &asked, options, &table.title);
    for (asked, over) in asked.iter().zip(over_bare(&asked, &costs)) {
        table.rows.push(Row {
            name: asked.name.clone(),
            cells: vec![format!("{:.0}", over.own), format!("{:.0}", over.over)],
        });
    }
    tables.push(table);
    Ok(tables)
}

/// Asks one contender without measuring, for a profiler.
pub(crate) fn ask_only(runtime: &Runtime, name: &str, options: &InProcess) -> Result<(), BoxError> {
    let folder = tempfile::tempdir()?;
    let mut all = runtime.block_on(detail::contenders())?;
    all.extend(
        runtime
            .block_on(beside_peers(UsersIn::Memory, folder.path()))?
            .0,
    );
    let Some(only) = all.iter().find(|asked| asked.name == name) else {
        let names: Vec<_> = all.iter().map(|asked| asked.name.as_str()).collect();
        return Err(format!("there is no {name:?}; there are: {}", names.join(" | ")).into());
    };
    cost(runtime, only, options.iterations);
    Ok(())
}

/// Every contender except those in Python, with each kind of request, and an empty table for them.
async fn beside_peers(
    users: UsersIn,
    folder: &std::path::Path,
) -> Result<(Vec<Asked>, Table), BoxError> {
    let mut table = Table::new(
        &format!("in-process-{}", users.name()),
        &format!(
            "In process, {UNIT} over the bare site, users in {}",
            users.label()
        ),
        &Kind::ALL.map(Kind::name),
    );
    let users = Users::new(users, folder).await?;
    let mut all: Vec<Asked> = Vec::new();
    // Contenders follow the bare site that they are compared with.
    let mut bare = 0;
    for contender in CONTENDERS {
        if matches!(contender.server(), Server::Flask { .. }) {
            continue;
        }
        if let Some(variable) = contender.missing_variable() {
            table.notes.push(format!(
                "{}: left out, since {variable} is not set.",
                contender.name
            ));
            continue;
        }
        if contender.is_bare() {
            bare = all.len();
        }
        let site = contender.site(users.clone(), folder).await?;
        let login = sign_in(&site, requests::LOGIN_PAGE).await?;
        let mut sets_cookies = Vec::new();
        for (index, kind) in Kind::ALL.into_iter().enumerate() {
            let name = format!("{}, {}", contender.name, kind.name());
            let headers = navigation(&kind.cookies(&login));
            let fault = |status, headers: &HeaderMap, body: &str| kind.fault(status, headers, body);
            let to = (kind.path(), &headers);
            let (asked, sets) = Asked::new(name, bare + index, &site, to, &fault).await?;
            all.push(asked);
            if sets {
                sets_cookies.push(kind.name());
            }
        }
        table
            .notes
            .extend(cookies_note(contender.name, &sets_cookies));
        table.rows.push(Row {
            name: contender.name.to_owned(),
            cells: Vec::new(),
        });
    }
    Ok((all, table))
}

/// Fills rows with one cell for each kind: the cost for a bare site, the added cost for others.
fn fill(table: &mut Table, asked: &[Asked], costs: &[Vec<f64>], kinds: usize) {
    for (index, over) in over_bare(asked, costs).into_iter().enumerate() {
        table.rows[index / kinds]
            .cells
            .push(match asked[index].bare == index {
                true => format!("({:.0} alone)", over.own),
                false => format!("{:.0}", over.over),
            });
    }
}

struct Over {
    own: f64,
    over: f64,
}

fn over_bare(asked: &[Asked], costs: &[Vec<f64>]) -> Vec<Over> {
    let both = asked.iter().zip(costs);
    both.map(|(asked, own)| {
        let over = own.iter().zip(&costs[asked.bare]);
        Over {
            own: median(own.clone()),
            over: median(over.map(|(own, bare)| own - bare).collect()),
        }
    })
    .collect()
}

/// The cost of a request for each contender, by round.
fn rounds(runtime: &Runtime, all: &[Asked], options: &InProcess, title: &str) -> Vec<Vec<f64>> {
    let mut costs = vec![Vec::new(); all.len()];
    let mut progress = Progress::new(title, options.rounds);
    for asked in all {
        cost(runtime, asked, options.iterations);
    }
    for round in 0..options.rounds as usize {
        for turn in 0..all.len() {
            let index = (round + turn) % all.len();
            costs[index].push(cost(runtime, &all[index], options.iterations));
        }
        progress.step();
    }
    costs
}

/// The average cost of a request.
fn cost(runtime: &Runtime, asked: &Asked, iterations: u32) -> f64 {
    let batches = iterations.div_ceil(BATCH as u32);
    let mut cost = 0.0;
    for _ in 0..batches {
        let batch = asked.site.batch(&asked.request, BATCH);
        cost += cost_of(|| runtime.block_on(batch));
    }
    cost / (f64::from(batches) * BATCH as f64)
}

#[cfg(not(feature = "allocations"))]
pub(crate) const UNIT: &str = "ns";

#[cfg(not(feature = "allocations"))]
fn cost_of(act: impl FnOnce()) -> f64 {
    let start = Instant::now();
    act();
    start.elapsed().as_nanos() as f64
}

#[cfg(feature = "allocations")]
pub(crate) const UNIT: &str = "allocations";

#[cfg(feature = "allocations")]
fn cost_of(act: impl FnOnce()) -> f64 {
    allocation_counter::measure(act).count_total as f64
}
