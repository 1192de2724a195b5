//! What a table must look like to keep logins.

/// Asks what a table looks like; `$1` is its [name in SQL](super::TableName). One row: the database's encoding, the kind of
/// relation (`NULL` when it does not exist), its columns, its indexes: the fields of [`Layout`].
pub const LAYOUT: &str = "SELECT current_setting('server_encoding'), c.relkind::text,
    ARRAY (SELECT a.attname || ' ' || format_type(a.atttypid, a.atttypmod) FROM pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
    ARRAY (SELECT CASE WHEN i.indisunique AND i.indimmediate THEN 'UNIQUE ' ELSE '' END || array_to_string(ARRAY (
            SELECT coalesce(a.attname::text, '') FROM unnest(i.indkey::int2[]) WITH ORDINALITY key(number, place)
            LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = key.number
            WHERE place <= i.indnkeyatts ORDER BY place), ', ')
        FROM pg_index i WHERE i.indrelid = c.oid AND i.indisvalid AND i.indpred IS NULL)
    FROM (SELECT) one LEFT JOIN pg_class c ON c.oid = to_regclass($1)";

const COLUMNS: [&str; 7] = [
    "id bytea",
    "user_id text",
    "version bigint",
    "created_at bigint",
    "last_seen_at bigint",
    "expires_at bigint",
    "data text",
];

/// Each with what is slow without it.
const INDEXES: [(&str, &str); 2] = [
    ("user_id, last_seen_at, created_at", "lists and limits"),
    ("expires_at", "purges"),
];

/// What a table looks like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// The database's encoding.
    pub encoding: String,
    /// The relation's kind, as in `pg_class`; `None` when no relation has this name.
    pub kind: Option<String>,
    /// Names and types.
    pub columns: Vec<String>,
    /// The columns of each index, after `UNIQUE` where it is unique.
    pub indexes: Vec<String>,
}

impl Layout {
    /// Whether something has this name.
    pub fn is_there(&self) -> bool {
        self.kind.is_some()
    }

    /// Why the table cannot keep logins, and how to fix it. It may have more columns and indexes than required.
    pub fn fault(&self) -> Option<String> {
        if !["UTF8", "SQL_ASCII"].contains(&&*self.encoding) {
            return Some(format!(
                "the database's encoding is {}, which lacks characters that browsers send; keep logins in a database whose \
                 encoding is UTF8",
                self.encoding
            ));
        }
        let kind = self.kind.as_deref()?;
        if !["r", "p"].contains(&kind) {
            let what = match kind {
                "v" | "m" => "a view",
                "f" => "a foreign table",
                "S" => "a sequence",
                _ => "not a table",
            };
            return Some(format!("this is {what}; give the store a table of its own"));
        }
        let has = |column: &&str| self.columns.iter().any(|there| there == column);
        if let Some(column) = COLUMNS.iter().find(|column| !has(column)) {
            return Some(format!(
                "it has no column {column}: another version or another program made that table; give the store a table of its \
                 own, or drop this one, and everybody logs in again"
            ));
        }
        if !self.indexes.iter().any(|index| index == "UNIQUE id") {
            return Some(
                "its column id is not a key; run: ALTER TABLE … ADD PRIMARY KEY (id)".to_owned(),
            );
        }
        None
    }

    /// The missing index, if any: its columns, and what for.
    pub fn lacks_index(&self) -> Option<(&'static str, &'static str)> {
        INDEXES.into_iter().find(|(columns, _)| {
            !self.indexes.iter().any(|index| {
                let index = index.strip_prefix("UNIQUE ").unwrap_or(index);
                index == *columns || index.starts_with(&format!("{columns}, "))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn right() -> Layout {
        Layout {
            encoding: "UTF8".to_owned(),
            kind: Some("r".to_owned()),
            columns: COLUMNS.map(str::to_owned).to_vec(),
            indexes: [
                "UNIQUE id",
                "user_id, last_seen_at, created_at, expires_at",
                "expires_at",
            ]
            .map(str::to_owned)
            .to_vec(),
        }
    }

    #[test]
    fn a_table_may_have_more_than_it_must() {
        let mut more = right();
        more.columns.insert(0, "note text".to_owned());
        more.indexes.push("note".to_owned());
        for layout in [
            right(),
            more,
            Layout {
                kind: Some("p".to_owned()),
                ..right()
            },
        ] {
            assert_eq!(
                (layout.fault(), layout.lacks_index()),
                (None, None),
                "{layout:?}"
            );
        }
    }

    #[test]
    fn a_table_that_cannot_keep_logins_is_reported() {
        let kind = |kind: &str| Layout {
            kind: Some(kind.to_owned()),
            ..right()
        };
        let mut numbered = right();
        numbered.columns[0] = "id integer".to_owned();
        let mut keyless = right();
        keyless.indexes[0] = "id".to_owned();
        let mut with_another = right();
        with_another.indexes[0] = "UNIQUE id, user_id".to_owned();
        for (layout, says) in [
            (kind("v"), "a view"),
            (kind("m"), "a view"),
            (kind("f"), "a foreign table"),
            (kind("S"), "a sequence"),
            (kind("i"), "not a table"),
            (numbered, "no column id bytea"),
            (keyless, "not a key"),
            (with_another, "not a key"),
            (
                Layout {
                    encoding: "LATIN1".to_owned(),
                    ..right()
                },
                "LATIN1",
            ),
            (
                Layout {
                    encoding: "LATIN1".to_owned(),
                    ..Layout::default()
                },
                "LATIN1",
            ),
        ] {
            let fault = layout.fault().unwrap_or_default();
            assert!(fault.contains(says), "{says}: {fault}");
        }
    }

    #[test]
    fn an_index_is_known_by_its_first_columns() {
        for (indexes, lacks) in [
            (
                vec!["UNIQUE user_id, last_seen_at, created_at", "expires_at, id"],
                None,
            ),
            (
                vec!["user_id, last_seen_at", "expires_at"],
                Some("user_id, last_seen_at, created_at"),
            ),
            (
                vec!["user_id, last_seen_at, created_at", "expires_at_too"],
                Some("expires_at"),
            ),
        ] {
            let indexes = indexes.into_iter().map(str::to_owned).collect();
            let layout = Layout { indexes, ..right() };
            assert_eq!(layout.lacks_index().map(|(columns, _)| columns), lacks);
        }
    }
}
