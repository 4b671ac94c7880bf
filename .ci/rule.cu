// .ci/run compiles this for every RULE and its HEADER where nvcc is found: it holds the promise that
// a rule's text is device code as it is, each of its forms in float and double.
#include <cstddef>
#include <utility>

#include HEADER
#include <descent/optim/engine/text.h>

template <class R, std::size_t F, class T>
__global__ void kernel(T* parameters, const T* gradients, typename R::template State<T>* states,
                       typename R::template Coefficients<T> k) {
  using Text = descent::engine::Text<R, F>;
  const std::size_t i = blockIdx.x * blockDim.x + threadIdx.x;
  T& p = parameters[i];
  const T& g = gradients[i];
  auto& s = states[i];
  if constexpr (Text::reads_twice) {
    const descent::Pair<T> pair = Text::template measure<T, T>(p, g, s, k);
    Text::template apply<T, T>(p, g, s, k, pair.first * pair.second);
  } else {
    Text::template update<T, T>(p, g, s, k);
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
  if constexpr (requires { typename R::template Coefficients<float>; })
    use_kernels<R>(std::make_index_sequence<descent::engine::forms_of<R>().size()>{});
}

template void compile_rule<descent::RULE>();
