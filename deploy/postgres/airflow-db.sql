-- Run once, when the database is empty: beside Airflow's metadata, the schema registry and the operations store have
-- databases of their own. The tables of the latter, and who may do what there, are init's: stocksync.migrations.
\set ON_ERROR_STOP on
\getenv password REGISTRY_DB_PASSWORD
CREATE ROLE registry LOGIN PASSWORD :'password' CONNECTION LIMIT 30;
CREATE DATABASE registry OWNER registry;
REVOKE CONNECT ON DATABASE registry FROM PUBLIC;
REVOKE CONNECT ON DATABASE airflow FROM PUBLIC;
\getenv ops_owner STOCK_OPS_OWNER_PASSWORD
\getenv ops_worker STOCK_OPS_WORKER_PASSWORD
\getenv ops_page STOCK_OPS_PAGE_PASSWORD
CREATE ROLE stock_ops_owner LOGIN PASSWORD :'ops_owner' CONNECTION LIMIT 5;
CREATE ROLE stock_ops_worker LOGIN PASSWORD :'ops_worker' CONNECTION LIMIT 80;
CREATE ROLE stock_ops_page LOGIN PASSWORD :'ops_page' CONNECTION LIMIT 20;
ALTER ROLE stock_ops_page SET default_transaction_read_only = on;
CREATE DATABASE operations OWNER stock_ops_owner;
REVOKE ALL ON DATABASE operations FROM PUBLIC;
