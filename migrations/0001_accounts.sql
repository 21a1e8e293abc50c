-- One text for SQLite and PostgreSQL: TEXT, BIGINT (epoch seconds, flags 0/1) and BYTEA only.

-- The subject of a record. A child may be a person without an account; every account is born with a person.
CREATE TABLE persons (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    birth TEXT,
    bsn_index BYTEA UNIQUE,
    bsn_sealed BYTEA,
    joined_into TEXT REFERENCES persons (id),
    created BIGINT NOT NULL
);

-- How a person logs in. `era` goes up when every session must end.
CREATE TABLE accounts (
    id TEXT PRIMARY KEY,
    person_id TEXT NOT NULL UNIQUE REFERENCES persons (id),
    email TEXT NOT NULL,
    email_key TEXT NOT NULL UNIQUE,
    password_hash TEXT,
    digid_linked_at BIGINT,
    era BIGINT NOT NULL,
    created BIGINT NOT NULL
);

-- `sub`, random and stored, for each (sector, person). An alias is what two persons that became one leave behind.
CREATE TABLE subjects (
    sub TEXT PRIMARY KEY,
    sector TEXT NOT NULL,
    person_id TEXT NOT NULL REFERENCES persons (id),
    alias BIGINT NOT NULL,
    created BIGINT NOT NULL
);
CREATE UNIQUE INDEX subjects_one_each ON subjects (sector, person_id) WHERE alias = 0;
CREATE INDEX subjects_of_person ON subjects (person_id);

-- Clients added by command; those of the configuration file are not here.
CREATE TABLE clients (
    id TEXT PRIMARY KEY,
    registration TEXT NOT NULL,
    created BIGINT NOT NULL
);

-- What must never be used twice or forgotten: spent codes, artifacts, assertions.
CREATE TABLE spent (
    kind TEXT NOT NULL,
    mark TEXT NOT NULL,
    ends BIGINT NOT NULL,
    PRIMARY KEY (kind, mark)
);
CREATE INDEX spent_ends ON spent (ends);

-- What may be lost with a restart of nothing worse than a login: sealed bodies with an end.
CREATE TABLE ephemeral (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    version BIGINT NOT NULL,
    body BYTEA NOT NULL,
    ends BIGINT NOT NULL,
    PRIMARY KEY (kind, name)
);
CREATE INDEX ephemeral_ends ON ephemeral (ends);

CREATE TABLE counters (
    name TEXT PRIMARY KEY,
    hits BIGINT NOT NULL,
    ends BIGINT NOT NULL
);
CREATE INDEX counters_ends ON counters (ends);

-- Who did what to whom, and how it went. Written in the act's own transaction; rows hold identifiers, never a BSN.
CREATE TABLE audit (
    id TEXT PRIMARY KEY,
    at BIGINT NOT NULL,
    event TEXT NOT NULL,
    outcome TEXT NOT NULL,
    actor TEXT,
    represented TEXT,
    client TEXT,
    detail TEXT
);
CREATE INDEX audit_at ON audit (at);
