-- What the desk registered before every mandate needed a second pair of eyes counts as it did. Nobody can have this name: a colon stands in
-- no name of a member of staff, and a program's begins otherwise.
UPDATE mandates SET approved_by = 'migration:25', approved_at = registered_at
    WHERE approved_at IS NULL AND registered_by NOT LIKE 'client:%';
