"""The pytest marks that suites may use beside pytest's own, as pytest wants them told. The judge and the authors' plugin do."""

LAST = "last: takes long, and runs only where every other check has passed"
