"""The operator at a thousand stores, beside a raw loop and a plain kopf operator: `python -m benchmarks.scale`."""
