#pragma once

namespace descent::landscape {

/// The activations that the fused path knows, as in torch::nn; GELUTanh is GELU with approximate
/// "tanh".
enum class Activation { ReLU, Tanh, GELU, GELUTanh, Sigmoid, SiLU };

}  // namespace descent::landscape
