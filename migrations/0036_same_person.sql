-- Two persons of the desk that are one (M11, docs/adr/0045): a correction that names the other one, which becomes part of the person
-- it is of.
ALTER TABLE corrections ADD COLUMN other TEXT REFERENCES persons (id);
