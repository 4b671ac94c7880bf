// .ci/run compiles this for every RULE and its HEADER where nvcc is found: it holds the promise that
// a rule's text is device code as it is, each of its forms in float and double.
#include <cstddef>
#include <iterator>
#include <utility>

#include HEADER

template <class R, std::size_t F>
constexpr bool reads_twice = [] {
  if constexpr (requires { R::reads_twice(R::forms[F]); })
    return R::reads_twice(R::forms[F]);
  else
    return requires { &R::trust; };
}();

template <class R, std::size_t F, class T>
__global__ void kernel(T* parameters, const T* gradients, typename R::template State<T>* states,
                       typename R::template Coefficients<T> k) {
  const std::size_t i = blockIdx.x * blockDim.x + threadIdx.x;
  T& p = parameters[i];
  const T& g = gradients[i];
  auto& s = states[i];
  if constexpr (reads_twice<R, F>) {
    descent::Pair<T> pair;
    if constexpr (requires { R::forms; })
      pair = R::template measure<R::forms[F]>(p, g, s, k);
    else
      pair = R::measure(p, g, s, k);
    const T trust = pair.first * pair.second;
    if constexpr (requires { R::forms; })
      R::template apply<R::forms[F]>(p, g, s, k, trust);
    else
      R::apply(p, g, s, k, trust);
  } else {
    if constexpr (requires { R::forms; })
      R::template update<R::forms[F]>(p, g, s, k);
    else
      R::update(p, g, s, k);
  }
}

template <class R, std::size_t F, class T>
void use_kernel() {
  kernel<R, F, T><<<1, 1>>>(nullptr, nullptr, nullptr, {});
}

template <class R, std::size_t... F>
void use_kernels(std::index_sequence<F...>) {
  (use_kernel<R, F, float>(), ...);
  (use_kernel<R, F, double>(), ...);
}

template <class R>
void compile_rule() {
  // Algorithms on whole tensors have no Coefficients; for them it is enough that the header compiles.
  if constexpr (requires { typename R::template Coefficients<float>; }) {
    if constexpr (requires { R::forms; })
      use_kernels<R>(std::make_index_sequence<std::size(R::forms)>{});
    else
      use_kernels<R>(std::index_sequence<0>{});
  }
}

template void compile_rule<descent::RULE>();
