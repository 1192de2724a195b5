//! The second step of a new login: writes its record.

use housekey::Error;
use housekey::records::{Created, Limit, LoginId, LoginRecord};
use housekey_statements::redis::{SWEPT, long_expired, number, seconds_to_keep};

use crate::question::{Question, Time};
use crate::records::Records;

/// A record to be created.
#[derive(Clone, Copy)]
pub(crate) struct Making<'a> {
    pub(crate) new: &'a LoginRecord,
    pub(crate) replacing: &'a [LoginId],
    pub(crate) limit: Limit,
    pub(crate) claim: &'a str,
}

/// The result.
pub(crate) struct Made {
    /// `None` if there is room for it and nothing was done.
    pub(crate) answer: Option<Created>,
    /// The ids of the user's removed records.
    pub(crate) gone: Vec<String>,
}

impl Records {
    /// Writes a record, or only checks whether it could.
    pub(crate) async fn make(
        &self,
        making: Making<'_>,
        looks: bool,
        time: Time,
    ) -> Result<Made, Error> {
        let (limit, new) = (making.limit, making.new);
        let question = self
            .of_user(&self.scripts.create, &new.user_id)
            .arg(new.id.to_string())
            .arg(making.claim);
        let question = add_record(question, new)
            .arg(long_expired(new.last_seen_at))
            .arg(SWEPT)
            .arg(number(limit.count as u64))
            .arg(number(limit.now))
            .arg(number(limit.spared_since))
            .arg(limit.looks_at(making.replacing.len()))
            .arg(u8::from(looks))
            .args(making.replacing.iter().map(LoginId::to_string))
            .kept_by(self.replicas);
        let (what, ended, gone): (String, Vec<String>, Vec<(String, String)>) =
            self.ask(&question, time).await?;
        self.release(&new.user_id, &gone, time).await;
        let ended = ended.iter().map(|id| self.id(id));
        let ended = ended.collect::<Result<_, _>>()?;
        let answer = match what.as_str() {
            "done" => Some(Created::Done { ended }),
            "crowded" => Some(Created::Crowded { ended }),
            "full" => Some(Created::Full),
            "taken" => Some(Created::Taken),
            "free" => None,
            _ => return Err(self.unreadable()),
        };
        let gone = gone.into_iter().map(|(id, _)| id).collect();
        Ok(Made { answer, gone })
    }
}

/// Adds the record without its id and its user, and how long Redis must keep it.
pub(crate) fn add_record<'a>(question: Question<'a>, record: &LoginRecord) -> Question<'a> {
    question
        .arg(number(record.version))
        .arg(number(record.created_at))
        .arg(number(record.last_seen_at))
        .arg(number(record.expires_at))
        .arg(&record.data)
        .arg(seconds_to_keep(record.last_seen_at, record.expires_at))
}
