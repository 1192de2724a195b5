//! `housekey`: an administrator's questions at a terminal. The library decides what counts; this asks and shows.

mod address;
mod arguments;
mod cookie;
mod keys;
mod logins;
mod output;
mod pages;
mod site;
mod stores;

use std::process::exit;

use clap::Parser as _;

use crate::arguments::{Arguments, Command};
use crate::output::{Failure, complain};

fn main() {
    let code = match Arguments::try_parse_from(arguments::with_login_ids(std::env::args_os())) {
        Ok(arguments) => match run(arguments.command) {
            Ok(code) => code,
            Err(failure) => {
                complain(&failure.message());
                failure.code()
            }
        },
        Err(error) if error.use_stderr() => {
            complain(&error.render().to_string());
            2
        }
        // What --help and --version say.
        Err(error) => match output::print(&error.render().to_string()) {
            Ok(()) => 0,
            Err(failure) => failure.code(),
        },
    };
    // Exits at once, without waiting for threads: a name look-up that hangs has one.
    exit(code);
}

fn run(command: Command) -> Result<i32, Failure> {
    match command {
        Command::Key(command) => keys::run(command),
        Command::Cookie(command) => cookie::run(command),
        Command::Logins(options) => logins::run(options),
        Command::Completions { shell } => pages::completions(shell),
        Command::Man => pages::man(),
    }
}
