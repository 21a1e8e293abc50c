-- For whom a portal was told that its user may act, by these tokens: pseudonyms with a space between them, under the MAC of the line.
-- NULL for nobody, and in lines of before.
ALTER TABLE audit_lines ADD COLUMN listed TEXT;
DROP VIEW audit;
CREATE VIEW audit AS
SELECT l.node, l.seq, l.id, l.at, l.event, l.outcome, COALESCE(a.name, l.actor) AS actor, l.role,
    COALESCE(r.name, l.represented) AS represented, l.purpose, l.client, l.detail, l.listed
FROM audit_lines l
LEFT JOIN audit_names a ON a.pseudonym = l.actor
LEFT JOIN audit_names r ON r.pseudonym = l.represented;

-- The same of a grant, by the ids of persons: each of them is told of it once. NULL for nobody yet.
ALTER TABLE grants ADD COLUMN told TEXT;
