"""Any table of interactions: files or a DataFrame -> columns -> interactions with the ids of the table."""
