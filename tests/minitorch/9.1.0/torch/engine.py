"""Objects of known classes, aliases, and names that hide others."""
from functools import partial
from typing import Optional

import torch
import torch.nn.functional as F
from torch._C import _Engine as Engine

from . import functional as fun
from .nn.linear import Linear


def step(x):
    return x


def other(x):
    return x


def _add_docstr(function, text):
    return function


def choose(flag):
    pass


wrapped = _add_docstr(torch.relu, r"""as it says""")  #: calls py:torch.relu exact
chosen = boolean_dispatch(flag=0, if_true=step, if_false=other)  #: calls py:torch.engine.other exact
partly = partial(step, 1)  #: calls py:torch.engine.step exact
linear = F.linear


def factory(n):
    def made(x):
        return n

    return made


_pair = factory(2)


class Base:
    def run(self):
        return self.step()  #: calls py:torch.engine.Base.step exact

    def step(self):
        return 0

    def only(self):
        return 0

    def _call(self, x):
        return self.forward(x)

    def forward(self, x):
        raise NotImplementedError

    __call__ = _call


class Left(Base):
    def step(self):
        self.run()  #: not calls py:torch.engine.Left.step
        return super().step()  #: calls py:torch.engine.Base.step exact


class Right(Base):
    def only(self):
        return super(Right, self).only()  #: calls py:torch.engine.Base.only exact


class Both(Left, Right):
    engine = Engine()

    def __init__(self, given, layer: Optional["Linear"] = None):
        self.part = Left()  #: calls py:torch.engine.Left exact
        self.layer = layer
        self.given = given

    def go(self, step):
        self.step()  #: calls py:torch.engine.Left.step exact
        self.only()  #: calls py:torch.engine.Right.only exact
        self.only()  #: not calls py:torch.engine.Base.only
        self.part.run()  #: calls py:torch.engine.Base.run exact
        self.layer.extra()  #: calls py:torch.nn.linear.Linear.extra exact
        self.engine.run_backward()  #: calls py:torch._C._Engine.run_backward exact
        Both.engine.run_backward()  #: calls py:torch._C._Engine.run_backward exact
        self.given.run_far()  #: not calls py:torch.engine.step
        self.part(1)  #: calls py:torch.engine.Base._call exact
        self.part(2)  #: calls py:torch.engine.Base.forward exact
        step(1)  #: calls py:torch.engine.step name
        _pair(1)  #: calls py:torch.engine.factory.made exact


def use(both: Both, unknown):
    mine = Right()
    mine.only()  #: calls py:torch.engine.Right.only exact
    both.go(step)  #: calls py:torch.engine.Both.go exact
    Both(1, None)  #: calls py:torch.engine.Both.__init__ exact
    Left()  #: not calls py:torch.engine.Both.__init__
    linear(1)  #: calls py:torch.nn.functional.linear exact
    wrapped(1)  #: calls py:torch.relu exact
    fun.einsum("a")  #: calls py:torch.functional.einsum exact
    made_here().go(1)  #: calls py:torch.engine.Both.go exact
    unknown.go(1)  #: calls py:torch.engine.Both.go name
    unknown.append(1)  #: not calls py:torch.engine.Both.append
    with Both(1) as inside:
        inside.run()  #: calls py:torch.engine.Base.run exact
    Late.engine.run_backward()  #: calls py:torch._C._Engine.run_backward exact
    call = both.run if unknown else both.step
    call()  #: calls py:torch.engine.Base.run exact


class Late:
    pass


Late.engine = Engine()


def made_here() -> Both:
    return Both(1)


class Later(Both):
    def go(self, step):
        return super().go(step)  #: calls py:torch.engine.Both.go exact
