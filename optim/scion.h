#pragma once
#include <string>

#include <descent/optim/pieces/newton_schulz.h>

namespace descent {

DESCENT_ENUM(ScionNorm, Auto, Spectral, SpectralConv, ColNorm, RowNorm, BiasRms, Sign)

namespace rules {

/// Scion: steps to the point of a ball that the momentum points at; each layer has a norm of its own.
/// Pethick et al. 2025, arXiv:2502.07529, Algorithms 1 and 2; as the authors' code:
///   M <- mu M + (1 - mu) g;   p <- p (1 - lr), not with unconstrained;   p <- p - lr scale D
/// D of an o x i matrix, or of the others that are named:
///   Spectral      sqrt(o/i) NS(M), or sqrt(o) NS(M) without normalized;  at least NS(M) with clamp_scale
///   SpectralConv  kernels of 1 or 2 axes of length k: sqrt(o/i)/k or sqrt(o/i)/k^2 NS of size(0) rows
///   ColNorm       M/(||column||/sqrt(o) + 1e-8),  with normalized ||column|| i/sqrt(o)
///   RowNorm       M/(||row|| sqrt(i) + 1e-8),  without normalized ||row||
///   Sign          sign(M)/i,  without normalized sign(M)
///   BiasRms       vectors: M/(sqrt(mean M^2) + 1e-8)
///   Auto          BiasRms, Spectral or SpectralConv, as many axes as there are
/// NS, see newton_schulz.h, divides by ||M|| + eps. transpose takes ColNorm or RowNorm of the transposed
/// matrix. There is no weight decay: the constrained step shrinks by lr.
struct Scion {
  static constexpr About about{"Scion", "scion", "Pethick et al. 2025, arXiv:2502.07529",
                               "LIONS-EPFL/scion"};

  struct Options {
    double lr = 1e-3;                      ///< step size, below 1 unless unconstrained
    double momentum = 0.9;                 ///< mu
    double scale = 1;                      ///< the radius of the ball
    bool unconstrained = false;            ///< may leave the ball
    ScionNorm norm = ScionNorm::Auto;      ///< which norm, see above
    std::optional<bool> normalized{};      ///< by sizes, see above; none: true, of ColNorm false
    bool transpose = false;                ///< of ColNorm and RowNorm: of the transposed matrix
    bool clamp_scale = false;              ///< of Spectral: no factor below 1
    int64_t ns_steps = 5;                  ///< how often NS is applied
    double eps = 1e-7;                     ///< what NS adds to the norm
    NsDtype ns_dtype = NsDtype::BFloat16;  ///< what the products of NS are made in
    bool maximize = false;                 ///< maximizes the loss: flips the gradient's sign
    DESCENT_OPTIONS((lr, non_negative), (momentum, unit), (scale, positive), (unconstrained),
                    (norm), (normalized), (transpose), (clamp_scale), (ns_steps, one_to_99),
                    (eps, positive), (ns_dtype), (maximize))

    std::optional<Conflict> conflict() const;
  };

  /// As the parameter, float32 if that has 16 bits.
  template <class T>
  struct State {
    T momentum_buffer;  // M
    DESCENT_BUFFERS(momentum_buffer)
  };

  static std::string block_problem(const Options& o, const TensorBlock& block);
  /// Where a parameter like `p` is to start: drawn from the ball, float64.
  static at::Tensor start(const Options& o, const at::Tensor& p);
  static void update(const Options& o, const TensorStep& step);
  static std::string state_problem(const Options& o, const at::Tensor* s, const TensorBlock& block);
};

}  // namespace rules

using Scion = OptimizerOf<rules::Scion>;

}  // namespace descent
