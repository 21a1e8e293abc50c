-- For which APIs an account's owner agreed that a portal of somebody else may get tokens (RFC 8707), with a space between them.
ALTER TABLE client_consents ADD COLUMN resources TEXT NOT NULL DEFAULT '';
