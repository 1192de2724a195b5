//! Users do anything, in any order, at either side; a model says what must happen.
//!
//! Each case is a list of actions by two browsers with three accounts. `PROPTEST_CASES` sets the number of cases, and
//! `PROPTEST_RNG_SEED` repeats a run. A list that fails is shortened before it is shown.

mod actions;
mod model;

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{TestError, TestRunner};

use crate::harness::{Person, RUNTIME, Settings, Side, Site, Stage, eprintln_uncaptured};
use actions::{Action, PASSWORD, Performer};
use model::{Model, Protection, Rules};

const CASES: u32 = 160;
const ACTIONS: std::ops::Range<usize> = 1..60;
const BROWSERS: usize = 2;
/// Where they signed up.
const PEOPLE: [(&str, Side); 3] = [
    ("mia", Side::Flask),
    ("佐藤", Side::Rust),
    ("a.b|c", Side::Flask),
];

/// How long it may print nothing.
const PATIENCE: Duration = Duration::from_secs(2);

/// The sites on which cases are played, each with a different set of rules.
fn sites() -> Vec<(Rules, Arc<Site>)> {
    let rules = |protection, fragment_ids, next_in_session, refresh_tokens| Rules {
        protection,
        fragment_ids,
        next_in_session,
        refresh_tokens,
    };
    let all = [
        rules(Protection::Basic, false, false, false),
        rules(Protection::Strong, true, false, false),
        rules(Protection::Strong, false, true, true),
        rules(Protection::Basic, true, true, true),
        rules(Protection::Off, true, false, true),
    ];
    let start = async |rules| (rules, Site::shared(settings(rules)).await);
    RUNTIME.block_on(async {
        let mut sites = Vec::new();
        for rules in all {
            sites.push(start(rules).await);
        }
        sites
    })
}

fn settings(rules: Rules) -> Settings {
    let switch = |on| if on { "on" } else { "off" };
    Settings::new()
        .with("SESSION_PROTECTION", rules.protection.name())
        .with(
            "USER_IDS",
            if rules.fragment_ids {
                "fragment"
            } else {
                "plain"
            },
        )
        .with("USE_SESSION_FOR_NEXT", switch(rules.next_in_session))
        .with(
            "REMEMBER_COOKIE_REFRESH_EACH_REQUEST",
            switch(rules.refresh_tokens),
        )
}

#[test]
fn both_sides_follow_the_model_for_every_action() {
    let sites = sites();
    let mut config = ProptestConfig {
        failure_persistence: None,
        max_shrink_time: 120_000,
        ..ProptestConfig::default()
    };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = CASES;
    }
    let progress = Progress::new(config.cases);
    let strategy = (0..sites.len(), vec(any::<Action>(), ACTIONS));
    let result = TestRunner::new(config).run(&strategy, |(number, actions)| {
        let (rules, site) = &sites[number];
        let stage = Stage::new(Arc::clone(site), Side::Flask);
        progress.a_case_of(actions.len());
        RUNTIME.block_on(async {
            let Err(difference) = play(&stage, *rules, &actions).await else {
                return Ok(());
            };
            progress.failed();
            let story = stage.story().await;
            Err(TestCaseError::fail(format!("{difference}\n{story}")))
        })
    });
    match result {
        Ok(()) => progress.done(),
        Err(TestError::Fail(why, (number, actions))) => {
            let rules = sites[number].0;
            let line = |action: &Action| format!("  {action:?}\n");
            let actions: String = actions.iter().map(line).collect();
            panic!("under {rules:?}, after\n{actions}this:\n  {why}");
        }
        Err(TestError::Abort(why)) => panic!("{why}"),
    }
}

/// Performs all actions, and compares each answer with the model.
async fn play(stage: &Stage, rules: Rules, actions: &[Action]) -> Result<(), String> {
    let mut people: Vec<Person> = Vec::new();
    for (id, side) in PEOPLE {
        people.push(stage.sign_up(side, id, "", PASSWORD).await);
    }
    let mut model = Model::new(rules, people.iter().map(|person| person.id.clone()));
    let mut performer = Performer::new(stage, people);
    let looks =
        (0..BROWSERS).flat_map(|browser| Side::BOTH.map(|side| Action::look(browser, side)));
    for action in actions.iter().cloned().chain(looks) {
        let expected = model.expect(&action);
        let found = performer.perform(&action).await;
        if found != expected {
            return Err(format!(
                "{action:?}\n  should have been answered {expected}\n  and was answered         {found}"
            ));
        }
    }
    Ok(())
}

/// Prints its progress, if it takes long.
struct Progress {
    cases: u32,
    begun: Cell<u32>,
    actions: Cell<usize>,
    shrinking: Cell<bool>,
    start: Instant,
    said: Cell<Instant>,
}

impl Progress {
    fn new(cases: u32) -> Self {
        let now = Instant::now();
        Self {
            cases,
            begun: Cell::new(0),
            actions: Cell::new(0),
            shrinking: Cell::new(false),
            start: now,
            said: Cell::new(now),
        }
    }

    fn a_case_of(&self, actions: usize) {
        if self.said.get().elapsed() > PATIENCE {
            self.said.set(Instant::now());
            eprintln_uncaptured(&if self.shrinking.get() {
                format!("random actions: a case failed; is it still too long with {actions}?")
            } else {
                format!(
                    "random actions: {} of {} cases, {} actions",
                    self.begun.get(),
                    self.cases,
                    self.actions.get()
                )
            });
        }
        self.begun.set(self.begun.get() + 1);
        self.actions.set(self.actions.get() + actions);
    }

    fn failed(&self) {
        self.shrinking.set(true);
    }

    fn done(&self) {
        eprintln_uncaptured(&format!(
            "random actions: {} in {} cases, {:.0?}",
            self.actions.get(),
            self.cases,
            self.start.elapsed()
        ));
    }
}
