-- Times are UTC in RFC 3339 with nine digits of a second, so that they sort as text.

CREATE TABLE entries (
	id        INTEGER PRIMARY KEY AUTOINCREMENT, -- never used twice
	at        TEXT NOT NULL,
	migration TEXT NOT NULL,
	kind      TEXT NOT NULL,
	phase     TEXT NOT NULL, -- of the marker, with weight and paused; '' if none counted
	weight    INTEGER NOT NULL,
	paused    TEXT NOT NULL,
	commit_id TEXT NOT NULL,
	step      INTEGER NOT NULL,
	verb      TEXT NOT NULL,
	target    TEXT NOT NULL,
	key       TEXT NOT NULL,
	reason    TEXT NOT NULL,
	undo      TEXT NOT NULL
) STRICT;

CREATE INDEX entries_of_phase ON entries (migration, phase);

-- The result of an action is a row of its own: an intent is never written over.
CREATE TABLE results (
	entry   INTEGER PRIMARY KEY REFERENCES entries (id),
	at      TEXT NOT NULL,
	outcome TEXT NOT NULL,
	reason  TEXT NOT NULL
) STRICT;

CREATE TABLE notes (
	migration TEXT NOT NULL,
	key       TEXT NOT NULL,
	value     BLOB NOT NULL,
	at        TEXT NOT NULL,
	PRIMARY KEY (migration, key)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER entries_are_not_changed BEFORE UPDATE ON entries BEGIN SELECT RAISE(ABORT, 'the journal only grows'); END;
CREATE TRIGGER entries_are_not_deleted BEFORE DELETE ON entries BEGIN SELECT RAISE(ABORT, 'the journal only grows'); END;
CREATE TRIGGER results_are_not_changed BEFORE UPDATE ON results BEGIN SELECT RAISE(ABORT, 'the journal only grows'); END;
CREATE TRIGGER results_are_not_deleted BEFORE DELETE ON results BEGIN SELECT RAISE(ABORT, 'the journal only grows'); END;
