#pragma once
#include <complex>
namespace thrust {
template <typename T>
struct complex {
  __host__ __device__ complex(const T& real = T(), const T& imag = T());
  template <typename U>
  __host__ __device__ complex(const complex<U>&);
  __host__ __device__ T real() const;
  __host__ __device__ T imag() const;
};
#define TOUR_COMPLEX(name) \
  template <typename T> \
  __host__ __device__ complex<T> name(const complex<T>&);
TOUR_COMPLEX(exp) TOUR_COMPLEX(log) TOUR_COMPLEX(log10) TOUR_COMPLEX(sqrt) TOUR_COMPLEX(proj)
TOUR_COMPLEX(sin) TOUR_COMPLEX(cos) TOUR_COMPLEX(tan) TOUR_COMPLEX(asin) TOUR_COMPLEX(acos) TOUR_COMPLEX(atan)
TOUR_COMPLEX(sinh) TOUR_COMPLEX(cosh) TOUR_COMPLEX(tanh) TOUR_COMPLEX(asinh) TOUR_COMPLEX(acosh) TOUR_COMPLEX(atanh)
#undef TOUR_COMPLEX
template <typename T>
__host__ __device__ T abs(const complex<T>&);
template <typename T>
__host__ __device__ T arg(const complex<T>&);
template <typename T>
__host__ __device__ complex<T> polar(const T&, const T& = T());
template <typename T, typename U>
__host__ __device__ complex<T> pow(const T&, const U&);
}
