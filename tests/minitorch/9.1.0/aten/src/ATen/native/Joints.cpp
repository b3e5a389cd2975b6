// One of each way from an operator to its kernels.
namespace at {
namespace meta {
TORCH_META_FUNC(mini_div)(const Tensor& self, const Tensor& other) {  //: defines cpp:at::meta::structured_mini_div::meta
  build(maybe_get_output());
}
}  // namespace meta

namespace native {

DEFINE_DISPATCH(mini_div_stub);

TORCH_IMPL_FUNC(mini_div_out)(const Tensor& self, const Tensor& other, const Tensor& out) {  //: defines cpp:at::native::structured_mini_div_out::impl
  mini_div_stub(device_type(), *this);  //: calls cpp:at::native::mini_div_stub exact
}

Tensor& mini_add_out_sparse(const Tensor& self, const Tensor& other, Tensor& out) {
  return out;
}

Tensor mini_sum(const Tensor& self) {  //: defines cpp:at::native::mini_sum
  return at::mini_div(self, self);  //: calls op:aten::mini_div exact
}

Tensor mini_sum(const Tensor& self, int64_t dim) {  //: defines cpp:at::native::mini_sum
  return self.mini_add(self);  //: calls op:aten::mini_add name
}

struct MiniArchive {
  void put() {}
};

struct MiniDrawer {
  void put() {}
};

void mini_store(const std::shared_ptr<native::MiniArchive>& archive) {
  archive->put();  //: calls cpp:at::native::MiniArchive::put name
}

#if !MINI_VENDOR_ENABLED()
Tensor mini_vendor(const Tensor& input, int64_t dim) {
  MINI_CHECK(false, "not compiled with the vendor's library");
}
#else
Tensor mini_vendor(const Tensor& input_t, int64_t dim_) {  //: defines cpp:at::native::mini_vendor
  auto input = input_t.mini_add_symint(input_t);  //: calls op:aten::mini_add name
  return vendor_call(input, dim_);
}
#endif

void mini_checked(const Tensor& self) {  //: defines cpp:at::native::mini_checked
  MINI_CHECK(self.defined(), "a body of one macro without a semicolon")
}

}  // namespace native
}  // namespace at

namespace torch::autograd::generated::details {
Tensor mini_div_backward(const Tensor& grad, const Tensor& other) {
  return grad;
}
}  // namespace torch::autograd::generated::details

TORCH_LIBRARY(mini, m) {
  m.def("twice(Tensor x) -> Tensor");
}

TORCH_LIBRARY_IMPL(mini, CPU, m) {
  m.impl("twice", [](const Tensor& x) { return x; });
}

TORCH_LIBRARY_IMPL(mini, CUDA, m) {
  m.impl("twice", TORCH_FN(at::native::mini_twice_cuda));  //: dispatches op:mini::twice -> cpp:at::native::mini_twice_cuda exact
}
