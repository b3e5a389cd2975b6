// What Python finds on a tensor.
struct PropertyMiniT : GetterBase<PropertyMiniT> {
  static constexpr const char* name = "mini_T";
  static Tensor fn(const Tensor& t) {
    return t.mini_add(t);  //: calls op:aten::mini_add exact
  }
};

static PyObject* MiniVariable_get_shape(PyObject* self, void* unused) {
  return nullptr;
}

static PyObject* MiniVariable_getitem(PyObject* self, PyObject* index) {
  return nullptr;
}

static PyGetSetDef mini_properties[] = {
    {"mini_T", (getter)PropertyMiniT::getter, nullptr, nullptr, nullptr},  //: binds py:torch.Tensor.mini_T -> cpp:PropertyMiniT::fn exact
    {"mini_shape", (getter)MiniVariable_get_shape, nullptr, nullptr, nullptr},  //: binds py:torch.Tensor.mini_shape -> cpp:MiniVariable_get_shape exact
    {nullptr}};

static PyMappingMethods mini_as_mapping = {
    nullptr,
    MiniVariable_getitem,  //: binds py:torch.Tensor.__getitem__ -> cpp:MiniVariable_getitem exact
    nullptr,
};

static PyMethodDef mini_methods[] = {
    {"__madd__", castPyCFunctionWithKeywords(TypeError_to_NotImplemented_<THPVariable_mini_add>), METH_VARARGS, nullptr},  //: generates py:torch.Tensor.__madd__ -> op:aten::mini_add exact
    {nullptr}};
