namespace at::native {
namespace {
void mini_div_kernel(TensorIteratorBase& iter) {  //: defines cpp:at::native::mini_div_kernel
  cpu_kernel(iter, [](float a, float b) { return a / b; });
}
}  // namespace

REGISTER_DISPATCH(mini_div_stub, &mini_div_kernel)  //: stubs cpp:at::native::mini_div_stub -> cpp:at::native::mini_div_kernel exact
}  // namespace at::native
