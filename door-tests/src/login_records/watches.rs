//! A watch over a login, for work that goes on after its request.

use std::future::pending;
use std::sync::{Arc, Mutex};

use housekey::{Error, ErrorKind, LoginWatch};

use crate::plan::{Given, acts};
use crate::site::{DAY, ENDS_OF_MIA, Site, Sites};

/// What the site's page left here.
type Left = Arc<Mutex<Option<Result<LoginWatch, ErrorKind>>>>;

/// The same site with a page that watches the login.
fn watching(site: Site) -> (Site, Left) {
    let left = Left::default();
    let keep = Arc::clone(&left);
    let watch = async move |given: Given| -> Result<(), Error> {
        *keep.lock().unwrap() = Some(given.who().await?.watch);
        Ok(())
    };
    (site.and(acts("/watch", watch)), left)
}

fn taken(left: &Left) -> Result<LoginWatch, ErrorKind> {
    left.lock().unwrap().take().unwrap()
}

async fn a_watch_outlives_its_request_and_says_when_the_login_is_over(sites: Sites) {
    let ended: fn(&Site) = |site| site.clock.advance(31 * DAY);
    for end in ENDS_OF_MIA.into_iter().chain([ended]) {
        let (site, left) = watching(sites.stored());
        let mut browser = site.browser_of("mia").await;
        assert_eq!(browser.get("/watch").await.status, 200);
        let watch = taken(&left).unwrap();
        assert!(!watch.is_over().await.unwrap());
        end(&site);
        assert!(watch.is_over().await.unwrap());
    }
}

/// The pause never ends, so only the logout can wake it.
async fn a_logout_ends_the_wait_of_a_watch_at_once(sites: Sites) {
    let (site, left) = watching(sites.stored());
    let mut browser = site.browser_of("mia").await;
    browser.get("/watch").await;
    let watch = taken(&left).unwrap();
    let (ended, answer) = tokio::join!(watch.ended(pending::<()>), browser.post("/logout", ""));
    assert_eq!(answer.status, 200);
    ended.unwrap();
}

async fn without_a_login_with_a_record_there_is_nothing_to_watch(sites: Sites) {
    let (stored, left) = watching(sites.stored());
    stored.browser().get("/watch").await;
    assert_eq!(taken(&left).unwrap_err(), ErrorKind::NotLoggedIn);
    let key_of_mia = [("x-api-key", "key-of-mia")];
    stored.browser().get_with("/watch", &key_of_mia).await;
    assert_eq!(taken(&left).unwrap_err(), ErrorKind::NotLoggedIn);

    let (safe, left) = watching(sites.safe());
    safe.browser_of("mia").await.get("/watch").await;
    assert_eq!(taken(&left).unwrap_err(), ErrorKind::NoLoginStore);
}

cases! {
    login_records_watches:
    a_watch_outlives_its_request_and_says_when_the_login_is_over,
    a_logout_ends_the_wait_of_a_watch_at_once,
    without_a_login_with_a_record_there_is_nothing_to_watch,
}
