-- Whose a session is, so that its owner can be shown all of theirs. Nothing else that is kept here has an owner.
ALTER TABLE ephemeral ADD COLUMN owner TEXT;
CREATE INDEX ephemeral_owner ON ephemeral (owner) WHERE owner IS NOT NULL;
-- What somebody did, newest first, found without a look at what others did.
CREATE INDEX audit_lines_actor ON audit_lines (actor, at);
