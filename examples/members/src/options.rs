//! The command line.

use std::path::PathBuf;

use clap::Parser;

/// A small members' site: an example of housekey, session login for axum.
///
/// Logs go to standard error: lines for a person at a terminal, JSON otherwise.
/// RUST_LOG sets how much is told (for example RUST_LOG=debug).
#[derive(Clone, Debug, Parser)]
#[command(version)]
pub struct Options {
    /// Where to listen
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:3000")]
    pub listen: String,

    /// Where the database and the secret key are kept; made when missing
    #[arg(long, value_name = "FOLDER", default_value = "members-data")]
    pub data: PathBuf,

    /// The site is reached over HTTPS, through one proxy in front of it
    ///
    /// Cookies become Secure, browsers are told to insist on HTTPS, and the last entry of X-Forwarded-For is taken
    /// for the visitor's address. The proxy must pass the Host header on unchanged.
    #[arg(long)]
    pub https: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_options_are_consistent() {
        Options::command().debug_assert();
    }

    #[test]
    fn without_options_it_listens_on_this_machine_only() {
        let options = Options::parse_from(["members"]);
        assert_eq!(options.listen, "127.0.0.1:3000");
        assert_eq!(options.data, PathBuf::from("members-data"));
        assert!(!options.https);
    }
}
