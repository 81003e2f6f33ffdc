"""What a batch came to: a page, tables, and the formats of other programs. Reads a ledger, never a submission."""
