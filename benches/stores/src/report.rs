//! The tables, in Markdown.

use std::fmt::Write as _;

use bench_report::{Figures, counted, three_digits, written};

use crate::caches::Cached;
use crate::purge::Purged;

/// The times of one store's operations.
pub(crate) struct Sizes {
    pub(crate) store: &'static str,
    pub(crate) records: Vec<u64>,
    /// The operation's name, and its figures by number of records.
    pub(crate) operations: Vec<(String, Vec<Figures>)>,
}

/// A store's operations: median and p99 for each number of records, and the ratio of the largest to the smallest.
pub(crate) fn sizes(of: &Sizes) -> String {
    let mut table = format!("| {} |", of.store);
    for count in &of.records {
        let count = counted(*count);
        let _ = write!(table, " {count} records, median | p99 |");
    }
    let (first, last) = (of.records[0], of.records[of.records.len() - 1]);
    let compares = of.records.len() > 1;
    if compares {
        let _ = write!(table, " {} / {} |", counted(last), counted(first));
    }
    table += "\n|---|";
    table += &"--:|".repeat(of.records.len() * 2 + usize::from(compares));
    for (name, figures) in &of.operations {
        let _ = write!(table, "\n| {name} |");
        for figures in figures {
            let (median, p99) = (written(figures.median()), written(figures.p99()));
            let _ = write!(table, " {median} | {p99} |");
        }
        if compares {
            let ratio = figures[figures.len() - 1].ratio_to(&figures[0]);
            let ratio = ratio.map_or("–".to_owned(), three_digits);
            let _ = write!(table, " {ratio} |");
        }
    }
    table + "\n"
}

/// The times of requests, without and with a purge.
pub(crate) fn purges(live: u64, expired: u64, stores: &[(&'static str, Purged)]) -> String {
    let mut table =
        "| | median | p99 | longest | median, purging | p99, purging | longest, purging |\n\
         |---|--:|--:|--:|--:|--:|--:|"
            .to_owned();
    for (store, purged) in stores {
        let Purged { calm, during, .. } = purged;
        for (name, calm, during) in [
            ("load", &calm.loads, &during.loads),
            ("touch", &calm.touches, &during.touches),
        ] {
            let _ = write!(table, "\n| {store}, {name} |");
            for figures in [calm, during] {
                for figure in [figures.median(), figures.p99(), figures.max()] {
                    let _ = write!(table, " {} |", written(figure));
                }
            }
        }
    }
    let (live, purged) = (counted(live), counted(expired));
    let _ = write!(
        table,
        "\n\n| purge of {purged} expired records beside {live} live ones | took | records a second |\n|---|--:|--:|"
    );
    for (store, purged) in stores {
        let took = purged.took;
        let rate = (expired as f64 / took.as_secs_f64()) as u64;
        let (took, rate) = (written(Some(took)), counted(rate));
        let _ = write!(table, "\n| {store} | {took} | {rate} |");
    }
    table + "\n"
}

/// How long it takes to look up a record that was read before, and how late its end is noticed.
pub(crate) fn caches(ways: &[Cached]) -> String {
    let mut table = "| | load, median | p99 | look up, kept in the process, median | p99 \
         | ended in another process until refused here, median | p99 | longest |\n|---|--:|--:|--:|--:|--:|--:|--:|"
        .to_owned();
    for way in ways {
        let _ = write!(table, "\n| {} |", way.name);
        for figure in [
            way.loads.median(),
            way.loads.p99(),
            way.hits.median(),
            way.hits.p99(),
            way.late.median(),
            way.late.p99(),
            way.late.max(),
        ] {
            let _ = write!(table, " {} |", written(figure));
        }
    }
    table + "\n"
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn figures(microseconds: u64) -> Figures {
        let mut figures = Figures::default();
        figures.add_round(vec![Duration::from_micros(microseconds); 100]);
        figures
    }

    #[test]
    fn a_store_has_its_sizes_side_by_side_and_how_they_compare() {
        let table = sizes(&Sizes {
            store: "SQLite",
            records: vec![10_000, 1_000_000],
            operations: vec![("load".to_owned(), vec![figures(10), figures(25)])],
        });
        assert_eq!(
            table,
            "| SQLite | 10,000 records, median | p99 | 1,000,000 records, median | p99 | 1,000,000 / 10,000 |\n\
             |---|--:|--:|--:|--:|--:|\n\
             | load | 10.0 µs | 10.0 µs | 25.0 µs | 25.0 µs | 2.50 |\n"
        );
    }

    #[test]
    fn one_size_is_compared_to_nothing() {
        let table = sizes(&Sizes {
            store: "memory",
            records: vec![1000],
            operations: vec![("load".to_owned(), vec![figures(1)])],
        });
        assert_eq!(
            table,
            "| memory | 1,000 records, median | p99 |\n|---|--:|--:|\n| load | 1.00 µs | 1.00 µs |\n"
        );
    }
}
