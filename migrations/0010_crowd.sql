-- Whether a login stays to its end, because something was proven in it (1), or gives way when too many are under way (0). The
-- index finds the oldest of those that give way, and counts both, without a look at the rows.
ALTER TABLE ephemeral ADD COLUMN stays BIGINT NOT NULL DEFAULT 0;
CREATE INDEX ephemeral_stays ON ephemeral (kind, stays, ends);
