// A header that launches a kernel is CUDA, whatever its name says.
namespace at::native {
template <typename T>
__global__ void mini_small_kernel(T* out) {}  //: defines cpp:at::native::mini_small_kernel

template <typename T>
__global__ void mini_large_kernel(T* out) {}

#define DEFINE_MINI_KERNEL(kernelName, ...) \
template<typename Traits, __VA_ARGS__>      \
__global__ void kernelName(MiniParams params)

DEFINE_MINI_KERNEL(mini_flash_kernel, bool IsCausal) {  //: defines cpp:at::native::mini_flash_kernel
  compute<Traits, IsCausal>(params);
}

inline void mini_flash() {
  auto kernel = &mini_flash_kernel<MiniTraits, true && !false>;
  kernel<<<1, 32>>>(MiniParams());  //: launches cpp:at::native::mini_flash_kernel exact
}

inline void mini_launch() {
  mini_large_kernel<float><<<1, 32>>>(nullptr);  //: launches cpp:at::native::mini_large_kernel exact
}
}  // namespace at::native
