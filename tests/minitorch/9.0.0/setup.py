# An invented tree with one of each joint; expectations stand beside the code (tests/test_minitorch.py reads them).
from setuptools import Extension, setup


def configure():
    main_sources = ["torch/csrc/stub.c"]
    core = Extension("torch._C",  #: defines py:torch._C
        sources=main_sources,
    )
    extensions = [core]
    extensions.append(Extension(name="other._C", sources=[]))  #: defines py:other._C
    return extensions


setup(name="torch", ext_modules=configure())  #: calls py:setup.configure exact
