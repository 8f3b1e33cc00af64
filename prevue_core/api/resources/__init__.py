"""One module a resource: schemas on top, routes below."""
