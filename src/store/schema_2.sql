-- What receivers of remote write accepted, by what makes a push another one. What was remembered of
-- earlier pushes goes: it held addresses as they were typed, tokens included, and did not tell
-- figures, versions and baselines apart.

DROP TABLE pushes;

-- A receiver with an account: the digest of address, account, headers and added labels.
CREATE TABLE receivers (
    id     INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,           -- SHA-256
    host   TEXT NOT NULL                   -- for people
);

-- What it accepted of a department's day. Bit i of `figures` and `baselines` is the i-th figure;
-- the bit after the last figure is the day gauge.
CREATE TABLE pushes (
    receiver   INTEGER NOT NULL REFERENCES receivers,
    department INTEGER NOT NULL REFERENCES departments,
    day        TEXT NOT NULL,
    version    INTEGER NOT NULL REFERENCES versions,
    figures    INTEGER NOT NULL,
    baselines  INTEGER NOT NULL,           -- of the total only
    PRIMARY KEY (receiver, department, day, version)
) WITHOUT ROWID;
CREATE INDEX pushes_by_department ON pushes (department, day);
