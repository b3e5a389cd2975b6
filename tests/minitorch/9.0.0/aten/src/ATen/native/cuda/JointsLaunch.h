// A header that launches a kernel is CUDA, whatever its name says.
namespace at::native {
template <typename T>
__global__ void mini_small_kernel(T* out) {}  //: defines cpp:at::native::mini_small_kernel

template <typename T>
__global__ void mini_large_kernel(T* out) {}

inline void mini_launch() {
  mini_large_kernel<float><<<1, 32>>>(nullptr);  //: launches cpp:at::native::mini_large_kernel exact
}
}  // namespace at::native
