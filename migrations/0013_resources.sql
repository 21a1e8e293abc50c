-- The APIs for which a grant's access tokens may be (RFC 8707), parted by spaces; none for the UserInfo endpoint alone.
ALTER TABLE grants ADD COLUMN resources TEXT NOT NULL DEFAULT '';
