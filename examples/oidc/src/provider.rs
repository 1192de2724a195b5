//! The identity provider: the questions to it, and what its answer proves.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use housekey_axum::BoxError;
use openidconnect::core::*;
use openidconnect::url::Url;
use openidconnect::*;
use serde::{Deserialize, Serialize};

/// No login lasts longer, even if the provider says so, and no older proof is accepted.
pub(crate) const LIFETIME: Duration = Duration::from_secs(8 * 60 * 60);
/// How much the provider's clock may differ from ours.
const TOLERANCE: Duration = Duration::from_secs(60);
/// How long the provider may take for one answer, and how long its addresses and keys are kept.
const PATIENCE: Duration = Duration::from_secs(5);
const KEEP: Duration = Duration::from_secs(10 * 60);

/// How long the provider vouches for its user, if it says so (OpenID Connect Enterprise Extensions). Not `exp`, which says
/// how long the ID token itself may be used to log in.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Deadline {
    session_expiry: Option<u64>,
}

impl AdditionalClaims for Deadline {}

type Fields = IdTokenFields<
    Deadline,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;
/// The library's `CoreClient` with the deadline among the claims, as it is after discovery.
type Client = openidconnect::Client<
    Deadline,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    StandardTokenResponse<Fields, CoreTokenType>,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// The values that one login needs when the browser comes back. They are kept in this browser's session.
#[derive(Deserialize, Serialize)]
pub(crate) struct Begun {
    pub(crate) state: CsrfToken,
    nonce: Nonce,
    verifier: PkceCodeVerifier,
    max_age: Duration,
    pub(crate) at: SystemTime,
    pub(crate) next: Option<String>,
}

/// The provider's proof of a user's identity, with its time and its end.
pub(crate) struct Proof {
    /// The user's name at the provider. It is unique only together with the issuer; an e-mail address may become somebody else's.
    pub(crate) subject: String,
    pub(crate) issuer: String,
    /// For people to read.
    pub(crate) name: String,
    pub(crate) authenticated_at: SystemTime,
    pub(crate) until: SystemTime,
}

/// Why there is no proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The user cancelled, or the provider does not let them in.
    Denied,
    /// The code or the ID token is not good for this login.
    Invalid,
    /// The provider does not answer, or its answer makes no sense.
    Away,
}

pub(crate) struct Provider {
    issuer: IssuerUrl,
    client_id: ClientId,
    client_secret: ClientSecret,
    site: Url,
    http: reqwest::Client,
    kept: Mutex<Option<(Instant, ProviderMetadataWithLogout)>>,
}

impl Provider {
    pub(crate) fn new(issuer: &str, id: &str, secret: &str, site: &str) -> Result<Self, BoxError> {
        // Follows no redirects of the provider.
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        Ok(Self {
            issuer: IssuerUrl::new(issuer.to_owned())?,
            client_id: ClientId::new(id.to_owned()),
            client_secret: ClientSecret::new(secret.to_owned()),
            site: Url::parse(site)?,
            http: http.timeout(PATIENCE).build()?,
            kept: Mutex::default(),
        })
    }

    /// Where to send the browser, and what to keep until it comes back. With a `max_age` of zero the provider asks its user
    /// for a new proof.
    pub(crate) async fn begin(
        &self,
        max_age: Duration,
        next: Option<&str>,
        now: SystemTime,
    ) -> Result<(Url, Begun), Refusal> {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let client = self.client().await?;
        let flow = CoreAuthenticationFlow::AuthorizationCode;
        let request = client.authorize_url(flow, CsrfToken::new_random, Nonce::new_random);
        let request = request.add_scope(Scope::new("profile".to_owned()));
        let (url, state, nonce) = request
            .set_max_age(max_age)
            .set_pkce_challenge(challenge)
            .url();
        let next = next.map(str::to_owned);
        let begun = Begun {
            state,
            nonce,
            verifier,
            max_age,
            at: now,
            next,
        };
        Ok((url, begun))
    }

