"""The audit: how many fake accounts a recommender withstands, and what a defense would cost. README.md shows it."""
