import os

import torch
from setuptools import setup
from torch.utils.cpp_extension import CUDA_HOME, BuildExtension, CppExtension, CUDAExtension

sources = ["rmsnorm/csrc/rms_norm.cpp"]
extension = CppExtension
if os.environ.get("FORCE_CUDA") == "1" or (torch.cuda.is_available() and CUDA_HOME is not None):
    sources.append("rmsnorm/csrc/rms_norm.cu")
    extension = CUDAExtension

setup(
    ext_modules=[extension("rmsnorm._C", sources)],
    cmdclass={"build_ext": BuildExtension},
)
