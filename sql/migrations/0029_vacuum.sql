-- What: vacuums the assets when 2 of 100 rows are dead instead of 20.
-- Why:  before, no row of this table died. A change leaves a dead row and dead entries of the indexes,
--       which the first list after it reads. Of ten million assets two million could be dead.

ALTER TABLE asset SET (autovacuum_vacuum_scale_factor = 0.02);
