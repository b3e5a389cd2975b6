# An invented project on top of minitorch; expectations stand beside the code (tests/test_shelf.py reads them).
import glob
import os

from setuptools import setup
from torch.utils.cpp_extension import BuildExtension, CUDAExtension, CppExtension

NAME = "minishapes"


def get_extensions():
    here = os.path.join(os.path.dirname(__file__), "minishapes", "csrc")
    sources = glob.glob(os.path.join(here, "*.cpp"))
    extension = CppExtension
    if os.getenv("FORCE_CUDA", "0") == "1":
        extension = CUDAExtension
        sources += glob.glob(os.path.join(here, "*.cu"))
    return [
        extension(
            "minishapes._C",  #: init py:minishapes._C -> cpp:PYBIND11_MODULE exact
            sources,
        )
    ]


setup(
    name=NAME,
    version="0.3.1",
    ext_modules=get_extensions(),  #: calls py:setup.get_extensions exact
    cmdclass={"build_ext": BuildExtension},
)
