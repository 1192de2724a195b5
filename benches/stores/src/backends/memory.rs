//! In the memory of this process.

use housekey::records::{Limit, LoginId, LoginRecord, LoginStore as _, MemoryLoginStore};

use super::Backend;
use crate::BoxError;

#[derive(Default)]
pub(crate) struct Memory {
    store: MemoryLoginStore,
}

impl Backend for Memory {
    type Store = MemoryLoginStore;

    const PLAIN: Option<&'static str> = None;

    fn store(&self) -> &MemoryLoginStore {
        &self.store
    }

    async fn add(&self, records: impl Iterator<Item = LoginRecord> + Send) -> Result<(), BoxError> {
        for record in records {
            self.store.create(&record, &[], Limit::NONE).await?;
        }
        Ok(())
    }

    async fn fill(
        &self,
        records: impl Iterator<Item = LoginRecord> + Send,
    ) -> Result<(), BoxError> {
        self.add(records).await
    }

    async fn plain(&self, _: &LoginId) -> Result<bool, BoxError> {
        Err("memory has no other client".into())
    }

    async fn raw(&self, record: &LoginRecord) -> Result<String, BoxError> {
        let found = self.store.load(&record.id, record.last_seen_at).await?;
        Ok(format!("{found:?}"))
    }
}
