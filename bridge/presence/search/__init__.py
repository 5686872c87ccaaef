"""One face, several people: a template that is registered is searched among the others of its institution."""
