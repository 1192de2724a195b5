//! Whether a quantity that was measured again and again has stayed the same.

use bench_report::median;

/// The greatest change from the first tenth to the last.
const PART: f64 = 0.1;

/// Which change is bad.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Rule {
    /// Growth, by more than a tenth and this amount.
    MustNotGrow { slack: f64 },
    /// A fall, by more than a tenth.
    MustNotFall,
}

/// The result, by medians, because a single sample can be an outlier.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Course {
    pub(crate) first: f64,
    pub(crate) middle: f64,
    pub(crate) last: f64,
    pub(crate) verdict: Verdict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Flat,
    Grows,
    Falls,
}

impl Verdict {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::Grows => "grows",
            Self::Falls => "falls",
        }
    }
}

impl Course {
    /// `None` with fewer than ten samples.
    pub(crate) fn of(looks: &[f64], rule: Rule) -> Option<Self> {
        let (count, tenth) = (looks.len(), looks.len() / 10);
        if tenth == 0 {
            return None;
        }
        let tenth_from = |start: usize| median(looks[start..start + tenth].to_vec());
        let first = tenth_from(0);
        let last = tenth_from(count - tenth);
        let verdict = match rule {
            Rule::MustNotGrow { slack } if last > first * (1.0 + PART) + slack => Verdict::Grows,
            Rule::MustNotFall if last < first * (1.0 - PART) => Verdict::Falls,
            _ => Verdict::Flat,
        };
        Some(Self {
            first,
            middle: tenth_from((count - tenth) / 2),
            last,
            verdict,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(looks: impl IntoIterator<Item = u32>, rule: Rule) -> Verdict {
        let looks: Vec<_> = looks.into_iter().map(f64::from).collect();
        Course::of(&looks, rule).unwrap().verdict
    }

    #[test]
    fn growth_is_told_from_fluctuation() {
        let rule = Rule::MustNotGrow { slack: 5.0 };
        let up_and_down = |look: u32| 100 + look * 37 % 11;
        for (what, looks, expected) in [
            ("level", vec![100; 100], Verdict::Flat),
            (
                "up and down",
                (0..100).map(up_and_down).collect(),
                Verdict::Flat,
            ),
            (
                "a little at a time",
                (0..100).map(|look| 100 + look).collect(),
                Verdict::Grows,
            ),
            (
                "less and less",
                (0..100).map(|look| 200 - look).collect(),
                Verdict::Flat,
            ),
            (
                "a tenth and the slack",
                [vec![100; 50], vec![115; 50]].concat(),
                Verdict::Flat,
            ),
            (
                "and one more",
                [vec![100; 50], vec![116; 50]].concat(),
                Verdict::Grows,
            ),
            (
                "once, at the end",
                [vec![100; 99], vec![900]].concat(),
                Verdict::Flat,
            ),
        ] {
            assert_eq!(verdict(looks, rule), expected, "{what}");
        }
    }

    #[test]
    fn what_must_not_fall_may_grow() {
        let rule = Rule::MustNotFall;
        assert_eq!(
            verdict((0..100).map(|look| 100 + look), rule),
            Verdict::Flat
        );
        assert_eq!(
            verdict([vec![100; 50], vec![90; 50]].concat(), rule),
            Verdict::Flat
        );
        assert_eq!(
            verdict([vec![100; 50], vec![89; 50]].concat(), rule),
            Verdict::Falls
        );
    }

    #[test]
    fn a_course_has_a_tenth_at_the_beginning_in_the_middle_and_at_the_end() {
        let looks: Vec<_> = (0..100).map(f64::from).collect();
        let course = Course::of(&looks, Rule::MustNotFall).unwrap();
        assert_eq!(
            (course.first, course.middle, course.last),
            (5.0, 50.0, 95.0)
        );
        assert_eq!(Course::of(&looks[..9], Rule::MustNotFall), None);
    }
}
