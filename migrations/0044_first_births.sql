-- The first date of birth of somebody who was known without one, as the form or the line of a mandate tells it. It is on record of nobody before
-- somebody else approves that mandate (docs/adr/0052), and it is here while the mandate waits, and no longer.
CREATE TABLE first_births (
    mandate TEXT NOT NULL REFERENCES mandates (id),
    party TEXT NOT NULL,
    birth TEXT NOT NULL,
    ends BIGINT NOT NULL,
    PRIMARY KEY (mandate, party)
);
CREATE INDEX first_births_by_end ON first_births (ends);
