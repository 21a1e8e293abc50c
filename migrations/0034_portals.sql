-- When a refresh token of this grant was used last, so that its owner knows a device that nobody uses any more. NULL: never.
ALTER TABLE grants ADD COLUMN used_at BIGINT;
-- What was done for somebody, newest first, found without a look at what was done for others.
CREATE INDEX audit_lines_of_represented ON audit_lines (represented, at);
