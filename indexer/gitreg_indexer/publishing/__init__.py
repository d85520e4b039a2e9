"""Publishing: the registry as static files that any web server can serve, and that need no Git to be read.

- `layout` and `pages` say where everything is and how it is listed; readers use them too, and load nothing heavy.
- `states` reads the catalog, `feed`, `names` and `snapshot` make files of it, `folder` puts them in place.
"""
