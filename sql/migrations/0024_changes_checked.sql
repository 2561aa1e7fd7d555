-- What: checks the constraints of 0023 for the rows that were there before.
-- Why:  reads the whole table, so it has a transaction of its own, in which it lets reads and writes
--       pass.

ALTER TABLE asset
VALIDATE CONSTRAINT asset_has_the_fields_of_its_kind,
VALIDATE CONSTRAINT asset_size_is_0_or_more,
VALIDATE CONSTRAINT asset_sha256_has_32_bytes,
VALIDATE CONSTRAINT asset_content_type_has_at_most_255_characters;
