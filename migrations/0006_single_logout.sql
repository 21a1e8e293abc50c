-- In which browser DigiD opened a session: what must be told to DigiD when somebody signs out there, also of sessions here
-- that have ended by themselves, or that a later login took the place of.
ALTER TABLE digid_sessions ADD COLUMN browser_hash BYTEA;
CREATE INDEX digid_sessions_browser ON digid_sessions (browser_hash);

-- Which of DigiD's sessions a request named; NULL: all of that person's.
ALTER TABLE digid_logouts ADD COLUMN index_hash BYTEA;
