//! How a site with housekey behaves under traffic: while many people sign in at once, and over a long time.

mod client;
mod flat;
mod open_loop;
mod samples;
mod server;
mod site;
mod soak;
mod storm;
mod visitors;

use std::path::PathBuf;
use std::process::ExitCode;

use bench_report::{BoxError, Table, document};
use clap::{Args, Parser, Subcommand};
use site::Site;

/// What a site with housekey does under traffic.
#[derive(Parser)]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Many people sign in at once, while others go on
    ///
    /// How long protected pages take while 200 people sign in at once with argon2id, and without that: with housekey,
    /// and with the same site that hashes on tokio's own worker threads. Pages are asked for at their time, whether
    /// those before have been answered or not, and what they took counts from that time.
    #[command(verbatim_doc_comment)]
    Storm(Storm),
    /// Mixed traffic over a long time: does anything grow, is a login lost?
    ///
    /// People sign in, read, come back by a remember token, sign out, mistype passwords, and try the cookies of logins
    /// that have ended, at a site with short timeouts. Hashes are as cheap as can be here, so that it is requests that
    /// keep the server busy.
    ///
    /// Flat is what has, in the last tenth of the time, a median of no more than a tenth above that of the first tenth
    /// and a little on top (memory 2 MiB, 8 open files, 50 records, 1 MiB on disk); for requests a second, no less than
    /// nine tenths of it. It fails (exit status 1) when something other than requests a second is not flat, when any
    /// answer was not what it had to be, and when records are left after everybody has gone.
    #[command(verbatim_doc_comment)]
    Soak(Soak),
    /// Serves a site on a free port, and prints the address
    #[command(hide = true)]
    Serve(Serve),
}

#[derive(Args)]
struct Storm {
    /// Rounds, each with every site; the table has their medians
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// How many sign in at once
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1000))]
    people: u32,
    /// Pages asked for in a second
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pages: u32,
    #[command(flatten)]
    goes_to: GoesTo,
}

#[derive(Args)]
struct Soak {
    /// How long, after a warm-up of one minute
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    minutes: u64,
    /// How many browsers are at it at the same time
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    browsers: u32,
    #[command(flatten)]
    goes_to: GoesTo,
}

/// Where the table goes, besides the standard output.
#[derive(Args)]
struct GoesTo {
    /// Writes the table into this file as well
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Puts the table into docs/BENCHMARKS.md
    #[arg(long)]
    write: bool,
}

#[derive(Args)]
struct Serve {
    site: Site,
    /// Where files go
    #[arg(long)]
    folder: PathBuf,
}

fn main() -> ExitCode {
    let done = match Options::parse().command {
        Command::Storm(options) => storm(&options),
        Command::Soak(options) => soak(&options),
        Command::Serve(options) => site::serve(options.site, &options.folder),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("traffic-benches: {error}");
            ExitCode::FAILURE
        }
    }
}

fn storm(options: &Storm) -> Result<(), BoxError> {
    options.goes_to.check(storm::MARK)?;
    let table = until_stopped(storm::measure(options))?;
    options.goes_to.publish(&table)
}

fn soak(options: &Soak) -> Result<(), BoxError> {
    options.goes_to.check(soak::MARK)?;
    let soaked = until_stopped(soak::measure(options))?;
    options.goes_to.publish(&soaked.table)?;
    match soaked.faults.is_empty() {
        true => Ok(()),
        false => Err(soaked.faults.join("; ").into()),
    }
}

/// One thread is enough for the load. Ctrl-C stops the server too, and leaves no files behind.
fn until_stopped<T>(measured: impl Future<Output = Result<T, BoxError>>) -> Result<T, BoxError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        tokio::select! {
            measured = measured => measured,
            _ = tokio::signal::ctrl_c() => Err("stopped".into()),
        }
    })
}

impl GoesTo {
    /// Before a long measurement.
    fn check(&self, mark: &str) -> Result<(), BoxError> {
        match self.write {
            true => document::has_place(mark),
            false => Ok(()),
        }
    }

    fn publish(&self, table: &Table) -> Result<(), BoxError> {
        let text = table.markdown();
        println!("{text}");
        if let Some(file) = &self.markdown {
            std::fs::write(file, &text).map_err(|error| format!("{}: {error}", file.display()))?;
        }
        match self.write {
            true => document::write([(table.mark.as_str(), text)]),
            false => Ok(()),
        }
    }
}
