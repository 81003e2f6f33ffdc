"""Brackets within brackets, which a parser may take very long over."""
# exercise: attention/scaled_dot_product
# status: error
# says: SyntaxError

x = {{BRACKETS}}
