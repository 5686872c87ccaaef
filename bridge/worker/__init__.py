"""Runs what the doors left to do: durable job rows, nudged by Celery, swept when a nudge was lost."""
