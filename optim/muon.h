#pragma once
#include <string>
#include <vector>

#include <descent/optim/pieces/decay_scale.h>
#include <descent/optim/pieces/newton_schulz.h>

namespace descent {

DESCENT_ENUM(MuonAdjust, Original, MatchRmsAdamW, Spectral, None)
DESCENT_ENUM(MuonAlgorithm, Muon, AdamW)

namespace rules {

/// Muon: steps by the momentum of a matrix with all its singular values made equal.
/// Jordan et al. 2024, kellerjordan.github.io/posts/muon; as torch.optim. Of an A x B matrix:
///   M <- mu M + (1 - mu) g;   u = M,  or with nesterov  (1 - mu) g + mu M
///   O = NS(u), see newton_schulz.h;   O <- k O
///   k = sqrt(max(1, A/B)) (Original),  0.2 sqrt(max(A, B)) (MatchRmsAdamW),  sqrt(A/B) (Spectral),  1
///   p <- p - L wd K p - lr O
///   L = lr,  lr^2/max_lr (Corrected)  or  lr/max_lr (Independent)
///   K = 1,  or with cautious_decay 1 where O p >= 0, else 0
/// split_sizes, or heads, cut u into blocks of rows, each with an O and a k of its own. Further:
///   normuon (Li et al. 2025, arXiv:2510.05491), for each row of O, ahead of k:
///     V <- b V + (1 - b) mean(O^2);   N = O / (sqrt(V) + normuon_eps);   O <- N ||O||/max(||N||, 1e-8)
///   hyperball: p keeps its first norm n0, and k = 1:
///     O <- O + wd K p;   p <- p - lr n0 O/||O||;   p <- p n0/||p||
///   flatten_conv: tensors of more axes are the matrix of the first axis by all others
///   algorithm = adamw: vectors, embeddings and heads, as AdamW with adamw_betas and adamw_eps
struct Muon {
  static constexpr About about{"Muon", "muon",
                               "Jordan et al. 2024, kellerjordan.github.io/posts/muon",
                               "torch.optim.Muon; microsoft/dion; kozistr/pytorch_optimizer"};

  struct Options {
    double lr = 1e-3;           ///< step size
    double momentum = 0.95;     ///< mu
    bool nesterov = true;       ///< steps by the momentum of a step ahead
    double weight_decay = 0.1;  ///< wd
    DecayMode decay_mode = DecayMode::Decoupled;
    bool cautious_decay = false;              ///< decays only what moves towards 0
    DecayScale decay_scale = DecayScale::Lr;  ///< what L is, see above
    std::optional<double> max_lr{};           ///< none: the group's rate when it is added
    NsPreset ns_preset = NsPreset::Original;  ///< whose a, b and c
    std::array<double, 3> ns_coefficients{3.4445, -4.7750, 2.0315};  ///< a, b and c of original
    int64_t ns_steps = 5;                                            ///< how often NS is applied
    double eps = 1e-7;                              ///< the least norm that NS divides by
    NsDtype ns_dtype = NsDtype::BFloat16;           ///< what the products of NS are made in
    MuonAdjust adjust = MuonAdjust::Original;       ///< what k is, see above
    bool normuon = false;                           ///< gives all rows the same size
    double normuon_beta2 = 0.95;                    ///< b of normuon
    double normuon_eps = 1e-8;                      ///< keeps the denominator of normuon off zero
    bool hyperball = false;                         ///< keeps the norm of p
    bool flatten_conv = false;                      ///< takes tensors of more than two axes
    std::vector<int64_t> split_sizes{};             ///< rows of each block
    int64_t heads = 0;                              ///< so many equal blocks of rows; 0: one
    MuonAlgorithm algorithm = MuonAlgorithm::Muon;  ///< the rule of this group
    std::array<double, 2> adamw_betas{0.9, 0.95};   ///< betas of AdamW
    double adamw_eps = 1e-10;                       ///< eps of AdamW
    bool maximize = false;  ///< maximizes the loss: flips the gradient's sign
    DESCENT_OPTIONS((lr, non_negative), (momentum, non_negative), (nesterov),
                    (weight_decay, non_negative), (decay_mode), (cautious_decay), (decay_scale),
                    (max_lr, positive), (ns_preset), (ns_coefficients, finite),
                    (ns_steps, one_to_99), (eps, positive), (ns_dtype), (adjust), (normuon),
                    (normuon_beta2, unit), (normuon_eps, non_negative), (hyperball), (flatten_conv),
                    (split_sizes, at_least_one), (heads, non_negative), (algorithm),
                    (adamw_betas, unit), (adamw_eps, non_negative), (maximize))

    std::optional<Conflict> conflict() const;
  };
  static void settle(Options& o) { settle_max_lr(o, o.lr); }

  /// As the parameter, float32 if that has 16 bits.
  template <class T>
  struct State {
    T momentum_buffer;         // M
    T second_momentum_buffer;  // V of normuon, A x 1
    T init_norm;               // n0 of hyperball, one number
    T exp_avg, exp_avg_sq;     // of AdamW
    DESCENT_BUFFERS(momentum_buffer, second_momentum_buffer, init_norm, exp_avg, exp_avg_sq)
  };

  static constexpr bool decays_itself = true;
  static std::string block_problem(const Options& o, const TensorBlock& block);
  static void update(const Options& o, const TensorStep& step);
  static std::string state_problem(const Options& o, const at::Tensor* s, const TensorBlock& block);
};

}  // namespace rules

using Muon = OptimizerOf<rules::Muon>;

}  // namespace descent
