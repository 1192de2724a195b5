//! The resources that a server uses: memory, open files, records, space on the disk. Measured from outside, while it runs.

use std::fs;
use std::path::{Path, PathBuf};

use bench_report::BoxError;
use rusqlite::{Connection, OpenFlags};

use crate::site::FILE;

/// The resources that a server uses at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// Bytes of memory.
    pub(crate) memory: u64,
    pub(crate) open_files: u64,
    /// Logins, including expired ones that still have a record.
    pub(crate) records: u64,
    /// Those that have a remember token.
    pub(crate) remembered: u64,
    /// Bytes of the database and its write-ahead log.
    pub(crate) disk: u64,
}

pub(crate) struct Sampler {
    process: PathBuf,
    file: PathBuf,
    logins: Connection,
}

impl Sampler {
    pub(crate) fn new(process: u32, folder: &Path) -> Result<Self, BoxError> {
        let process = PathBuf::from(format!("/proc/{process}"));
        if !process.exists() {
            return Err("what a process takes up is read from /proc, as Linux has it".into());
        }
        let file = folder.join(FILE);
        let logins = Connection::open_with_flags(&file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        Ok(Self {
            process,
            file,
            logins,
        })
    }

    pub(crate) fn take(&self) -> Result<Sample, BoxError> {
        let counts = "SELECT count(*), count(json_extract(data, '$.remember')) FROM logins";
        let (records, remembered): (i64, i64) = self
            .logins
            .query_row(counts, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let mut log = self.file.clone().into_os_string();
        log.push("-wal");
        Ok(Sample {
            memory: resident(&fs::read_to_string(self.process.join("status"))?)
                .ok_or("the server has ended: /proc knows of no memory that it has")?,
            open_files: fs::read_dir(self.process.join("fd"))?.count() as u64,
            records: records.try_into()?,
            remembered: remembered.try_into()?,
            disk: fs::metadata(&self.file)?.len() + fs::metadata(log).map_or(0, |log| log.len()),
        })
    }
}

/// `VmRSS:     12345 kB`
fn resident(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_a_process_is_what_it_has_in_use() {
        let status = "Name:\tserver\nVmHWM:\t   20000 kB\nVmRSS:\t   12345 kB\nThreads:\t5\n";
        assert_eq!(resident(status), Some(12345 * 1024));
        assert_eq!(resident("Name:\tserver\n"), None);
    }
}
