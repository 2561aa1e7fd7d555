-- What: checks the constraints of 0005 for the rows that were there before.
-- Why:  reads the whole table, so it has a transaction of its own, in which it lets reads and
--       writes pass.

ALTER TABLE asset
VALIDATE CONSTRAINT asset_has_the_fields_of_its_kind,
VALIDATE CONSTRAINT asset_width_is_1_or_more,
VALIDATE CONSTRAINT asset_height_is_1_or_more;
