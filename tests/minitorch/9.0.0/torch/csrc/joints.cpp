// What pybind11 puts on the extension module.
struct MiniFuture {
  int wait(int timeout) {
    return timeout;
  }
};

int mini_free(int a) {
  return a;
}

void initJoints(PyObject* module) {
  auto m = py::handle(module).cast<py::module>();
  m.def("mini_free", &mini_free);  //: binds py:torch._C.mini_free -> cpp:mini_free exact
  auto sub = m.def_submodule("_mini", "a submodule");
  sub.def("inner", [](int a) { return a; });  //: binds py:torch._C._mini.inner -> cpp:initJoints::inner exact
  py::class_<MiniFuture>(m, "MiniFuture")
      .def("wait", &MiniFuture::wait);  //: binds py:torch._C.MiniFuture.wait -> cpp:MiniFuture::wait exact
}
