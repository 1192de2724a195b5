//! Writes to standard output and standard error: no terminal control sequences, no passwords, no panic at a closed pipe.

use std::error::Error as _;
use std::io::{ErrorKind, Write as _, stderr, stdout};
use std::time::SystemTime;

use housekey::Error;
use serde_json::Value;

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Something failed, or is not the case.
    Failed(String),
    /// The command line cannot be meant like this.
    Usage(String),
    /// The reader of the output has gone.
    NobodyReads,
}

impl Failure {
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Failed(message) | Self::Usage(message) => format!("housekey: {message}\n"),
            Self::NobodyReads => String::new(),
        }
    }

    pub(crate) fn code(&self) -> i32 {
        match self {
            Self::Failed(_) => 1,
            Self::Usage(_) => 2,
            Self::NobodyReads => 0,
        }
    }

    /// With all of its causes.
    pub(crate) fn of(error: &Error) -> Self {
        // The cause says which server, and what to do.
        let told = match (error.kind(), error.source()) {
            (housekey::ErrorKind::StoreFailed, Some(cause)) => cause,
            _ => error,
        };
        let mut message = told.to_string();
        let mut source = told.source();
        while let Some(cause) = source {
            let cause_said = cause.to_string();
            if !message.contains(&cause_said) {
                message.push_str(": ");
                message.push_str(&cause_said);
            }
            source = cause.source();
        }
        match error.kind() {
            housekey::ErrorKind::Setting
            | housekey::ErrorKind::SecretKey
            | housekey::ErrorKind::InvalidLoginId => Self::Usage(message),
            _ => Self::Failed(message),
        }
    }
}

/// Writes this to standard output unchanged.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::NobodyReads,
        _ => Failure::Failed(format!("standard output: {error}")),
    })
}

/// Writes a value on a separate line, in ASCII: other characters might control a terminal.
pub(crate) fn print_json(value: &Value) -> Result<(), Failure> {
    let mut line = String::new();
    for c in value.to_string().chars() {
        if c.is_ascii() && !c.is_ascii_control() {
            line.push(c);
        } else {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                line.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    line.push('\n');
    print(&line)
}

/// Writes a message to standard error, without control characters and without passwords.
pub(crate) fn complain(message: &str) {
    let lines = message
        .lines()
        .map(|line| shown(&without_passwords(line)) + "\n");
    let _ = stderr().write_all(lines.collect::<String>().as_bytes());
}

/// A text that may be a stranger's, with everything unprintable escaped.
pub(crate) fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let quoted = format!("{text:?}");
    let mut rest = quoted[1..quoted.len() - 1].chars();
    while let Some(c) = rest.next() {
        match c {
            // A quotation mark follows it, another backslash, or the character that it escapes.
            '\\' => match rest.next() {
                Some(quote @ ('"' | '\'' | '\\')) => shown.push(quote),
                Some(escaped) => shown.extend(['\\', escaped]),
                None => {}
            },
            _ => shown.push(c),
        }
    }
    shown
}

/// A message without the user and the password of any address in it, and without a password after a question mark.
fn without_passwords(message: &str) -> String {
    let words = message.split_inclusive([' ', '\'', '"', '`']);
    let clean = |word: &str| {
        let word = match word.rsplit_once('@') {
            // A mail address has no colon there.
            Some((user, host)) if user.contains(':') => match user.split_once("://") {
                Some((scheme, _)) => format!("{scheme}://…@{host}"),
                None => format!("…@{host}"),
            },
            _ => word.to_owned(),
        };
        without_parameters(&word)
    };
    words.map(clean).collect()
}

fn without_parameters(address: &str) -> String {
    let Some((place, parameters)) = address.split_once('?') else {
        return address.to_owned();
    };
    let clean = |parameter: &str| match parameter.split_once('=') {
        Some((name, value)) if name.to_ascii_lowercase().contains("password") => {
            // The word may end with a punctuation mark.
            let end = value.trim_start_matches(|c| !matches!(c, ' ' | '\'' | '"' | '`'));
            format!("{name}=…{end}")
        }
        _ => parameter.to_owned(),
    };
    let parameters: Vec<_> = parameters.split('&').map(clean).collect();
    format!("{place}?{}", parameters.join("&"))
}

/// As in RFC 3339, in UTC and to the second. `None` for years with five digits.
pub(crate) fn rfc3339(time: SystemTime) -> Option<String> {
    let last = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(253_402_300_799);
    let possible = SystemTime::UNIX_EPOCH..=last;
    possible
        .contains(&time)
        .then(|| humantime::format_rfc3339_seconds(time).to_string())
}

/// For people, to the minute.
pub(crate) fn to_the_minute(time: SystemTime) -> String {
    match rfc3339(time) {
        Some(text) => format!("{} UTC", text[..16].replace('T', " ")),
        None => "beyond the year 9999".to_owned(),
    }
}

/// Singular or plural.
pub(crate) fn counted(count: usize, one: &str, several: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        _ => format!("{count} {several}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_escaped_and_what_people_read_is_not() {
        for (text, expected) in [
            ("mia", "mia"),
            ("佐藤 é", "佐藤 é"),
            (r#"C:\x "a" 'b'"#, r#"C:\x "a" 'b'"#),
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("a\r\nb\tc\0", "a\\r\\nb\\tc\\0"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("\u{202e}gnp.exe", "\\u{202e}gnp.exe"),
            ("\u{7f}", "\\u{7f}"),
            ("\\", "\\"),
            ("", ""),
        ] {
            assert_eq!(shown(text), expected);
        }
    }

    #[test]
    fn no_address_keeps_its_password() {
        for (message, expected) in [
            ("no address", "no address"),
            ("see https://example.com/a", "see https://example.com/a"),
            ("'postgres://u:hunter2@db/x' is", "'postgres://…@db/x' is"),
            ("redis://:hunter2@h:1/0", "redis://…@h:1/0"),
            ("a://u:h@nter2@h b://u:hunter2@h", "a://…@h b://…@h"),
            ("'mia:hunter2@h/x' found", "'…@h/x' found"),
            ("user mia@example.com: no", "user mia@example.com: no"),
            (
                "postgres://db/x?user=u&password=hunter2&sslmode=disable",
                "postgres://db/x?user=u&password=…&sslmode=disable",
            ),
            (
                "redis+sentinel://h/m?sentinel_password=hunter2",
                "redis+sentinel://h/m?sentinel_password=…",
            ),
        ] {
            assert_eq!(without_passwords(message), expected);
        }
    }

    #[test]
    fn times_are_in_utc() {
        let at = |seconds| SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        assert_eq!(
            rfc3339(at(1_700_000_000)).as_deref(),
            Some("2023-11-14T22:13:20Z")
        );
        assert_eq!(to_the_minute(at(1_700_000_000)), "2023-11-14 22:13 UTC");
        assert_eq!(rfc3339(at(253_402_300_800)), None);
    }
}
