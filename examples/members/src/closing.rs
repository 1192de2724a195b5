//! That the site is being closed, for what would go on for ever otherwise.

use tokio::sync::watch;

/// Streams wait for this. Clones are the same site's.
#[derive(Clone, Debug, Default)]
pub struct Closing(watch::Sender<bool>);

impl Closing {
    /// Ends every stream. Requests that are under way go on.
    pub fn begin(&self) {
        self.0.send_replace(true);
    }

    pub(crate) async fn begun(&self) {
        // It fails when there is no sender any more; this is one.
        let _ = self.0.subscribe().wait_for(|closing| *closing).await;
    }
}
