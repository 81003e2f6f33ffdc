"""Batch grading: a folder of submissions in, a durable ledger and a report out. Grades in engines, here or on a Dask cluster."""
