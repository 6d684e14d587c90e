"""Which descriptor to trust on one's own pictures: relevance, rankings, metrics, and the report."""
