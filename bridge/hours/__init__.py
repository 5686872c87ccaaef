"""Class hours (学时): what settled seconds and offline sessions make. Stores nothing: it recomputes."""
