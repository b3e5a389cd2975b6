"""What Python would refuse or never finish: nobody may hang on it."""
from torch.loops_too import there as back


class A(B):
    def f(self):
        self.g()  #: calls py:torch.loops.B.g exact
        self.nowhere()  #: not calls py:torch.loops.B.nowhere


class B(A):
    def g(self):
        self.f()  #: calls py:torch.loops.A.f exact


x = y
y = x


def f():
    x()  #: not calls py:torch.loops.f
    back()  #: not calls py:torch.loops.f
    z = z.g
    z()  #: not calls py:torch.loops.B.g


there = back
