-- What somebody did, without the lines of tokens: of those nobody asks by person, they are most of the log, and each would change a page
-- of this index that no other line of the moment does.
DROP INDEX audit_lines_actor;
CREATE INDEX audit_lines_actor ON audit_lines (actor, at) WHERE event NOT IN ('token.issued', 'token.refreshed');
-- Who became part of somebody: their names in the log are found by it, and not by a look at every name.
CREATE INDEX persons_joined_into ON persons (joined_into) WHERE joined_into IS NOT NULL;
