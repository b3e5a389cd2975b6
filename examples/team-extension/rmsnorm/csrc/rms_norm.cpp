#include <Python.h>

#include <cmath>

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty_like.h>
#include <torch/library.h>

namespace rmsnorm {

// One row: the root of its mean square, then every element.
void normalize_row(const float* x, const float* weight, float* out, int64_t size, double eps) {
  double sum = 0;
  for (int64_t i = 0; i < size; ++i) {
    sum += static_cast<double>(x[i]) * x[i];
  }
  const float scale = static_cast<float>(1 / std::sqrt(sum / size + eps));
  for (int64_t i = 0; i < size; ++i) {
    out[i] = x[i] * scale * weight[i];
  }
}

at::Tensor rms_norm_cpu(const at::Tensor& input, const at::Tensor& weight, double eps) {
  TORCH_CHECK(input.scalar_type() == at::kFloat, "rms_norm: float32 is asked for, not ", input.scalar_type());
  TORCH_CHECK(weight.dim() == 1 && input.size(-1) == weight.size(0), "rms_norm: one weight for each column");
  const at::Tensor x = input.contiguous();
  const at::Tensor w = weight.contiguous();
  at::Tensor out = at::empty_like(x);
  const int64_t size = w.size(0);
  const float* from = x.const_data_ptr<float>();
  const float* by = w.const_data_ptr<float>();
  float* to = out.mutable_data_ptr<float>();
  at::parallel_for(0, size ? x.numel() / size : 0, 16, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      normalize_row(from + row * size, by, to + row * size, size, eps);
    }
  });
  return out;
}

TORCH_LIBRARY(rmsnorm, m) {
  m.def("rms_norm(Tensor input, Tensor weight, float eps) -> Tensor");
}

TORCH_LIBRARY_IMPL(rmsnorm, CPU, m) {
  m.impl("rms_norm", &rms_norm_cpu);
}

} // namespace rmsnorm

// An empty module: `import rmsnorm._C` loads this library, and loading it runs what TORCH_LIBRARY registers.
extern "C" PyObject* PyInit__C() {
  static PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_C", nullptr, -1, nullptr};
  return PyModule_Create(&definition);
}
