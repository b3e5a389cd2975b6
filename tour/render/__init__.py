"""A view in, text out: for a terminal, for programs, for the site. No renderer opens a file but a template."""
