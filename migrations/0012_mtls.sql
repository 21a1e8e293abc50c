-- The certificate that must be shown with every refresh token of a family, where it is bound to one: its SHA-256 (RFC 8705).
ALTER TABLE grants ADD COLUMN x5t_s256 TEXT;
