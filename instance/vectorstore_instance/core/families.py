"""The metrics by name, as they are documented: `docs/observability.md` has this table for readers."""

from __future__ import annotations

from typing import NamedTuple


class Family(NamedTuple):
    """One metric."""

    type: str
    help: str
    labels: tuple[str, ...] = ()


FAMILIES = {
    "vectorstore_build_info": Family("gauge", "Always 1: what runs here.", ("version", "model", "precision")),
    "vectorstore_ready": Family("gauge", "1 while requests are served."),
    "vectorstore_requests_total": Family("counter", "Requests that have ended.", ("route", "status")),
    "vectorstore_request_duration_seconds": Family(
        "histogram", "From the head of a request to the end of its answer.", ("route",)
    ),
    "vectorstore_requests_in_flight": Family("gauge", "Requests under way."),
    "vectorstore_last_request_timestamp_seconds": Family("gauge", "When the tenant last asked for something."),
    "vectorstore_refusals_total": Family("counter", "Requests answered with an error.", ("reason", "status")),
    "vectorstore_written_rows_total": Family("counter", "Rows that acknowledged writes named.", ("route",)),
    "vectorstore_documents": Family("gauge", "Documents in all collections."),
    "vectorstore_documents_limit": Family("gauge", "The quota of documents."),
    "vectorstore_collections": Family("gauge", "Collections in all databases."),
    "vectorstore_collections_limit": Family("gauge", "The quota of collections."),
    "vectorstore_data_bytes": Family("gauge", "Bytes of the store's files."),
    "vectorstore_data_reclaimable_bytes": Family("gauge", "Bytes of them that maintenance could give back."),
    "vectorstore_data_limit_bytes": Family("gauge", "The quota of bytes, where one is set."),
    "vectorstore_volume_bytes": Family("gauge", "Size of the file system that the data are on."),
    "vectorstore_volume_free_bytes": Family("gauge", "Bytes of it that are free for the store."),
    "vectorstore_quota_use_ratio": Family("gauge", "What is used of a quota: 1 is all of it.", ("resource",)),
    "vectorstore_read_only": Family("gauge", "1 while nothing more may be written."),
    "vectorstore_queue_depth": Family("gauge", "Requests that wait for the engine.", ("queue",)),
    "vectorstore_engine_phase": Family("gauge", "1 for the phase that the engine is in, else 0.", ("phase",)),
    "vectorstore_engine_starts_total": Family("counter", "Starts of the engine."),
    "vectorstore_engine_repairs_total": Family("counter", "Index folders and checkpoints found damaged or stale."),
    "vectorstore_engine_replayed_operations_total": Family("counter", "Operations replayed to repair them."),
    "vectorstore_engine_checkpoints_total": Family("counter", "Checkpoints taken of the index."),
    "vectorstore_engine_silent_seconds": Family("gauge", "How long the engine has owed its heartbeat."),
    "vectorstore_unindexed_operations": Family("gauge", "Operations that a crash now would have replayed."),
    "vectorstore_embedded_texts_total": Family("counter", "Texts turned into vectors."),
    "vectorstore_model_loaded": Family("gauge", "1 while the embedding model is in memory here."),
    "vectorstore_embed_duration_seconds": Family("histogram", "How long requests waited for their vectors."),
    "vectorstore_tls_certificate_expiry_timestamp_seconds": Family("gauge", "End of the certificate in TLS_DIR."),
}
