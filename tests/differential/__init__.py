"""Our tracking store beside MLflow's SQL store: the same questions, the same answers."""
