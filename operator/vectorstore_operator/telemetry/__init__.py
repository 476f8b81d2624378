"""What the operator tells of itself: metrics, probes, and the page they are on."""
