"""Two sources matched to one table, and the duplicates of one source."""
