#pragma once
#include <string>

#include <descent/optim/engine/rule.h>

namespace descent {
namespace rules {

/// SOAP: Adam in the basis of Shampoo's eigenvectors.
/// Vyas et al. 2024, arXiv:2409.11321, Algorithm 3; as the authors' code. For each axis i of at most
/// max_precond_dim slices, of vectors only with precondition_1d:
///   first step:  L_i = (1 - sb) G_i G_i^T,  G_i = g with the axis i as rows;   Q_i = eigenvectors of
///                L_i, largest first;   nothing moves, and t starts with the next step
///   then:  h = g with every axis turned by Q_i
///          m <- b1 m + (1 - b1) h;   v <- b2 v + (1 - b2) h^2
///          N = m / (sqrt(v) + eps), turned back;   normalize_grads: N <- N / sqrt(mean N^2)
///          p <- p - lr sqrt(c2)/c1 N,   c1 = 1 - b1^t,  c2 = 1 - b2^t, or 1 without bias_correction
///          p <- p (1 - lr wd);   L_i <- sb L_i + (1 - sb) G_i G_i^T
///   every precondition_frequency steps:  the columns of Q_i, and v along i, in the order of
///          diag(Q_i^T L_i Q_i), largest first;   Q_i <- the orthogonal factor of L_i Q_i;   m is
///          turned from the old basis into the new one
/// sb = shampoo_beta, or b2 if that is negative. merge_dims: axes are joined while their product is
/// at most max_precond_dim. The basis within equal eigenvalues is LAPACK's choice.
struct SOAP {
  static constexpr About about{"SOAP", "soap", "Vyas et al. 2024, arXiv:2409.11321",
                               "nikhilvyas/SOAP"};

  struct Options {
    double lr = 3e-3;                         ///< step size
    std::array<double, 2> betas{0.95, 0.95};  ///< decay of m and of v
    double shampoo_beta = -1;                 ///< sb, decay of L
    double eps = 1e-8;                        ///< keeps the denominator off zero
    double weight_decay = 0.01;               ///< wd, after the step
    int64_t precondition_frequency = 10;      ///< steps between two bases
    int64_t max_precond_dim = 10000;          ///< longer axes are not turned
    bool precondition_1d = false;             ///< turns vectors too
    bool normalize_grads = false;             ///< steps of one size
    bool bias_correction = true;              ///< divides m and v by c1 and c2
    bool merge_dims = false;                  ///< joins short axes, see above
    bool maximize = false;                    ///< maximizes the loss: flips the gradient's sign
    DESCENT_OPTIONS((lr, non_negative), (betas, unit), (shampoo_beta, below_one),
                    (eps, non_negative), (weight_decay, non_negative),
                    (precondition_frequency, at_least_one), (max_precond_dim, at_least_one),
                    (precondition_1d), (normalize_grads), (bias_correction), (merge_dims),
                    (maximize))
  };

  /// As the parameter, float32 if that has 16 bits.
  template <class T>
  struct State {
    T exp_avg, exp_avg_sq;  // m and v, in the basis
    T precond, basis;       // all L_i, and all Q_i, one after another
    DESCENT_BUFFERS(exp_avg, exp_avg_sq, precond, basis)
  };

  static void update(const Options& o, const TensorStep& step);
  static std::string state_problem(const Options& o, const at::Tensor* s, const TensorBlock& block);
};

}  // namespace rules

using SOAP = OptimizerOf<rules::SOAP>;

}  // namespace descent
