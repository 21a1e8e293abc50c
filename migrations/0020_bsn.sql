-- Whether UserInfo was asked for the BSN (1) of whom the grant is about and of those for whom they act.
ALTER TABLE grants ADD COLUMN bsn BIGINT NOT NULL DEFAULT 0;
