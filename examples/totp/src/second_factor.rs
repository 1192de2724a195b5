//! A member's second factor: codes from an authenticator app, and recovery codes in case the phone is lost.

use std::time::SystemTime;

use housekey_axum::BoxError;
use qrcode::{QrCode, render::svg};
use sha2::{Digest as _, Sha256};
use totp_rs::{Builder, Secret, Totp};

/// In place of some columns of your users table. The app's secret cannot be hashed, so encrypt it there.
pub(crate) struct SecondFactor {
    app: Totp,
    /// The half minute of the last code that was used. That code does not count again, and neither do earlier ones.
    used: u64,
    /// The hashes of the recovery codes that are left. The codes are random and long, so a fast hash is enough.
    recovery: Vec<[u8; 32]>,
    /// Differs in each second factor, for the auth hash.
    pub(crate) stamp: [u8; 16],
}

impl SecondFactor {
    /// A new second factor. Put it to use when its first code is right.
    pub(crate) fn new(account: &str) -> Result<Self, BoxError> {
        let app = Builder::new().with_secret(Secret::new_stack(random()?));
        let app = app.with_account_name(account).with_issuer(Some("Housekey"));
        Ok(Self {
            app: app.build()?,
            used: 0,
            recovery: Vec::new(),
            stamp: random()?,
        })
    }

    /// A picture for the app's camera, as SVG, and the secret for people who have to type it.
    pub(crate) fn to_show(&self) -> Result<(String, String), BoxError> {
        let picture = QrCode::new(self.app.to_url()?)?
            .render::<svg::Color<'_>>()
            .build();
        Ok((picture, self.app.secret().to_base32()))
    }

    /// Ten recovery codes that replace the earlier ones. They are shown once, and only their hashes are kept.
    pub(crate) fn new_recovery_codes(&mut self) -> Result<Vec<String>, BoxError> {
        let code = |_| Ok(hex(&random::<10>()?));
        let codes = (0..10).map(code).collect::<Result<Vec<_>, BoxError>>()?;
        self.recovery = codes.iter().map(|code| hash(code)).collect();
        // In groups, as people copy them.
        let in_groups =
            |code: String| [&code[..5], &code[5..10], &code[10..15], &code[15..]].join("-");
        Ok(codes.into_iter().map(in_groups).collect())
    }

    /// Checks a code of either kind, and uses it up if it is right. Call it under a lock or in a transaction, so that of two
    /// requests with the same code only one succeeds.
    pub(crate) fn accept(&mut self, code: &str, now: SystemTime) -> bool {
        let now = now.duration_since(SystemTime::UNIX_EPOCH);
        let now = now.map_or(0, |since| since.as_secs());
        let code: String = code.chars().filter(char::is_ascii_alphanumeric).collect();
        if let Some(step) = self.app.check(&code, now).filter(|step| *step > self.used) {
            self.used = step;
            return true;
        }
        let (left, code) = (self.recovery.len(), hash(&code.to_lowercase()));
        self.recovery.retain(|kept| *kept != code);
        self.recovery.len() < left
    }
}

fn hash(code: &str) -> [u8; 32] {
    Sha256::digest(code).into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn random<const N: usize>() -> Result<[u8; N], BoxError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}
