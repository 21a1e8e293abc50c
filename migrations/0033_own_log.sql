-- What was done with somebody's record by others, newest first, found without a look at what was done with that of others.
CREATE INDEX audit_lines_represented ON audit_lines (represented, at) WHERE represented IS NOT NULL;
