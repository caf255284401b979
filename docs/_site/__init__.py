"""What makes the site: the extension, the generated parts of the reference, its drawings."""
