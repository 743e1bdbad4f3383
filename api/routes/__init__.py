"""Routes: thin, over the services beside this package."""
