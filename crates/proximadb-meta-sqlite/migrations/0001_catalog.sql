-- The catalog, format 1. Text compares by bytes (BINARY), times are microseconds since 1970 UTC.

CREATE TABLE collections (
    record INTEGER PRIMARY KEY,
    namespace TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    dimension INTEGER NOT NULL,
    distance_metric TEXT NOT NULL,
    indexing_algorithm TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    vector_count INTEGER NOT NULL CHECK (vector_count BETWEEN 0 AND 9007199254740991),
    total_size_bytes INTEGER NOT NULL CHECK (total_size_bytes BETWEEN 0 AND 9007199254740991),
    access_pattern TEXT NOT NULL,
    owner TEXT,
    tags TEXT NOT NULL,
    retention TEXT,
    expires_at INTEGER,
    version INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    extra TEXT,
    description TEXT,
    config TEXT NOT NULL,
    UNIQUE (namespace, id),
    UNIQUE (namespace, name)
) STRICT;

CREATE INDEX collections_by_owner ON collections (namespace, owner, id) WHERE owner IS NOT NULL;
CREATE INDEX collections_by_access_pattern ON collections (namespace, access_pattern, id);
CREATE INDEX collections_by_created_at ON collections (namespace, created_at, id);
CREATE INDEX collections_by_updated_at ON collections (namespace, updated_at, id);
CREATE INDEX collections_by_expires_at ON collections (namespace, expires_at) WHERE expires_at IS NOT NULL;

-- One row a tag of a record.
CREATE TABLE collection_tags (
    namespace TEXT NOT NULL,
    tag TEXT NOT NULL,
    id TEXT NOT NULL,
    PRIMARY KEY (namespace, tag, id)
) STRICT, WITHOUT ROWID;

-- The keywords of a record, each with its namespace before it; the index alone, the text is not kept. A token is what stands
-- between blanks: keywords are already folded and cut.
CREATE VIRTUAL TABLE collection_words USING fts5 (
    words,
    content = '',
    contentless_delete = 1,
    tokenize = 'ascii tokenchars ''!"#$%&''''()*+,-./:;<=>?@[\]^_`{|}~'''
);

-- Namespaces that a restore has not finished filling.
CREATE TABLE restoring (
    namespace TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- What the planner takes for granted until the first ANALYZE: few namespaces with many records, owners and tags of few records.
ANALYZE;
DELETE FROM sqlite_stat1;
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('collections', 'sqlite_autoindex_collections_1', '100000 50000 1'),
    ('collections', 'sqlite_autoindex_collections_2', '100000 50000 1'),
    ('collections', 'collections_by_owner', '100000 50000 100 1'),
    ('collections', 'collections_by_access_pattern', '100000 50000 12500 1'),
    ('collections', 'collections_by_created_at', '100000 50000 2 1'),
    ('collections', 'collections_by_updated_at', '100000 50000 2 1'),
    ('collections', 'collections_by_expires_at', '10000 5000 2'),
    ('collection_tags', 'collection_tags', '300000 150000 300 1');
