"""Moments as the API server writes them: https://pkg.go.dev/k8s.io/apimachinery/pkg/apis/meta/v1#Time"""

from __future__ import annotations

from datetime import UTC, datetime


def time(moment: datetime) -> str:
    """metav1.Time: RFC 3339 in UTC, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def micro_time(moment: datetime) -> str:
    """metav1.MicroTime: the same to the microsecond, as Leases and Events have it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
