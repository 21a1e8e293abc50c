-- Who works at the desk: an account with roles, in a department. Proposed by one and approved by another; rows are ended, never removed.
CREATE TABLE staff (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    roles TEXT NOT NULL,
    department TEXT NOT NULL,
    proposed_by TEXT NOT NULL,
    proposed_at BIGINT NOT NULL,
    approved_by TEXT CHECK (approved_by <> proposed_by),
    approved_at BIGINT,
    ended_by TEXT,
    ended_at BIGINT
);
CREATE UNIQUE INDEX staff_one_each ON staff (account) WHERE ended_at IS NULL;
-- What the healthcare provider calls a patient by.
ALTER TABLE persons ADD COLUMN patient_number TEXT;
CREATE UNIQUE INDEX persons_patient_number ON persons (patient_number);
-- At which department a mandate was registered, where that was at the desk.
ALTER TABLE mandates ADD COLUMN department TEXT;
CREATE INDEX mandates_of_department ON mandates (department) WHERE department IS NOT NULL;
-- What waits for a second pair of eyes.
CREATE INDEX mandates_waiting ON mandates (registered_at, id) WHERE approved_at IS NULL AND revoked_at IS NULL;
