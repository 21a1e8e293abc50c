-- Of a grant that outlives its session (offline_access): when the session ends at the latest, and the account's era in which it was
-- given. Both NULL: it ends with its session.
ALTER TABLE grants ADD COLUMN session_ends BIGINT;
ALTER TABLE grants ADD COLUMN offline_era BIGINT;
