-- In compose.yaml's PostgreSQL the superuser got the password of the role `mlflow`. Now it has none:
-- nobody is superuser over the network. `docker compose exec database psql --username postgres` is.
ALTER ROLE postgres PASSWORD NULL;
