#include "JointsLaunch.h"

#define DISPATCH_MINI(n, ...) \
  if (n) {                    \
    auto run = [&]() {        \
      __VA_ARGS__();          \
    };                        \
    run();                    \
  }

namespace at::native {

Tensor mini_twice_cuda(const Tensor& x) {
  return x;
}

void mini_div_kernel_cuda(TensorIteratorBase& iter) {
  DISPATCH_MINI(iter.numel(), [&]() {
    mini_small_kernel<float><<<1, 32>>>(nullptr);  //: launches cpp:at::native::mini_small_kernel exact
  });
}

void mini_indexed(int n) {  //: defines cpp:at::native::mini_indexed
  if (n > 4) {
    MINI_INDEX(scalar_t, unsigned int, 1);
  } else {
    MINI_INDEX(scalar_t, unsigned int, -1);
  }
}

void mini_held(int n) {
  auto kernel = mini_small_kernel<float>;
  if (n > 4) {
    kernel = mini_large_kernel<float>;
  }
  kernel<<<1, 32>>>(nullptr);  //: launches cpp:at::native::mini_large_kernel exact
}

REGISTER_DISPATCH(mini_div_stub, &mini_div_kernel_cuda);  //: stubs cpp:at::native::mini_div_stub -> cpp:at::native::mini_div_kernel_cuda exact
}  // namespace at::native
