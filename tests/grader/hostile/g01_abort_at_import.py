"""Aborts the process while the file is loaded."""
# exercise: attention/scaled_dot_product
# status: error
# says: an abort

import os

os.abort()
