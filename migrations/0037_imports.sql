-- What was imported of files, and by whom. The lines themselves are not kept: a keyed hash of them tells that somebody else holds the same ones.
CREATE TABLE imports (
    id TEXT PRIMARY KEY,
    what TEXT NOT NULL,
    digest BYTEA NOT NULL,
    added BIGINT NOT NULL,
    imported_by TEXT NOT NULL,
    imported_at BIGINT NOT NULL,
    approved_by TEXT CHECK (approved_by <> imported_by),
    approved_at BIGINT
);
CREATE INDEX imports_digest ON imports (digest);
-- Which mandates came of which.
CREATE TABLE imported_mandates (
    mandate TEXT PRIMARY KEY REFERENCES mandates (id),
    import TEXT NOT NULL REFERENCES imports (id)
);
CREATE INDEX imported_mandates_of ON imported_mandates (import, mandate);
