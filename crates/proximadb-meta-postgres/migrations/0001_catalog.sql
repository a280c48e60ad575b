-- The catalog, format 1. Text compares by bytes, whatever the database's collation is. @ stands for the schema.

CREATE TABLE @.collections (
    namespace TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    dimension INTEGER NOT NULL CHECK (dimension > 0),
    distance_metric TEXT COLLATE "C" NOT NULL,
    indexing_algorithm TEXT COLLATE "C" NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    vector_count BIGINT NOT NULL CHECK (vector_count BETWEEN 0 AND 9007199254740991),
    total_size_bytes BIGINT NOT NULL CHECK (total_size_bytes BETWEEN 0 AND 9007199254740991),
    access_pattern TEXT COLLATE "C" NOT NULL,
    owner TEXT COLLATE "C",
    tags TEXT[] COLLATE "C" NOT NULL,
    retention_days INTEGER,
    retention_auto_delete BOOLEAN,
    expires_at TIMESTAMPTZ,
    version BIGINT NOT NULL,
    incarnation BIGINT NOT NULL,
    extra TEXT COLLATE "C",
    description TEXT COLLATE "C",
    -- The truth is the canonical text; the binary form beside it is an index, and so are the keywords.
    config TEXT COLLATE "C" NOT NULL,
    config_index JSONB NOT NULL,
    keywords TEXT[] COLLATE "C" NOT NULL,
    CONSTRAINT collections_id PRIMARY KEY (namespace, id),
    CONSTRAINT collections_name UNIQUE (namespace, name)
) WITH (fillfactor = 85);

CREATE INDEX collections_by_owner ON @.collections (namespace, owner, id) WHERE owner IS NOT NULL;
CREATE INDEX collections_by_access_pattern ON @.collections (namespace, access_pattern, id);
CREATE INDEX collections_by_dimension ON @.collections (namespace, dimension, id);
CREATE INDEX collections_by_distance_metric ON @.collections (namespace, distance_metric, id);
CREATE INDEX collections_by_indexing_algorithm ON @.collections (namespace, indexing_algorithm, id);
CREATE INDEX collections_by_created_at ON @.collections (namespace, created_at, id);
CREATE INDEX collections_by_updated_at ON @.collections (namespace, updated_at, id);
CREATE INDEX collections_by_expires_at ON @.collections (namespace, expires_at, id) WHERE expires_at IS NOT NULL;
-- A read goes through what waits to be put into such an index: it is kept short (KiB).
CREATE INDEX collections_by_tag ON @.collections USING gin (tags) WITH (gin_pending_list_limit = 256);
CREATE INDEX collections_by_keyword ON @.collections USING gin (keywords) WITH (gin_pending_list_limit = 256);
CREATE INDEX collections_by_config ON @.collections USING gin (config_index) WITH (gin_pending_list_limit = 256);

-- Namespaces that a restore has not finished filling.
CREATE TABLE @.restoring (
    namespace TEXT COLLATE "C" PRIMARY KEY
);
