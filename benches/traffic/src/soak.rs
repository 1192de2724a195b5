//! Mixed traffic against one server over a long time, and the resources that the server uses meanwhile.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bench_report::{BoxError, Line, Row, Table, counted};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::Soak;
use crate::flat::{Course, Rule, Verdict};
use crate::samples::{Sample, Sampler};
use crate::server::{Pinned, Server, pin_the_load};
use crate::site::{ABSOLUTE, PURGE, Site};
use crate::visitors::{Tally, browse};

pub(crate) const MARK: &str = "soak";

/// As long as the longest login: after that, as many end as begin.
const WARM_UP: Duration = ABSOLUTE;
const EACH: Duration = Duration::from_secs(1);
const MIB: f64 = 1024.0 * 1024.0;

pub(crate) struct Soaked {
    pub(crate) table: Table,
    /// What went wrong.
    pub(crate) faults: Vec<String>,
}

pub(crate) async fn measure(options: &Soak) -> Result<Soaked, BoxError> {
    let pinned = pin_the_load();
    let folder = tempfile::tempdir()?;
    let server = Server::start(Site::ShortLived, folder.path(), pinned)?;
    let tally = Arc::new(Tally::default());
    let mut course = Soaking::new(&server, folder.path(), Arc::clone(&tally))?;
    let before = course.sampler.take()?;

    let mut browsers = JoinSet::new();
    for browser in 0..u64::from(options.browsers) {
        browsers.spawn(browse(server.address, browser, Arc::clone(&tally)));
    }
    course.go_on("warming up", WARM_UP).await?;
    course.looks.clear();
    let time = Duration::from_secs(60 * options.minutes);
    course.go_on("soaking", time).await?;
    tally.enough();
    course.line.say("waiting for the last visits to end");
    while let Some(ended) = browsers.join_next().await {
        ended?;
    }
    let after = course.come_to_rest().await?;
    course.line.end();
    course.report(options, pinned, before, after)
}

/// The server under traffic, and its samples.
struct Soaking {
    sampler: Sampler,
    tally: Arc<Tally>,
    line: Line,
    looks: Vec<Look>,
}

struct Look {
    sample: Sample,
    requests_a_second: f64,
}

impl Soaking {
    fn new(server: &Server, folder: &Path, tally: Arc<Tally>) -> Result<Self, BoxError> {
        Ok(Self {
            sampler: Sampler::new(server.id(), folder)?,
            tally,
            line: Line::default(),
            looks: Vec::new(),
        })
    }

    /// Takes a sample once a second, for this long.
    async fn go_on(&mut self, what: &str, time: Duration) -> Result<(), BoxError> {
        let start = Instant::now();
        let mut ticks = interval(EACH);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.tick().await;
        let (mut since, mut requests) = (start, self.requests());
        while start.elapsed() < time {
            ticks.tick().await;
            let (now, so_far) = (Instant::now(), self.requests());
            let look = Look {
                sample: self.sampler.take()?,
                requests_a_second: (so_far - requests) as f64 / (now - since).as_secs_f64(),
            };
            (since, requests) = (now, so_far);
            self.line.say(&format!(
                "{what}: {} of {} s, {:.0} requests a second, {} records, {:.1} MiB, {} wrong answers",
                start.elapsed().as_secs().min(time.as_secs()),
                time.as_secs(),
                look.requests_a_second,
                look.sample.records,
                look.sample.memory as f64 / MIB,
                self.tally.wrong(),
            ));
            self.looks.push(look);
        }
        Ok(())
    }

    fn requests(&self) -> u64 {
        self.tally.requests.load(Ordering::Relaxed)
    }

    /// After everybody has gone: waits until no record is left, or until each should have expired and been deleted twice.
    async fn come_to_rest(&mut self) -> Result<Sample, BoxError> {
        let start = Instant::now();
        loop {
            let sample = self.sampler.take()?;
            if sample.records == 0 || start.elapsed() > ABSOLUTE + 2 * PURGE {
                return Ok(sample);
            }
            let left = sample.records;
            self.line
                .say(&format!("everybody has gone: {left} records left"));
            tokio::time::sleep(EACH).await;
        }
    }

    fn report(
        &self,
        options: &Soak,
        pinned: Pinned,
        before: Sample,
        after: Sample,
    ) -> Result<Soaked, BoxError> {
        let title = format!(
            "{} minutes of mixed traffic, {} browsers",
            options.minutes, options.browsers
        );
        let columns = ["first tenth", "middle", "last tenth", "it is"];
        let mut table = Table::new(MARK, &title, &columns);
        let mut faults = Vec::new();
        for quantity in Quantity::ALL {
            let looks: Vec<_> = self.looks.iter().map(|look| (quantity.of)(look)).collect();
            let course = Course::of(&looks, quantity.rule).ok_or("too few looks")?;
            if course.verdict == Verdict::Grows {
                faults.push(format!("{} grows", quantity.name));
            }
            let figures = [course.first, course.middle, course.last];
            let mut cells: Vec<_> = figures.map(quantity.written).into();
            cells.push(course.verdict.name().to_owned());
            table.rows.push(Row {
                name: quantity.name.to_owned(),
                cells,
            });
        }
        let right = self.tally.right();
        let right: Vec<_> = right
            .iter()
            .map(|(what, count)| format!("{} {what}", counted(*count)))
            .collect();
        let wrong = self.tally.wrong();
        table.notes.push(format!(
            "{} requests with the warm-up: {}. Answers that were not what they had to be: {wrong}.",
            counted(self.requests()),
            right.join(", ")
        ));
        table.notes.push(format!(
            "Before anybody came: {}, {} open files. After the last one had gone and every login had ended: {}, {} open \
             files, {} records.",
            mebibytes(before.memory as f64),
            before.open_files,
            mebibytes(after.memory as f64),
            after.open_files,
            after.records
        ));
        table.notes.extend(pinned.note());
        if wrong > 0 {
            let first = self.tally.first_wrong().join("\n  ");
            faults.push(format!(
                "{wrong} wrong answers, the first of them:\n  {first}"
            ));
        }
        if after.records > 0 {
            faults.push(format!("{} records are left", after.records));
        }
        Ok(Soaked { table, faults })
    }
}

/// The measured quantities.
struct Quantity {
    name: &'static str,
    of: fn(&Look) -> f64,
    rule: Rule,
    written: fn(f64) -> String,
}

impl Quantity {
    const ALL: [Self; 6] = [
        Self {
            name: "memory in use",
            of: |look| look.sample.memory as f64,
            rule: Rule::MustNotGrow { slack: 2.0 * MIB },
            written: mebibytes,
        },
        Self {
            name: "open files",
            of: |look| look.sample.open_files as f64,
            rule: Rule::MustNotGrow { slack: 8.0 },
            written: whole,
        },
        Self {
            name: "login records",
            of: |look| look.sample.records as f64,
            rule: Rule::MustNotGrow { slack: 50.0 },
            written: whole,
        },
        Self {
            name: "those with a remember token",
            of: |look| look.sample.remembered as f64,
            rule: Rule::MustNotGrow { slack: 50.0 },
            written: whole,
        },
        Self {
            name: "database and its log",
            of: |look| look.sample.disk as f64,
            rule: Rule::MustNotGrow { slack: MIB },
            written: mebibytes,
        },
        Self {
            name: "requests a second",
            of: |look| look.requests_a_second,
            rule: Rule::MustNotFall,
            written: whole,
        },
    ];
}

fn mebibytes(bytes: f64) -> String {
    format!("{:.1} MiB", bytes / MIB)
}

fn whole(number: f64) -> String {
    counted(number.round() as u64)
}
