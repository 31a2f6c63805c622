"""What the ingest job costs, beside simpler pipelines that promise less. Figures, never tests."""
