-- What was done with somebody's record by others, newest first, found without a look at what was done with that of others; nor at the
-- lines of tokens, as in 0031.
CREATE INDEX audit_lines_represented ON audit_lines (represented, at)
    WHERE represented IS NOT NULL AND event NOT IN ('token.issued', 'token.refreshed');
