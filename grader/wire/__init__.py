"""The format that crosses between judge and cell; the only package both share."""
