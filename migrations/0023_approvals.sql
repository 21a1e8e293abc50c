-- What a program registered counts once another program approved it. What the desk registers by its command needs no approval here.
ALTER TABLE mandates ADD COLUMN approved_by TEXT CHECK (approved_by <> registered_by);
ALTER TABLE mandates ADD COLUMN approved_at BIGINT;
