//! Durations, and statistics of many of them.

use std::time::Duration;

/// How long many operations took, by round.
#[derive(Clone, Debug, Default)]
pub struct Figures(Vec<Vec<Duration>>);

impl Figures {
    /// The durations of one more round, in any order.
    pub fn add_round(&mut self, round: Vec<Duration>) {
        self.0.push(round);
    }

    /// The median over all rounds. `None` if there are no durations.
    pub fn median(&self) -> Option<Duration> {
        self.at(0.5)
    }

    /// The 99th percentile. With fewer than a hundred durations that would be the longest.
    pub fn p99(&self) -> Option<Duration> {
        let count = self.0.iter().flatten().count();
        self.at(0.99).filter(|_| count >= 100)
    }

    /// The longest.
    pub fn max(&self) -> Option<Duration> {
        self.0.iter().flatten().max().copied()
    }

    /// How many times as long as others these took: the ratio of the medians in each round, and the median of these ratios.
    pub fn ratio_to(&self, others: &Self) -> Option<f64> {
        let rounds = self.0.iter().zip(&others.0);
        let ratios = rounds.map(|(own, others)| {
            let own = at(own.clone(), 0.5)?.as_secs_f64();
            Some(own / at(others.clone(), 0.5)?.as_secs_f64())
        });
        let ratios: Vec<f64> = ratios.collect::<Option<_>>()?;
        (!ratios.is_empty()).then(|| median(ratios))
    }

    fn at(&self, part: f64) -> Option<Duration> {
        at(self.0.iter().flatten().copied().collect(), part)
    }
}

fn at(mut durations: Vec<Duration>, part: f64) -> Option<Duration> {
    durations.sort();
    durations
        .get((durations.len() as f64 * part) as usize)
        .copied()
}

/// # Panics
///
/// If there are no values.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// With three digits: `1.23 µs`, `45.6 ms`.
pub fn written(duration: Option<Duration>) -> String {
    let Some(duration) = duration else {
        return "–".to_owned();
    };
    let nanoseconds = duration.as_nanos() as f64;
    let (number, unit) = match nanoseconds {
        ..999.5 => (nanoseconds, "ns"),
        ..999.5e3 => (nanoseconds / 1e3, "µs"),
        ..999.5e6 => (nanoseconds / 1e6, "ms"),
        _ => (nanoseconds / 1e9, "s"),
    };
    format!("{} {unit}", three_digits(number))
}

/// `1.23`, `45.6`, `789`
pub fn three_digits(number: f64) -> String {
    let decimals = match number {
        ..9.995 => 2,
        ..99.95 => 1,
        _ => 0,
    };
    format!("{number:.decimals$}")
}

/// `1,000,000`
pub fn counted(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle_and_one_of_a_hundred_takes_longer_than_the_p99() {
        let mut figures = Figures::default();
        assert_eq!(figures.median(), None);
        figures.add_round((1..=99).rev().map(Duration::from_secs).collect());
        assert_eq!(figures.median(), Some(Duration::from_secs(50)));
        assert_eq!(figures.p99(), None);
        figures.add_round(vec![Duration::from_secs(100)]);
        assert_eq!(figures.p99(), Some(Duration::from_secs(100)));
        figures.add_round((101..=200).map(Duration::from_secs).collect());
        assert_eq!(figures.p99(), Some(Duration::from_secs(199)));
        assert_eq!(figures.max(), Some(Duration::from_secs(200)));
    }

    /// A round in which the machine was twice as slow does not count against only one of them.
    #[test]
    fn what_is_compared_was_measured_in_the_same_round() {
        let (mut own, mut others) = (Figures::default(), Figures::default());
        assert_eq!(own.ratio_to(&others), None);
        for (slowness, ratio) in [(1, 3), (20, 3), (1, 3), (50, 1), (2, 100)] {
            let round = |seconds| vec![Duration::from_secs(seconds); 3];
            others.add_round(round(slowness));
            own.add_round(round(slowness * ratio));
        }
        assert_eq!(own.ratio_to(&others), Some(3.0));
    }

    #[test]
    fn durations_have_three_digits_and_the_unit_that_fits() {
        for (nanoseconds, text) in [
            (7, "7.00 ns"),
            (999, "999 ns"),
            (1_234, "1.23 µs"),
            (45_678, "45.7 µs"),
            (999_499, "999 µs"),
            (999_600, "1.00 ms"),
            (456_789_000, "457 ms"),
            (12_345_678_900, "12.3 s"),
        ] {
            assert_eq!(written(Some(Duration::from_nanos(nanoseconds))), text);
        }
        assert_eq!(written(None), "–");
    }

    #[test]
    fn thousands_are_set_off() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (10_000, "10,000"),
            (1_000_000, "1,000,000"),
        ] {
            assert_eq!(counted(number), text);
        }
    }
}
