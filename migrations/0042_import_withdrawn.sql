-- An import that nobody wants to approve is withdrawn: what still waited of it is revoked, and may be imported anew.
ALTER TABLE imports ADD COLUMN withdrawn_by TEXT;
ALTER TABLE imports ADD COLUMN withdrawn_at BIGINT;
ALTER TABLE imported_mandates ADD COLUMN withdrawn_at BIGINT;
-- What an import or a program registers may be of a department too, so what was registered at the desk is told by who registered it.
DROP INDEX mandates_waiting_at_desk;
CREATE INDEX mandates_waiting_at_desk ON mandates (registered_at, id)
    WHERE approved_at IS NULL AND revoked_at IS NULL AND SUBSTR(registered_by, 1, 7) = 'member:';
