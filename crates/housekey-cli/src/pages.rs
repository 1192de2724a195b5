//! Completions and the man page, made from the command line's definitions.

use std::io;

use clap::{Arg, Command, CommandFactory as _};
use clap_mangen::Man;

use crate::arguments::Arguments;
use crate::output::{self, Failure};

pub(crate) fn completions(shell: clap_complete::Shell) -> Result<i32, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "housekey", &mut script);
    print(&script)
}

/// One page for all commands, so that there is one file to install.
pub(crate) fn man() -> Result<i32, Failure> {
    let mut command = Arguments::command().disable_help_subcommand(true);
    command.build();
    let page = page(&command).map_err(|error| Failure::Failed(error.to_string()))?;
    print(&page)
}

fn page(command: &Command) -> io::Result<Vec<u8>> {
    let man = Man::new(command.clone());
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    for (command, above) in below(command) {
        render(&command, &above, &mut page)?;
    }
    man.render_version_section(&mut page)?;
    Ok(page)
}

/// The commands to describe, each with its parent.
fn below(above: &Command) -> Vec<(Command, Command)> {
    let mut found = Vec::new();
    for command in above.get_subcommands() {
        let says_more = command.get_arguments().any(is_its_own);
        if says_more || !command.has_subcommands() {
            found.push((command.clone(), above.clone()));
        }
        found.extend(below(command));
    }
    found
}

fn is_its_own(argument: &Arg) -> bool {
    !matches!(argument.get_id().as_str(), "help" | "version")
}

/// A section with the options that no command above has.
fn render(command: &Command, above: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    let name = command.get_bin_name().unwrap_or(command.get_name());
    let name = name.to_uppercase().replace('-', "\\-");
    let of_above = |argument: &Arg| {
        above
            .get_arguments()
            .any(|it| it.get_id() == argument.get_id())
    };
    let is_said = |argument: &Arg| of_above(argument) || !is_its_own(argument);
    let command = command.clone().mut_args(|argument| {
        let said = is_said(&argument);
        match said {
            true => argument.hide(true),
            false => argument,
        }
    });
    let man = Man::new(command.clone());
    let mut section = Vec::new();
    man.render_synopsis_section(&mut section)?;
    man.render_description_section(&mut section)?;
    if command
        .get_arguments()
        .any(|argument| !argument.is_hide_set())
    {
        man.render_options_section(&mut section)?;
    }
    let section = String::from_utf8_lossy(&section).replace(".SH ", ".SS ");
    page.extend(format!(".SH {name}\n{section}").bytes());
    Ok(())
}

fn print(bytes: &[u8]) -> Result<i32, Failure> {
    output::print(&String::from_utf8_lossy(bytes))?;
    Ok(0)
}
