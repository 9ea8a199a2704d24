-- Run once, when the database is empty. The DAGs log in as stock_sync and may read the products, nothing else.
\set ON_ERROR_STOP on
\getenv password PRODUCT_DB_DAGS_PASSWORD
CREATE TABLE products (
    id text PRIMARY KEY,
    stock integer NOT NULL
);
REVOKE ALL ON SCHEMA public FROM PUBLIC;
CREATE ROLE stock_sync LOGIN PASSWORD :'password' CONNECTION LIMIT 80;
ALTER ROLE stock_sync SET default_transaction_read_only = on;
GRANT USAGE ON SCHEMA public TO stock_sync;
GRANT SELECT ON products TO stock_sync;
