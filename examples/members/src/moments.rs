//! Times in words, and no more exact than they are known.

use std::time::{Duration, SystemTime};

use minijinja::{Value, context};
use time::OffsetDateTime;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// `today at 14:05 UTC`, `on 29 November 2026 at 14:05 UTC`: for the macro `when`.
pub(crate) fn moment(then: SystemTime, now: SystemTime) -> Value {
    let (then, now) = (OffsetDateTime::from(then), OffsetDateTime::from(now));
    context! { utc => utc(then.into()), words => format!("{} at {:02}:{:02} UTC", day_of(then, now), then.hour(), then.minute()) }
}

/// The same without the hour: `today`, `on 29 November 2026`.
pub(crate) fn day(then: SystemTime, now: SystemTime) -> Value {
    context! { utc => utc(then), words => day_of(then.into(), now.into()) }
}

fn day_of(then: OffsetDateTime, now: OffsetDateTime) -> String {
    let (day, today) = (then.date(), now.date());
    match (today - day).whole_days() {
        0 => "today".to_owned(),
        1 => "yesterday".to_owned(),
        _ => format!("on {} {} {}", day.day(), day.month(), day.year()),
    }
}

/// `2026-11-29T14:05:09Z`, for programs.
pub(crate) fn utc(time: SystemTime) -> String {
    let time = OffsetDateTime::from(time);
    let (date, month) = (time.date(), u8::from(time.month()));
    format!(
        "{:04}-{month:02}-{:02}T{:02}:{:02}:{:02}Z",
        date.year(),
        date.day(),
        time.hour(),
        time.minute(),
        time.second()
    )
}

/// `just now`, `3 hours ago`.
pub(crate) fn ago(then: SystemTime, now: SystemTime) -> String {
    match age(then, now) {
        age if age < Duration::from_secs(MINUTE) => "just now".to_owned(),
        age => format!("{} ago", long(age)),
    }
}

/// When something was last used, where use is noted only once in a `step`: it may have been used since.
pub(crate) fn last_used(noted: SystemTime, now: SystemTime, step: Duration) -> String {
    match age(noted, now) {
        age if age < step => format!("within the last {}", one(&long(step))),
        age => format!("about {} ago", long(age)),
    }
}

/// `a minute`, `12 minutes`, `an hour`, `3 days`: in whole units, of which the rest is left out.
pub(crate) fn long(duration: Duration) -> String {
    let (count, unit) = match duration.as_secs() {
        seconds if seconds < MINUTE => (seconds, "second"),
        seconds if seconds < HOUR => (seconds / MINUTE, "minute"),
        seconds if seconds < DAY => (seconds / HOUR, "hour"),
        seconds => (seconds / DAY, "day"),
    };
    match (count, unit) {
        (1, "hour") => "an hour".to_owned(),
        (1, _) => format!("a {unit}"),
        _ => format!("{count} {unit}s"),
    }
}

/// How long to wait, in words that are never too short.
pub(crate) fn wait(duration: Duration) -> String {
    match duration.as_secs() {
        seconds if seconds < MINUTE => long(duration),
        seconds => long(Duration::from_secs(seconds.next_multiple_of(MINUTE))),
    }
}

/// `hour` for `an hour`.
fn one(long: &str) -> &str {
    let rest = long.strip_prefix("an ").or(long.strip_prefix("a "));
    rest.unwrap_or(long)
}

/// A time that is still to come was noted by a clock that is ahead, and counts as now.
fn age(then: SystemTime, now: SystemTime) -> Duration {
    now.duration_since(then).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn before(seconds: u64) -> (SystemTime, SystemTime) {
        (NOW, NOW + Duration::from_secs(seconds))
    }

    #[test]
    fn a_moment_is_told_by_its_day_and_hour() {
        const NOON: u64 = 1_795_953_600; // 2026-11-29T12:00:00Z
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        for (then, words, utc) in [
            (
                NOON - 9 * HOUR,
                "today at 03:00 UTC",
                "2026-11-29T03:00:00Z",
            ),
            (
                NOON - 12 * HOUR - 1,
                "yesterday at 23:59 UTC",
                "2026-11-28T23:59:59Z",
            ),
            (
                NOON - 37 * HOUR,
                "on 27 November 2026 at 23:00 UTC",
                "2026-11-27T23:00:00Z",
            ),
            (0, "on 1 January 1970 at 00:00 UTC", "1970-01-01T00:00:00Z"),
            (
                NOON + DAY,
                "on 30 November 2026 at 12:00 UTC",
                "2026-11-30T12:00:00Z",
            ),
        ] {
            let moment = moment(at(then), at(NOON));
            assert_eq!(moment.get_attr("words").unwrap().as_str(), Some(words));
            assert_eq!(moment.get_attr("utc").unwrap().as_str(), Some(utc));
            let (day, _) = words.split_once(" at ").unwrap();
            let without = super::day(at(then), at(NOON));
            assert_eq!(without.get_attr("words").unwrap().as_str(), Some(day));
        }
    }

    #[test]
    fn the_past_is_told_in_one_unit() {
        for (seconds, words) in [
            (0, "just now"),
            (59, "just now"),
            (60, "a minute ago"),
            (12 * 60 + 59, "12 minutes ago"),
            (60 * 60, "an hour ago"),
            (24 * 60 * 60 - 1, "23 hours ago"),
            (24 * 60 * 60, "a day ago"),
            (400 * 24 * 60 * 60, "400 days ago"),
        ] {
            let (then, now) = before(seconds);
            assert_eq!(ago(then, now), words);
        }
        let (now, then) = before(30);
        assert_eq!(ago(then, now), "just now", "a clock that is ahead");
    }

    #[test]
    fn a_wait_is_told_in_full() {
        for (seconds, words) in [
            (1, "a second"),
            (59, "59 seconds"),
            (60, "a minute"),
            (61, "2 minutes"),
            (91, "2 minutes"),
            (900, "15 minutes"),
        ] {
            assert_eq!(wait(Duration::from_secs(seconds)), words);
        }
    }

    #[test]
    fn the_last_use_is_told_no_more_exactly_than_it_is_noted() {
        let hour = Duration::from_secs(HOUR);
        let minutes = Duration::from_secs(3 * MINUTE);
        let minute = Duration::from_secs(MINUTE);
        for (seconds, step, words) in [
            (0, hour, "within the last hour"),
            (59 * 60, hour, "within the last hour"),
            (60 * 60, hour, "about an hour ago"),
            (26 * 60 * 60, hour, "about a day ago"),
            (20, minutes, "within the last 3 minutes"),
            (4 * 60, minutes, "about 4 minutes ago"),
            (59, minute, "within the last minute"),
        ] {
            let (then, now) = before(seconds);
            assert_eq!(last_used(then, now, step), words);
        }
    }
}
