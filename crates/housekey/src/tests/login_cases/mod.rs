//! What the login and session suites of other systems assert, row by row, against a site with login records:
//! `testdata/session_store_django.tsv`, `store_conformance_scs.tsv`, `remember_spring.tsv`, `remember_devise.tsv`,
//! `sessions_revocation_other.tsv` and `login_auth_django.tsv`.
//!
//! [`tables`] says for each row what becomes of it: a scenario that runs, a test elsewhere that shows it, or the reason why
//! it is not a case. Rows of several suites that say the same have one scenario, in [`scenarios`]. If housekey answers
//! differently from the suite, the scenario asserts housekey's answer and says why.

mod scenarios;
mod site;
mod tables;

use std::path::Path;

use super::*;

/// What becomes of a row.
enum Verdict {
    /// It holds here.
    Runs(fn()),
    /// A test elsewhere shows it: its file, from the folder of the crates, and its name.
    ShownBy(&'static str, &'static str),
    /// It is not a case here, and why.
    NotOurs(&'static str),
}

/// Rows that say the same: their area, their cases, and what becomes of them.
type Rows = (&'static str, &'static [&'static str], Verdict);

/// A table of cases, and what becomes of its rows.
struct Table {
    text: &'static str,
    groups: Vec<Rows>,
}

impl Table {
    /// The area and the case of each row, and where it comes from. Two rows of one area with the same case are told
    /// apart by what is expected.
    fn rows(&self) -> Vec<(&'static str, String, &'static str)> {
        let rows = rows::<4>(self.text);
        let named = |[area, case, expected, source]: &[&'static str; 4]| {
            let same = rows.iter().filter(|row| (row[0], row[1]) == (area, case));
            let name = match same.count() {
                1 => (*case).to_owned(),
                _ => format!("{case}: {expected}"),
            };
            (*area, name, *source)
        };
        rows.iter().map(named).collect()
    }

    fn named(&self) -> impl Iterator<Item = (&'static str, &'static str, &Verdict)> {
        let groups = self.groups.iter();
        groups.flat_map(|(area, cases, verdict)| {
            cases.iter().map(move |case| (*area, *case, verdict))
        })
    }

    fn accounts_for_every_row(&self) {
        let rows = self.rows().into_iter();
        account_for(
            rows.map(|(area, case, _)| (area, case)),
            self.named().map(|(area, case, _)| (area, case.to_owned())),
        );
    }

    /// Runs the scenarios. A failure begins with the row that it belongs to.
    fn holds(&self) {
        let rows = self.rows();
        for (area, cases, verdict) in &self.groups {
            for (_, case, source) in rows
                .iter()
                .filter(|row| row.0 == *area && cases.contains(&row.1.as_str()))
            {
                eprintln!("{area}: {case} ({source})");
            }
            match verdict {
                Verdict::Runs(scenario) => scenario(),
                Verdict::ShownBy(file, test) => is_there(file, test),
                Verdict::NotOurs(reason) => eprintln!("    is none: {reason}"),
            }
        }
    }
}

/// A test that is named here must not be renamed without anybody noticing.
fn is_there(file: &str, test: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(
        text.contains(&format!("fn {test}(")),
        "{test} is not in {file}"
    );
}

macro_rules! tables {
    ($($name:ident),* $(,)?) => {$(
        #[test]
        fn $name() {
            let table = tables::$name();
            table.accounts_for_every_row();
            table.holds();
        }
    )*};
}

tables!(
    session_store_django,
    store_conformance_scs,
    remember_spring,
    remember_devise,
    sessions_revocation_other,
    login_auth_django,
);
