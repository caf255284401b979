"""Programs around the library, written with it."""