    /// The proof behind the code that the browser came back with.
    pub(crate) async fn finish(&self, begun: Begun, code: String) -> Result<Proof, Refusal> {
        let client = self.client().await?;
        let request = client.exchange_code(AuthorizationCode::new(code));
        let request = request.map_err(|error| failed(Refusal::Away, &error))?;
        let answer = request.set_pkce_verifier(begun.verifier);
        let answer = answer.request_async(&self.http).await;
        let answer = answer.map_err(|error| match error {
            RequestTokenError::ServerResponse(_) => failed(Refusal::Invalid, &error),
            _ => failed(Refusal::Away, &error),
        })?;
        let token = answer.extra_fields().id_token().ok_or(Refusal::Invalid)?;
        let claims = token.claims(&client.id_token_verifier(), &begun.nonce);
        let claims = claims.map_err(|error| {
            // The provider may have new keys.
            self.kept(|kept| *kept = None);
            failed(Refusal::Invalid, &error)
        })?;
        let auth_time = claims.auth_time().map(SystemTime::from);
        let authenticated_at = auth_time
            .filter(|time| is_recent(*time, begun.max_age, begun.at))
            .ok_or(Refusal::Invalid)?;
        let name = claims.name().and_then(|name| name.get(None));
        Ok(Proof {
            subject: claims.subject().to_string(),
            issuer: claims.issuer().to_string(),
            name: name.map_or_else(|| claims.subject().to_string(), |name| name.to_string()),
            authenticated_at,
            until: ends(authenticated_at, claims.additional_claims().session_expiry),
        })
    }

    /// The page where users log out at the provider too, if it has one.
    pub(crate) async fn logout_url(&self) -> Option<Url> {
        let known = self.known().await.ok()?;
        let page = known.additional_metadata().end_session_endpoint.clone()?;
        let back = PostLogoutRedirectUrl::from_url(self.site.join("/login").ok()?);
        let request = LogoutRequest::from(page).set_client_id(self.client_id.clone());
        Some(request.set_post_logout_redirect_uri(back).http_get_url())
    }

    async fn client(&self) -> Result<Client, Refusal> {
        let callback = self.site.join("/callback");
        let callback = callback.map_err(|error| failed(Refusal::Away, &error))?;
        let (id, secret) = (self.client_id.clone(), self.client_secret.clone());
        let client = Client::from_provider_metadata(self.known().await?, id, Some(secret));
        Ok(client.set_redirect_uri(RedirectUrl::from_url(callback)))
    }

    /// The provider's addresses and keys. They are fetched when they are needed, so that the site starts without the
    /// provider.
    async fn known(&self) -> Result<ProviderMetadataWithLogout, Refusal> {
        let kept = self.kept(|kept| kept.clone());
        if let Some((_, known)) = kept.filter(|(at, _)| at.elapsed() < KEEP) {
            return Ok(known);
        }
        let found = ProviderMetadataWithLogout::discover_async(self.issuer.clone(), &self.http);
        let found = found.await.map_err(|error| failed(Refusal::Away, &error))?;
        self.kept(|kept| *kept = Some((Instant::now(), found.clone())));
        Ok(found)
    }

    fn kept<T>(
        &self,
        act: impl FnOnce(&mut Option<(Instant, ProviderMetadataWithLogout)>) -> T,
    ) -> T {
        act(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whether the proof is recent enough. Providers may ignore `max_age`, so this is checked.
fn is_recent(auth_time: SystemTime, max_age: Duration, begun: SystemTime) -> bool {
    auth_time + max_age + TOLERANCE >= begun
}

/// When the login ends: when the provider says so, but never later than our own limit.
fn ends(authenticated_at: SystemTime, session_expiry: Option<u64>) -> SystemTime {
    let ours = authenticated_at + LIFETIME;
    let theirs = session_expiry.map(Duration::from_secs);
    let theirs = theirs.and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since));
    theirs.map_or(ours, |theirs| theirs.min(ours))
}

fn failed(refusal: Refusal, error: &dyn std::error::Error) -> Refusal {
    let cause = error.source().map(ToString::to_string);
    tracing::warn!(%error, cause, "no login by the provider: {refusal:?}");
    refusal
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 60 * 60;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn a_login_ends_as_the_provider_says_and_after_eight_hours_at_the_latest() {
        for (session_expiry, hours) in [
            (None, 108),
            (Some(104 * HOUR), 104),
            (Some(90 * HOUR), 90), // over already
            (Some(0), 0),
            (Some(200 * HOUR), 108),
            (Some(u64::MAX), 108),
        ] {
            let ends = ends(at(100 * HOUR), session_expiry);
            assert_eq!(ends, at(hours * HOUR), "{session_expiry:?}");
        }
    }

    #[test]
    fn a_proof_is_recent_if_it_is_not_older_than_required() {
        let begun = 1000;
        for (auth_time, max_age, is_enough) in [
            (1010, 0, true),
            (1000, 0, true),
            (940, 0, true), // clocks differ
            (939, 0, false),
            (640, 300, true),
            (639, 300, false),
            (0, 300, false),
        ] {
            let is_recent = is_recent(at(auth_time), Duration::from_secs(max_age), at(begun));
            assert_eq!(is_recent, is_enough, "{auth_time} {max_age}");
        }
    }
}
