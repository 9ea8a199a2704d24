"""Hooks to clients to services: the only part of the package that imports Airflow."""
