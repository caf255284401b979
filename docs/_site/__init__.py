"""What makes the site: the extension, and the parts of the reference that are generated."""
