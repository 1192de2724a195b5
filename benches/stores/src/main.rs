//! How long an operation of a login store takes, with few records and with many, and while expired ones are purged.
//!
//! The stores are called through [`LoginStore`](housekey::records::LoginStore), as housekey calls them. Beside each stands
//! the plainest look-up of its database. Everything that is compared is measured in turns, so that other work on the
//! machine affects all of it.

mod backends;
mod caches;
mod operations;
mod options;
mod places;
mod population;
mod progress;
mod purge;
mod report;

use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::Instant;

use backends::{Backend, Memory};
use bench_report::{Figures, counted, document};
use housekey::BoxError;
use operations::{Contender, Filled, Operation};
use options::{Kind, Options};
use places::Places;
use population::Population;
use progress::Progress;
use purge::Purged;
use report::Sizes;

/// The marks of the tables for `--write`.
const MARK: &str = "stores";

#[tokio::main]
async fn main() -> ExitCode {
    let result = match Options::read(std::env::args().skip(1)) {
        Ok(Some(options)) => run(options).await,
        Ok(None) => {
            println!("{}", options::HELP);
            Ok(())
        }
        Err(error) => Err(error),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), BoxError> {
    if options.write {
        document::has_place(MARK)?;
    }
    let places = Arc::new(Places::claim(&options).await?);
    let mut bench = tokio::spawn(bench(Arc::clone(&places), Arc::new(options)));
    let ended = tokio::select! {
        ended = &mut bench => ended.unwrap_or_else(|error| Err(error.into())),
        _ = tokio::signal::ctrl_c() => {
            eprintln!("stopping, and deleting what was made");
            bench.abort();
            // It ends at its next wait.
            let _ = bench.await;
            Err("stopped".into())
        }
    };
    let removed = places.remove().await;
    ended.and(removed)
}

async fn bench(places: Arc<Places>, options: Arc<Options>) -> Result<(), BoxError> {
    let start = Instant::now();
    let mut report = about(&places, &options).await?;
    for table in measure_sizes(&places, &options).await? {
        report.push('\n');
        report.push_str(&report::sizes(&table));
    }
    let live = options.records[0];
    let expired = options.records[options.records.len() - 1];
    let mut purged = Vec::new();
    for kind in &places.kinds {
        purged.push((
            kind.title(),
            measure_purge(&places, *kind, live, expired).await?,
        ));
    }
    report.push('\n');
    report.push_str(&report::purges(live, expired, &purged));

    report.push('\n');
    report.push_str(&report::caches(&caches::measure(&places).await?));

    print!("{report}");
    eprintln!("measured in {} seconds", start.elapsed().as_secs());
    if let Some(file) = &options.markdown {
        std::fs::write(file, &report).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    if options.write {
        document::write([(MARK, report)])?;
    }
    Ok(())
}

async fn about(places: &Places, options: &Options) -> Result<String, BoxError> {
    let cores = std::thread::available_parallelism()?;
    let mut about = format!(
        "{} of each operation, one after the other; {cores} cores for everything, the servers included.",
        counted(options.operations as u64)
    );
    for line in places.about().await? {
        about = format!("{about} {line}.");
    }
    for skipped in &places.skipped {
        about = format!("{about} {skipped}");
    }
    Ok(about + "\n")
}

async fn measure_sizes(places: &Places, options: &Options) -> Result<Vec<Sizes>, BoxError> {
    let mut contenders = Vec::new();
    for kind in &places.kinds {
        for count in &options.records {
            contenders.push(contender(places, *kind, *count).await?);
        }
    }
    let figures = operations::measure(&mut contenders, options.operations).await?;

    let sizes = options.records.len();
    let of_stores = contenders.chunks(sizes).zip(figures.chunks(sizes));
    let tables = places.kinds.iter().zip(of_stores);
    Ok(tables
        .map(|(kind, (contenders, figures))| Sizes {
            store: kind.title(),
            records: options.records.clone(),
            operations: operations_of(&*contenders[0], figures),
        })
        .collect())
}

fn operations_of(
    contender: &dyn Contender,
    figures: &[[Figures; Operation::ALL.len()]],
) -> Vec<(String, Vec<Figures>)> {
    let named = Operation::ALL.iter().enumerate();
    named
        .filter_map(|(index, operation)| {
            let name = operation.name(contender)?;
            let figures = figures.iter().map(|figures| figures[index].clone());
            Some((name, figures.collect()))
        })
        .collect()
}

/// A store with this many records.
async fn contender(
    places: &Places,
    kind: Kind,
    count: u64,
) -> Result<Box<dyn Contender>, BoxError> {
    let name = count.to_string();
    Ok(match kind {
        Kind::Memory => Box::new(filled(Memory::default(), kind, count, 0).await?),
        Kind::Sqlite => Box::new(filled(places.sqlite(&name)?, kind, count, 0).await?),
        Kind::Postgres => Box::new(filled(places.postgres(&name).await?, kind, count, 0).await?),
        Kind::Redis => Box::new(filled(places.redis(&name)?, kind, count, 0).await?),
    })
}

async fn measure_purge(
    places: &Places,
    kind: Kind,
    live: u64,
    expired: u64,
) -> Result<Purged, BoxError> {
    let (what, name) = (format!("purging {}", kind.title()), "purge");
    match kind {
        Kind::Memory => {
            let filled = filled(Memory::default(), kind, live, expired).await?;
            purge::measure(what, filled, expired).await
        }
        Kind::Sqlite => {
            let filled = filled(places.sqlite(name)?, kind, live, expired).await?;
            purge::measure(what, filled, expired).await
        }
        Kind::Postgres => {
            let filled = filled(places.postgres(name).await?, kind, live, expired).await?;
            purge::measure(what, filled, expired).await
        }
        Kind::Redis => {
            let filled = filled(places.redis(name)?, kind, live, expired).await?;
            purge::measure(what, filled, expired).await
        }
    }
}

async fn filled<B: Backend>(
    backend: B,
    kind: Kind,
    live: u64,
    expired: u64,
) -> Result<Filled<B>, BoxError> {
    let mut population = Population::new(live);
    let some: Vec<_> = population.first().take(3).collect();
    backends::check(&backend, &some).await?;
    let count = live + expired;
    let what = format!("filling {} with {} records", kind.title(), counted(count));
    let records = population.expired(expired).chain(population.first());
    let records = Progress::new(what, count).over(records);
    backend.fill(records).await?;
    // Flushes pending writes to disk now, and not during a measurement. Without this program, the system writes them when
    // it likes.
    let _ = tokio::task::spawn_blocking(|| Command::new("sync").status()).await?;
    Ok(Filled {
        backend,
        population,
    })
}
