// Functions of torch that no code generation writes.
static PyMethodDef torch_functions_manual[] = {
    {"mini_asarray", castPyCFunctionWithKeywords(THPVariable_mini_asarray), METH_VARARGS, nullptr},
};

void gatherTorchFunctions(std::vector<PyMethodDef>& torch_functions) {
  static std::array<std::pair<const char*, const char*>, 2> aliases{
      {// Canonical function, alias name
       {"mini_div", "mini_over"},  //: generates py:torch.mini_over -> op:aten::mini_div exact
       {"mini_sum", "mini_total"}}};
}
