-- Run once, when the database is empty: beside Airflow's metadata, the schema registry has a database of its own.
\set ON_ERROR_STOP on
\getenv password REGISTRY_DB_PASSWORD
CREATE ROLE registry LOGIN PASSWORD :'password' CONNECTION LIMIT 30;
CREATE DATABASE registry OWNER registry;
REVOKE CONNECT ON DATABASE registry FROM PUBLIC;
REVOKE CONNECT ON DATABASE airflow FROM PUBLIC;
