-- A portal is told too when the user may act no longer for whom they chose there, while their session goes on (docs/adr/0033). 1: that is
-- all it was told; the end of the session itself is told after it.
ALTER TABLE notices ADD COLUMN of_mandate BIGINT NOT NULL DEFAULT 0;
CREATE INDEX grants_chosen ON grants (chosen) WHERE chosen IS NOT NULL;
