"""Hands out an object and takes it out of the cell's own table before it is used."""
# exercise: backprop/scalar_engine
# status: error
# says: KeyError

import gc

from grader.wire.interpreter import Interpreter


class Value:
    def __init__(self, data):
        for found in gc.get_objects():
            if type(found) is Interpreter:
                found._objects.clear()
        self.data, self.grad = data, 0.0

    def __add__(self, other):
        return Value(0.0)
