-- The audit log as evidence: each line carries its place in the chain of its node, the MAC of the line before it, and its own.
-- Nothing forbids UPDATE and DELETE here: the two databases have no common text for a trigger that refuses (docs/adr/0038).
DROP INDEX audit_at;
-- Lines of before the chain; `namens migrate` moves them into it and leaves this empty.
ALTER TABLE audit RENAME TO audit_before;

-- `actor` and `represented` are pseudonyms: who that is stands in audit_names.
CREATE TABLE audit_lines (
    node TEXT NOT NULL,
    seq BIGINT NOT NULL,
    id TEXT NOT NULL,
    at BIGINT NOT NULL,
    event TEXT NOT NULL,
    outcome TEXT NOT NULL,
    actor TEXT,
    role TEXT NOT NULL,
    represented TEXT,
    purpose TEXT NOT NULL,
    client TEXT,
    detail TEXT,
    prev BYTEA NOT NULL,
    mac BYTEA NOT NULL,
    PRIMARY KEY (node, seq)
);
CREATE INDEX audit_lines_at ON audit_lines (at, id);

-- The last line of each chain. Whoever adds lines moves it first, from where it stood.
CREATE TABLE audit_heads (
    node TEXT PRIMARY KEY,
    seq BIGINT NOT NULL,
    mac BYTEA NOT NULL
);

-- Who a pseudonym is: persons, members of staff, programs. Erased by deleting the row; its MAC tells a row of ours from a forged one.
CREATE TABLE audit_names (
    pseudonym TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    mac BYTEA NOT NULL
);

-- Heads of chains, signed.
CREATE TABLE audit_checkpoints (
    node TEXT NOT NULL,
    seq BIGINT NOT NULL,
    at BIGINT NOT NULL,
    jws TEXT NOT NULL,
    PRIMARY KEY (node, seq)
);

-- The log as it is read: with names in place of pseudonyms, as long as they are known.
CREATE VIEW audit AS
SELECT l.node, l.seq, l.id, l.at, l.event, l.outcome, COALESCE(a.name, l.actor) AS actor, l.role,
    COALESCE(r.name, l.represented) AS represented, l.purpose, l.client, l.detail
FROM audit_lines l
LEFT JOIN audit_names a ON a.pseudonym = l.actor
LEFT JOIN audit_names r ON r.pseudonym = l.represented;
