//! How the server reports by itself which records change.

use super::table::TableName;

/// The names of the triggers.
const TRIGGERS: [&str; 3] = ["housekey_deleted", "housekey_updated", "housekey_truncated"];

/// Sends a notification to all listeners, and asks for the number of this connection's process and whether the table reports its
/// changes. `$1` is the table's [name in SQL](TableName), `$2` the [body of its function](TableName::changed_body), `$3` the
/// [channel](TableName::channel), `$4` the text. The transaction does not wait for the disk.
pub const PULSE: &str = "SELECT pg_backend_pid(), (
        SELECT count(*) FROM pg_class c JOIN pg_trigger t ON t.tgrelid = c.oid JOIN pg_proc p ON p.oid = t.tgfoid
        WHERE c.oid = to_regclass($1) AND c.relkind = 'r' AND t.tgenabled = 'A' AND p.prosrc = $2
            AND t.tgname IN ('housekey_deleted', 'housekey_updated', 'housekey_truncated')
    ) = 3, set_config('synchronous_commit', 'off', true), pg_notify($3, $4)::text";

/// Only asks whether the table reports its changes. `$1` and `$2` are those of [`PULSE`].
pub const SAYS_CHANGES: &str = "SELECT (
        SELECT count(*) FROM pg_class c JOIN pg_trigger t ON t.tgrelid = c.oid JOIN pg_proc p ON p.oid = t.tgfoid
        WHERE c.oid = to_regclass($1) AND c.relkind = 'r' AND t.tgenabled = 'A' AND p.prosrc = $2
            AND t.tgname IN ('housekey_deleted', 'housekey_updated', 'housekey_truncated')
    ) = 3";

/// The record that a notification names, by its id in hexadecimal. `None` means that any record may have changed.
pub fn read_changed(words: &str) -> Option<[u8; 16]> {
    let mut id = [0; 16];
    if words.len() != 32 || !words.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, at) in id.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(words.get(at..at + 2)?, 16).ok()?;
    }
    Some(id)
}

impl TableName {
    /// The channel on which the server reports changed records. Tables of one name in several schemas share it, and hear of each
    /// other's.
    pub fn channel(&self) -> String {
        format!("housekey:{}", self.table)
    }

    /// The body of its function.
    pub fn changed_body(&self) -> String {
        let channel = self.channel();
        format!(
            "
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        PERFORM pg_catalog.pg_notify('{channel}', '');
    ELSE
        PERFORM pg_catalog.pg_notify('{channel}', pg_catalog.encode(OLD.id, 'hex'));
    END IF;
    RETURN NULL;
END
"
        )
    }

    /// The SQL that creates the table's triggers, with which the server reports changes: deletions, and updates except those that
    /// only note the use of a login. No setting of a session turns them off.
    pub fn triggers_sql(&self) -> String {
        let (body, function) = (self.changed_body(), self.with_ending("_changed"));
        let [deleted, updated, truncated] = TRIGGERS;
        let drop: String = TRIGGERS
            .map(|name| format!("DROP TRIGGER IF EXISTS {name} ON {self};\n"))
            .concat();
        let always: String = TRIGGERS
            .map(|name| format!("ALTER TABLE {self} ENABLE ALWAYS TRIGGER {name};\n"))
            .concat();
        format!(
            "CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $housekey${body}$housekey$;
{drop}CREATE TRIGGER {deleted} AFTER DELETE ON {self} FOR EACH ROW EXECUTE FUNCTION {function}();
CREATE TRIGGER {updated} AFTER UPDATE ON {self} FOR EACH ROW
    WHEN ((OLD.id, OLD.user_id, OLD.version, OLD.created_at, OLD.data)
            IS DISTINCT FROM (NEW.id, NEW.user_id, NEW.version, NEW.created_at, NEW.data)
        OR NEW.last_seen_at < OLD.last_seen_at OR NEW.expires_at < OLD.expires_at)
    EXECUTE FUNCTION {function}();
CREATE TRIGGER {truncated} AFTER TRUNCATE ON {self} FOR EACH STATEMENT EXECUTE FUNCTION {function}();
{always}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notification_names_one_record_or_none() {
        assert_eq!(
            read_changed("000102030405060708090a0b0c0d0e0f"),
            Some(std::array::from_fn(|index| index as u8))
        );
        for none in [
            "",
            "00",
            "+0010203040506070809+a+b+c+d+e+f",
            &"é".repeat(16),
            &"0".repeat(34),
        ] {
            assert_eq!(read_changed(none), None, "{none}");
        }
    }

    #[test]
    fn a_channel_has_a_name_that_a_server_takes() {
        let longest = TableName::new(&format!("app.{}", "x".repeat(52))).unwrap();
        assert!(longest.channel().len() < 64);
        assert_eq!(TableName::new("app.t").unwrap().channel(), "housekey:t");
    }
}
