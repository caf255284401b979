"""Programs written with the library, like any user's, that are useful to have at hand."""
