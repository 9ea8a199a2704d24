from tests.services import cache, database, kafka, postgres, redis_server, run_folder, topic

__all__ = ["cache", "database", "kafka", "postgres", "redis_server", "run_folder", "topic"]
