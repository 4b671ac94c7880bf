#pragma once
#include <string>

#include <descent/optim/engine/rule.h>

namespace descent {

DESCENT_ENUM(KronMemory, None, OneDiag, SmartOneDiag, AllDiag)

namespace rules {

/// PSGD-Kron: whitens the momentum by a factor for each axis, which learns from random probes.
/// Li 2018, arXiv:1512.04202; Li 2022, arXiv:2211.04422, with triangular Kronecker factors; as timm.
///   M <- mu M + (1 - mu) g;   m = M/(1 - mu^t);   Qi = init_scale^(1/dim) I at first
///   every 1/q steps, q = update_probability or exp(-0.001 (t - 501)) within [0.03, 1]:
///     A = m (or g) with every axis times Qi;   B = a probe of normal numbers with every axis times Qi^-T
///     T1, T2 = sums of products of slices along the axis i of A, and of B
///     Qi <- Qi - triu(precond_lr (T1 - T2)) / N(T1 + T2) Qi,   N bounds the largest singular value
///   H = m with every axis times Qi^T Qi;   H <- H min(1, 1.1/(rms(H) + 1e-8))
///   Coupled:  H <- H + wd p;   Decoupled:  p <- p (1 - lr wd);   p <- p - lr H
/// Axes of one slice or more than max_size_triangular have a diagonal for Qi, and so has, by
/// memory_save, the longest (OneDiag; SmartOneDiag where it is the only longest) or every one (AllDiag).
/// One time in a hundred the factors are balanced to one size, which changes nothing else. Probes
/// follow from seed, the parameter's place and its step. flatten_from joins the axes from there on.
struct Kron {
  static constexpr About about{"Kron", "kron", "Li 2022, arXiv:2211.04422", "timm kron"};

  struct Options {
    double lr = 1e-3;                             ///< step size
    double momentum = 0.9;                        ///< mu
    double weight_decay = 0;                      ///< wd
    DecayMode decay_mode = DecayMode::Decoupled;  ///< where wd enters, see above
    double precond_lr = 0.1;                      ///< how fast the factors learn
    double init_scale = 1;                        ///< size of the first factors
    int64_t max_size_triangular = 8192;           ///< longer axes have a diagonal
    int64_t min_dim_triangular = 2;               ///< with fewer axes all have a diagonal
    KronMemory memory_save = KronMemory::None;    ///< which axes have a diagonal too
    bool momentum_into_precond = true;            ///< factors learn from m, not from g
    std::optional<double> update_probability{};   ///< q, the part of steps in which factors learn
    int64_t seed = 0;                             ///< of the probes
    int64_t flatten_from = 0;                     ///< joins the axes from this one on; 0: none
    bool maximize = false;                        ///< maximizes the loss: flips the gradient's sign
    DESCENT_OPTIONS((lr, non_negative), (momentum, unit), (weight_decay, non_negative),
                    (decay_mode), (precond_lr, non_negative), (init_scale, positive),
                    (max_size_triangular, non_negative), (min_dim_triangular, non_negative),
                    (memory_save), (momentum_into_precond), (update_probability, positive_unit),
                    (seed, non_negative), (flatten_from, non_negative), (maximize))
  };

  /// As the parameter, float32 if that has 16 bits.
  template <class T>
  struct State {
    T momentum_buffer;  // M
    T precond;          // all Qi, one after another
    T update_counter;   // steps since the factors learned, one number
    DESCENT_BUFFERS(momentum_buffer, precond, update_counter)
  };

  static constexpr bool couples_itself = true;
  static void update(const Options& o, const TensorStep& step);
  static std::string state_problem(const Options& o, const at::Tensor* s, const TensorBlock& block);
};

}  // namespace rules

using Kron = OptimizerOf<rules::Kron>;

}  // namespace descent
