-- What: the Idempotency-Key that an asset was registered under, and a digest of that request.
-- Why:  a client that lost the answer sends the request again, and gets the first answer instead of
--       a second asset. Both columns are null for requests without a key, which cost nothing more.
--       No CHECK says that they are null together: each one costs every registration microseconds.

ALTER TABLE asset
ADD COLUMN idempotency_key text COLLATE "C",
ADD COLUMN request_digest bytea;

COMMENT ON COLUMN asset.idempotency_key IS
'The Idempotency-Key of the request, kept for good; unique in its namespace; null: none was given.';
COMMENT ON COLUMN asset.request_digest IS
'SHA-256 of the kind and the body of a request with a key: the key is for that request alone.';
