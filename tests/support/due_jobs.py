"""Jobs that wait, made due by a test: the bot's worker hears of it at once, not at its next heartbeat."""

HEARD = """
    RETURNING pg_notify(
        'procrastinate_queue_v1#' || queue_name, json_build_object('type', 'job_inserted', 'job_id', id)::text
    )
"""
"""Ends a statement that changes jobs."""
DUE_NOW = f"UPDATE procrastinate_jobs SET scheduled_at = now() WHERE status = 'todo' {HEARD}"  # noqa: S608 - constants
