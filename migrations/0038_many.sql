-- What is asked of a million persons and two million mandates is found without a look at each.
-- What waits and was registered at the desk, which is shown before what programs registered, however much that is.
CREATE INDEX mandates_waiting_at_desk ON mandates (registered_at, id)
    WHERE approved_at IS NULL AND revoked_at IS NULL AND department IS NOT NULL;
-- Who turns twelve or sixteen soon, of everybody: fewer than the mandates of one department.
CREATE INDEX persons_birth ON persons (birth) WHERE birth IS NOT NULL;
DROP INDEX mandates_of_department;
