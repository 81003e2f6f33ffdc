"""The migrations of progress.db, shipped with the package and run by `grader.store.migrate`.

A new one is a file `versions/NNNN_what.py` written by hand, with `revision` and `down_revision`; `grader.store.schema`
follows it, its HEAD included. All run in one transaction that is committed as a whole. Tables with append-only triggers
lose them where a batch operation rebuilds the table: make them again.
"""
