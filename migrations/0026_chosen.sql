-- For whom the request of a grant was made (act_as): a person, or the user's own. NULL: for whom its session is.
ALTER TABLE grants ADD COLUMN chosen TEXT;
