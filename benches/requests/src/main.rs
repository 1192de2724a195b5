//! What a request costs, on bare frameworks and on those with a login library: in this process and over HTTP.

mod chart;
mod detail;
mod http;
mod in_process;
mod requests;
mod sites;
mod users;

use std::path::PathBuf;
use std::process::ExitCode;

use bench_report::{Table, document};
use clap::{Args, Parser, Subcommand};
use sites::{BoxError, CONTENDERS, Server};
use tokio::runtime::Runtime;
use users::{Users, UsersIn};

/// What a request costs, beside other login libraries.
#[derive(Parser)]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// In this process, without a network: ns or allocations a request
    InProcess(InProcess),
    /// Over HTTP, with wrk: how much of the bare site's throughput is left
    Http(Http),
    /// Serves a contender on a free port, and prints the address
    #[command(hide = true)]
    Serve(Serve),
}

#[derive(Args)]
struct InProcess {
    /// Rounds, each with every contender
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Requests to each contender in a round
    #[arg(long, default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..))]
    iterations: u32,
    /// Asks this contender alone and prints nothing: for a profiler
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// Puts the tables into docs/BENCHMARKS.md
    #[arg(long)]
    write: bool,
}

#[derive(Args)]
struct Http {
    /// Rounds, each with every contender
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(3..))]
    rounds: u32,
    /// How long each contender is asked for each kind of page in a round
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Puts the tables and charts into docs/
    #[arg(long)]
    write: bool,
}

#[derive(Args)]
struct Serve {
    name: String,
    #[arg(long)]
    users: UsersIn,
    /// Where files go
    #[arg(long)]
    folder: PathBuf,
    /// Threads, for a site of axum's
    #[arg(long, default_value_t = 1)]
    workers: usize,
}

fn main() -> ExitCode {
    let done = match Options::parse().command {
        Command::InProcess(options) => in_process(&options),
        Command::Http(options) => {
            http::measure_all(&options).and_then(|it| publish(&it, options.write))
        }
        Command::Serve(options) => serve(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("request-benches: {error}");
            ExitCode::FAILURE
        }
    }
}

fn in_process(options: &InProcess) -> Result<(), BoxError> {
    let runtime = runtime()?;
    if let Some(name) = &options.only {
        return in_process::ask_only(&runtime, name, options);
    }
    publish(&in_process::measure_all(&runtime, options)?, options.write)
}

fn publish(measured: &[Table], write: bool) -> Result<(), BoxError> {
    for table in measured {
        println!("{}", table.markdown());
    }
    match write {
        true => document::write(
            measured
                .iter()
                .map(|table| (table.mark.as_str(), table.markdown())),
        ),
        false => Ok(()),
    }
}

fn serve(options: &Serve) -> Result<(), BoxError> {
    let Some(contender) = CONTENDERS.iter().find(|it| it.name == options.name) else {
        return Err(format!("there is no {:?}", options.name).into());
    };
    let listener = sites::listener()?;
    println!("{}", listener.local_addr()?);
    let runtime = match options.workers {
        1 => runtime()?,
        workers => tokio::runtime::Builder::new_multi_thread()
            .worker_threads(workers)
            .enable_all()
            .build()?,
    };
    let users = Users::new(options.users, &options.folder);
    match contender.server() {
        Server::Axum => runtime.block_on(async {
            let router = contender.router(users.await?, &options.folder).await?;
            let listener = tokio::net::TcpListener::from_std(listener)?;
            Ok(axum::serve(listener, router).await?)
        }),
        Server::Actix(logins) => sites::serve_actix(runtime.block_on(users)?, logins, listener),
        Server::Flask { .. } => Err("gunicorn serves this one".into()),
    }
}

/// One thread, like the one worker of each server.
fn runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}
