"""The read API of authorities and institutions: OAuth2 client credentials, JSON pages, whole tables as Parquet."""
