-- When a refresh token of this grant was used last, so that its owner knows a device that nobody uses any more. NULL: never.
ALTER TABLE grants ADD COLUMN used_at BIGINT;
