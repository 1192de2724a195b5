//! Records that are kept in the process: how long a look-up takes, and how long a login goes on after another process has
//! ended it.
//!
//! The other process is another store, which shares only the server with the first.

use std::time::{Duration, Instant};

use bench_report::Figures;
use housekey::records::{Limit, LoginId, LoginStore, MemoryLoginStore, RecordCache, SharedRecord};
use store_tests::{RedisCluster, Server};

use crate::BoxError;
use crate::backends::Backend as _;
use crate::options::Kind;
use crate::places::Places;
use crate::population::Population;
use crate::progress::Progress;

/// How many logins are ended.
const ENDED: usize = 500;
/// How often each record is looked up before that.
const LOOKS: usize = 20;
/// How soon the cache must have a record.
const PATIENCE: Duration = Duration::from_secs(10);

/// The times of one way to a server.
#[derive(Default)]
pub(crate) struct Cached {
    pub(crate) name: &'static str,
    /// Without a cache.
    pub(crate) loads: Figures,
    /// With a cache, if the record was kept.
    pub(crate) hits: Figures,
    /// From the answer to the process that ended it until the first refusal here.
    pub(crate) late: Figures,
}

/// Each store, and each way to its server.
pub(crate) async fn measure(places: &Places) -> Result<Vec<Cached>, BoxError> {
    let mut measured = Vec::new();
    for kind in &places.kinds {
        match kind {
            Kind::Memory => {
                let store = MemoryLoginStore::new();
                let mut memory = Cached::of("Memory, read once");
                memory.looks(&store, Some(&store), false).await?;
                measured.push(memory);
            }
            // It is as near as a cache.
            Kind::Sqlite => {}
            Kind::Postgres => {
                let here = places.postgres("cached").await?.store().clone();
                let cached = here.clone().cache_records(RecordCache::new())?;
                cached.create_table().await?;
                let mut direct = Cached::of("PostgreSQL");
                direct.looks(&here, Some(&cached), true).await?;
                let elsewhere = places.postgres("cached").await?.store().clone();
                direct.endings(&cached, &elsewhere).await?;
                measured.push(direct);
                let pooler = tokio::task::block_in_place(|| {
                    let url = std::env::var("DATABASE_URL").unwrap_or_default();
                    Server::start_pooler_of(&url, "")
                });
                let through = places.postgres_at(&pooler.url(), "cached")?;
                let mut pooled = Cached::of("PostgreSQL through PgBouncer");
                pooled
                    .looks(&through, None::<&MemoryLoginStore>, true)
                    .await?;
                measured.push(pooled);
            }
            Kind::Redis => {
                let [here, elsewhere] = [(); 2].map(|()| places.redis("cached"));
                let (here, elsewhere) = (here?.store().clone(), elsewhere?.store().clone());
                let mut one = Cached::of("Redis");
                one.both(
                    &here,
                    &here.clone().cache_records(RecordCache::new())?,
                    &elsewhere,
                )
                .await?;
                measured.push(one);
                let cluster = tokio::task::block_in_place(|| RedisCluster::start(0));
                let urls = cluster.urls();
                let store = || {
                    let nodes = urls.iter().map(|url| redis::Client::open(&**url));
                    let nodes: Result<Vec<_>, _> = nodes.collect();
                    Ok::<_, BoxError>(housekey_redis::RedisLoginStore::cluster(nodes?))
                };
                let cached = store()?.cache_records(RecordCache::new())?;
                let mut many = Cached::of("Redis Cluster, three masters");
                many.both(&store()?, &cached, &store()?).await?;
                measured.push(many);
            }
        }
    }
    Ok(measured)
}

impl Cached {
    fn of(name: &'static str) -> Self {
        Self {
            name,
            ..Self::default()
        }
    }

    async fn both<S: LoginStore>(
        &mut self,
        plain: &S,
        cached: &S,
        elsewhere: &S,
    ) -> Result<(), BoxError> {
        self.looks(plain, Some(cached), true).await?;
        self.endings(cached, elsewhere).await
    }

    /// In turns, so that other work on the machine affects both.
    async fn looks(
        &mut self,
        plain: &impl LoginStore,
        ready: Option<&impl LoginStore>,
        is_cached: bool,
    ) -> Result<(), BoxError> {
        let mut population = Population::new(1000);
        for _ in 0..100 {
            let (record, now) = (population.add(), population.now);
            plain.create(&record, &[], Limit::NONE).await?;
            if let Some(ready) = ready {
                let is_so = if is_cached { is_kept } else { is_there };
                until(ready, record.id, now, is_so).await?;
            }
            let (mut loads, mut hits) = (Vec::new(), Vec::new());
            for _ in 0..LOOKS {
                let start = Instant::now();
                plain.load(&record.id, now).await?.ok_or("it is there")?;
                loads.push(start.elapsed());
                if let Some(ready) = ready {
                    let start = Instant::now();
                    let found = ready.look_up(&record.id, now).await?.ok_or("it is there")?;
                    let took = start.elapsed();
                    if found.is_cached() || !is_cached {
                        hits.push(took);
                    }
                }
            }
            self.loads.add_round(loads);
            self.hits.add_round(hits);
        }
        Ok(())
    }

    async fn endings(
        &mut self,
        here: &impl LoginStore,
        elsewhere: &impl LoginStore,
    ) -> Result<(), BoxError> {
        // Other records than above.
        let mut population = Population::new(2000);
        let mut progress = Progress::new(format!("ending logins of {}", self.name), ENDED as u64);
        let mut late = Vec::new();
        for _ in 0..ENDED {
            let (record, now) = (population.add(), population.now);
            elsewhere.create(&record, &[], Limit::NONE).await?;
            until(here, record.id, now, is_kept).await?;
            let ended = async {
                elsewhere.delete(&record.id).await?;
                Ok::<_, BoxError>(Instant::now())
            };
            let refused = until(here, record.id, now, is_gone);
            let (ended, refused) = tokio::join!(ended, refused);
            late.push(refused?.saturating_duration_since(ended?));
            progress.step();
        }
        self.late.add_round(late);
        Ok(())
    }
}

/// The time when a look-up first reports the expected state: kept, or gone.
async fn until(
    store: &impl LoginStore,
    id: LoginId,
    now: u64,
    is_so: fn(Option<SharedRecord>) -> bool,
) -> Result<Instant, BoxError> {
    let start = Instant::now();
    while !is_so(store.look_up(&id, now).await?) {
        if start.elapsed() > PATIENCE {
            return Err("the cache does not come to know it".into());
        }
        tokio::task::yield_now().await;
    }
    Ok(Instant::now())
}

fn is_kept(found: Option<SharedRecord>) -> bool {
    found.is_some_and(|found| found.is_cached())
}

fn is_there(found: Option<SharedRecord>) -> bool {
    found.is_some()
}

fn is_gone(found: Option<SharedRecord>) -> bool {
    found.is_none()
}
