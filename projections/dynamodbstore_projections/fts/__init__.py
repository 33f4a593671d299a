"""The fts projection: postings of trigrams."""
