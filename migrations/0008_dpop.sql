-- The key that must be shown with every refresh token of a family, where it is bound to one: its thumbprint (RFC 9449).
ALTER TABLE grants ADD COLUMN dpop_jkt TEXT;
