"""Real servers on 127.0.0.1 from wheels: PostgreSQL, Redis, a Kafka broker, and Airflow."""
