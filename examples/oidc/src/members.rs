//! The users, found by what the provider calls them.

use std::sync::{Arc, Mutex, PoisonError};

use housekey_axum::User;

use crate::provider::Proof;

/// In place of a row of your table of users, with its number.
#[derive(Clone)]
pub(crate) struct Member {
    number: usize,
    pub(crate) issuer: String,
    pub(crate) subject: String,
    pub(crate) name: String,
}

impl User for Member {
    fn id(&self) -> String {
        self.number.to_string()
    }
}

/// In place of your table of users.
#[derive(Clone, Default)]
pub(crate) struct Members(Arc<Mutex<Vec<Member>>>);

impl Members {
    /// The member by issuer and subject, which never belong to another user later. An unknown user becomes a new member.
    pub(crate) fn of(&self, proof: &Proof) -> Member {
        let mut members = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (&proof.issuer, &proof.subject);
        let found = members.iter().find(|it| (&it.issuer, &it.subject) == key);
        if let Some(found) = found {
            return found.clone();
        }
        let new = Member {
            number: members.len(),
            issuer: proof.issuer.clone(),
            subject: proof.subject.clone(),
            name: proof.name.clone(),
        };
        members.push(new.clone());
        new
    }

    pub(crate) fn load(&self, id: &str) -> Option<Member> {
        let members = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        members.get(id.parse::<usize>().ok()?).cloned()
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn a_member_is_known_by_issuer_and_subject_together() {
        let members = Members::default();
        let number = |issuer: &str, subject: &str, name: &str| {
            let now = SystemTime::now();
            let proof = Proof {
                subject: subject.to_owned(),
                issuer: issuer.to_owned(),
                name: name.to_owned(),
                authenticated_at: now,
                until: now,
            };
            members.of(&proof).number
        };
        assert_eq!(number("https://a.example", "1", "mia"), 0);
        assert_eq!(number("https://a.example", "1", "Mia"), 0);
        assert_eq!(number("https://b.example", "1", "mia"), 1);
        assert_eq!(number("https://a.example", "2", "mia"), 2);
        assert_eq!(
            members.load("1").map(|it| it.issuer).as_deref(),
            Some("https://b.example")
        );
        assert!(members.load("3").is_none() && members.load("mia").is_none());
    }
}
