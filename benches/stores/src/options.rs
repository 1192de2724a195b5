//! The options of the command line.

use std::path::PathBuf;

use crate::BoxError;

pub(crate) const HELP: &str = "\
What an operation of a login store takes, with few records and with many, and while a million expired ones are purged;
and with records that are kept in the process.

  --store NAME       only this store: memory, sqlite, postgres or redis; may be given several times (default: all)
  --records N,M      how many records there are, the fewest first (default 10000,1000000)
  --operations N     how many of each operation are measured (default 2000)
  --markdown FILE    writes the tables into this file as well
  --write            puts the tables into docs/BENCHMARKS.md, between <!-- stores --> and <!-- /stores -->

PostgreSQL is the server of DATABASE_URL, Redis that of REDIS_URL; without the variable, a store is skipped. What is made
there has the names housekey_store_bench (a schema) and housekey-store-bench: (a prefix of keys), and is deleted at the
end; when there is something of that name already, nothing is measured. SQLite's file is in a temporary folder.";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Memory,
    Sqlite,
    Postgres,
    Redis,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Memory, Self::Sqlite, Self::Postgres, Self::Redis];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Memory => "Memory",
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
            Self::Redis => "Redis",
        }
    }

    fn option(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::Redis => "redis",
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) stores: Vec<Kind>,
    /// Ascending, at least one.
    pub(crate) records: Vec<u64>,
    pub(crate) operations: usize,
    pub(crate) markdown: Option<PathBuf>,
    pub(crate) write: bool,
}

impl Options {
    /// `None` if only help was asked for.
    pub(crate) fn read(
        mut arguments: impl Iterator<Item = String>,
    ) -> Result<Option<Self>, BoxError> {
        let mut options = Self {
            stores: Vec::new(),
            records: vec![10_000, 1_000_000],
            operations: 2000,
            markdown: None,
            write: false,
        };
        while let Some(argument) = arguments.next() {
            let mut value = || {
                let value = arguments.next();
                value.ok_or_else(|| format!("{argument} takes a value; --help says which"))
            };
            match argument.as_str() {
                "-h" | "--help" => return Ok(None),
                "--store" => options.stores.push(store(&value()?)?),
                "--records" => options.records = records(&value()?)?,
                "--operations" => options.operations = operations(&value()?)?,
                "--markdown" => options.markdown = Some(value()?.into()),
                "--write" => options.write = true,
                _ => return Err(format!("{argument:?} is not an option; --help lists them").into()),
            }
        }
        if options.stores.is_empty() {
            options.stores = Kind::ALL.to_vec();
        }
        Ok(Some(options))
    }
}

fn store(name: &str) -> Result<Kind, BoxError> {
    let kind = Kind::ALL.into_iter().find(|kind| kind.option() == name);
    kind.ok_or_else(|| {
        let names = Kind::ALL.map(Kind::option).join(", ");
        format!("--store: there is no {name:?}; there are {names}").into()
    })
}

fn records(list: &str) -> Result<Vec<u64>, BoxError> {
    let numbers: Result<Vec<u64>, _> = list.split(',').map(str::parse).collect();
    match numbers {
        // With fewer, all of them would soon be deleted.
        Ok(numbers) if numbers[0] >= 1000 && numbers.is_sorted_by(|a, b| a < b) => Ok(numbers),
        _ => Err(format!(
            "--records: {list:?} should be numbers with commas between them, ascending, from 1000 on"
        )
        .into()),
    }
}

fn operations(number: &str) -> Result<usize, BoxError> {
    match number.parse() {
        // Each touch comes a second after the one before, and no record may expire meanwhile.
        Ok(number) if (100..=100_000).contains(&number) => Ok(number),
        _ => Err(format!("--operations: {number:?} should be from 100 to 100000").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Option<Options>, String> {
        let arguments = line.split_whitespace().map(str::to_owned);
        Options::read(arguments).map_err(|error| error.to_string())
    }

    #[test]
    fn without_options_everything_is_measured() {
        let options = read("").unwrap().unwrap();
        assert_eq!(options.stores, Kind::ALL);
        assert_eq!(options.records, [10_000, 1_000_000]);
    }

    #[test]
    fn options_choose_stores_sizes_and_where_the_tables_go() {
        let line = "--store redis --store memory --records 1000,5000,9000 --operations 100 --markdown a.md --write";
        let options = read(line).unwrap().unwrap();
        let expected = Options {
            stores: vec![Kind::Redis, Kind::Memory],
            records: vec![1000, 5000, 9000],
            operations: 100,
            markdown: Some("a.md".into()),
            write: true,
        };
        assert_eq!(options, expected);
        assert_eq!(read("--operations 100 --help").unwrap(), None);
    }

    #[test]
    fn what_cannot_be_measured_is_refused_with_the_option_that_says_it() {
        for (line, named) in [
            ("--store mysql", "memory, sqlite, postgres, redis"),
            ("--store", "--store"),
            ("--records 1000000,10000", "ascending"),
            ("--records 10000,10000", "ascending"),
            ("--records 10", "from 1000"),
            ("--records ten", "--records"),
            ("--operations 0", "--operations"),
            ("--operations 1000000", "--operations"),
            ("--fast", "--fast"),
        ] {
            let refused = read(line).unwrap_err();
            assert!(refused.contains(named), "{line}: {refused}");
        }
    }
}
