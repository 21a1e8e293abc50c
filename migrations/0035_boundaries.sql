-- For whom the user of a grant acts, by its request or by the word of the register at their login (NULL: for nobody); whether they
-- still might when somebody last looked (0: no, and the portal was told); and when somebody looks again (docs/adr/0044).
ALTER TABLE grants ADD COLUMN acts_for TEXT;
ALTER TABLE grants ADD COLUMN acts BIGINT NOT NULL DEFAULT 1;
ALTER TABLE grants ADD COLUMN look_at BIGINT;
UPDATE grants SET acts_for = chosen, look_at = 0 WHERE chosen <> person_id AND revoked_at IS NULL;
CREATE INDEX grants_look_at ON grants (look_at) WHERE look_at IS NOT NULL AND revoked_at IS NULL;
CREATE INDEX grants_acts_for ON grants (acts_for) WHERE acts_for IS NOT NULL;

-- Which mails about a mandate were written, to whom, and about which moment: each once. due NULL: it has left.
CREATE TABLE mandate_mails (
    mandate TEXT NOT NULL REFERENCES mandates (id) ON DELETE CASCADE,
    what TEXT NOT NULL,
    at BIGINT NOT NULL,
    person TEXT NOT NULL REFERENCES persons (id) ON DELETE CASCADE,
    due BIGINT,
    PRIMARY KEY (mandate, what, at, person)
);
CREATE INDEX mandate_mails_due ON mandate_mails (due) WHERE due IS NOT NULL;

-- When somebody looks which mail about a mandate is to be written. NULL: when something about it changes.
ALTER TABLE mandates ADD COLUMN look_at BIGINT;
UPDATE mandates SET look_at = 0 WHERE revoked_at IS NULL AND lapsed_at IS NULL;
CREATE INDEX mandates_look_at ON mandates (look_at) WHERE look_at IS NOT NULL;
-- Nobody is told now that what they have had for long has begun.
INSERT INTO mandate_mails (mandate, what, at, person)
    SELECT id, 'started', 0, representative FROM mandates WHERE approved_at IS NOT NULL
    UNION ALL SELECT id, 'started', 0, represented FROM mandates WHERE approved_at IS NOT NULL;

-- In which language somebody reads their mails: that of their last login.
ALTER TABLE accounts ADD COLUMN lang TEXT NOT NULL DEFAULT 'nl';
