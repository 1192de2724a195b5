-- AUTOINCREMENT: an id is never given out twice, so a login of a deleted member can never become another's.
CREATE TABLE members (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    username      TEXT    NOT NULL COLLATE NOCASE UNIQUE,
    password_hash TEXT    NOT NULL,
    -- Random bytes, replaced when the password changes: every login made before then ends.
    auth_stamp    BLOB    NOT NULL,
    -- Set to 0, the member is out at the next request and cannot come back.
    active        INTEGER NOT NULL DEFAULT 1,
    created_at    TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
) STRICT;
