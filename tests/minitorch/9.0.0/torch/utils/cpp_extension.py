import setuptools


def CppExtension(name, sources):
    return setuptools.Extension(name, sources)


def CUDAExtension(name, sources):
    return setuptools.Extension(name, sources)


class BuildExtension:
    pass
