-- What somebody offers of their own record and nobody has yet (docs/adr/0048): it becomes a mandate of the same id, or ends with its row.
CREATE TABLE offers (
    id TEXT PRIMARY KEY,
    -- Whose record it is.
    grantor TEXT NOT NULL REFERENCES persons (id) ON DELETE CASCADE,
    -- For whom, in the grantor's own words; nobody else is shown it.
    label TEXT NOT NULL,
    -- For how many days, from the moment of the grantor's last word.
    days BIGINT NOT NULL,
    ends BIGINT NOT NULL,
    -- A keyed hash of the code that the grantor hands over; NULL: somebody typed it.
    code BYTEA,
    -- Who typed it, and whether they said yes.
    grantee TEXT REFERENCES persons (id) ON DELETE CASCADE,
    accepted BIGINT NOT NULL DEFAULT 0,
    CHECK (grantor <> grantee)
);
CREATE UNIQUE INDEX offers_code ON offers (code);
CREATE UNIQUE INDEX offers_pair ON offers (grantor, grantee);
CREATE INDEX offers_of_grantee ON offers (grantee);
CREATE INDEX offers_ends ON offers (ends);

-- A wrong patient number is put right by two, as a date of birth is (docs/adr/0034).
ALTER TABLE corrections ADD COLUMN number TEXT;
ALTER TABLE corrections ADD COLUMN number_before TEXT NOT NULL DEFAULT '';
