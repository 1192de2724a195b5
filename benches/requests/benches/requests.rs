//! What a request costs: in this process, without a network, in nanoseconds or in allocations.
//!
//! Rounds are interleaved: each asks every contender, in an order that turns, so that whatever else the machine does
//! meets all of them. The table has the median of the rounds, and the median of the differences to the first
//! contender in the same round.

use std::hint::black_box;
use std::process::ExitCode;
#[cfg(not(feature = "allocations"))]
use std::time::Instant;

use axum::extract::Request;
use housekey_benches::{Contender, call, contenders};
use tokio::runtime::Runtime;

/// Requests that are made beforehand. Few enough to stay in the processor's cache.
const BATCH: usize = 32;

const USAGE: &str = "\
cargo bench -p housekey-benches -- [--rounds N] [--iterations N] [--only NAME]

  --rounds N       rounds, each with every contender (default 200)
  --iterations N   requests to each contender in a round (default 1024)
  --only NAME      asks this contender alone and prints nothing: for a profiler";

struct Options {
    /// Without it this is a test run, which only checks the answers.
    measure: bool,
    rounds: usize,
    iterations: usize,
    only: Option<String>,
}

impl Options {
    fn read(mut arguments: impl Iterator<Item = String>) -> Option<Self> {
        let mut options = Self {
            measure: false,
            rounds: 200,
            iterations: 1024,
            only: None,
        };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--bench" => options.measure = true,
                "--rounds" => options.rounds = arguments.next()?.parse().ok()?,
                "--iterations" => options.iterations = arguments.next()?.parse().ok()?,
                "--only" => options.only = Some(arguments.next()?),
                _ => return None,
            }
        }
        (options.rounds > 0 && options.iterations > 0).then_some(options)
    }
}

fn main() -> ExitCode {
    let Some(options) = Options::read(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::FAILURE;
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let contenders = runtime.block_on(contenders());

    if let Some(name) = &options.only {
        let Some(only) = contenders.iter().find(|contender| contender.name == name) else {
            let names: Vec<_> = contenders.iter().map(|contender| contender.name).collect();
            eprintln!("there is no {name:?}; there are: {}", names.join(" | "));
            return ExitCode::FAILURE;
        };
        measure(&runtime, only, options.iterations);
        return ExitCode::SUCCESS;
    }
    for contender in &contenders {
        runtime.block_on(contender.check());
    }
    if options.measure {
        print(&contenders, &rounds(&runtime, &contenders, &options));
    } else {
        println!("all contenders answer as they should; cargo bench measures them");
    }
    ExitCode::SUCCESS
}

/// What a request cost each contender, round by round.
fn rounds(runtime: &Runtime, contenders: &[Contender], options: &Options) -> Vec<Vec<f64>> {
    let mut costs = vec![Vec::with_capacity(options.rounds); contenders.len()];
    for contender in contenders {
        measure(runtime, contender, options.iterations);
    }
    for round in 0..options.rounds {
        for turn in 0..contenders.len() {
            let index = (round + turn) % contenders.len();
            costs[index].push(measure(runtime, &contenders[index], options.iterations));
        }
    }
    costs
}

/// What a request costs, on average.
fn measure(runtime: &Runtime, contender: &Contender, iterations: usize) -> f64 {
    let batches = iterations.div_ceil(BATCH);
    let mut cost = 0.0;
    for _ in 0..batches {
        let requests: Vec<_> = (0..BATCH).map(|_| contender.request()).collect();
        cost += cost_of(|| runtime.block_on(ask(contender, requests)));
    }
    cost / (batches * BATCH) as f64
}

async fn ask(contender: &Contender, requests: Vec<Request>) {
    for request in requests {
        black_box(call(&contender.site, request).await);
    }
}

#[cfg(not(feature = "allocations"))]
const UNIT: &str = "ns";

#[cfg(not(feature = "allocations"))]
fn cost_of(act: impl FnOnce()) -> f64 {
    let start = Instant::now();
    act();
    start.elapsed().as_nanos() as f64
}

#[cfg(feature = "allocations")]
const UNIT: &str = "allocations";

#[cfg(feature = "allocations")]
fn cost_of(act: impl FnOnce()) -> f64 {
    allocation_counter::measure(act).count_total as f64
}

fn print(contenders: &[Contender], costs: &[Vec<f64>]) {
    let widest = contenders.iter().map(|contender| contender.name.len());
    let width = widest.max().unwrap_or_default();
    let heading = format!("{UNIT}/request");
    println!("{:width$}  {heading:>19}  {:>9}", "", "over bare");
    for (contender, own) in contenders.iter().zip(costs) {
        let over = own.iter().zip(&costs[0]).map(|(own, bare)| own - bare);
        println!(
            "{:width$}  {:19.0}  {:9.0}",
            contender.name,
            median(own.clone()),
            median(over.collect())
        );
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
