#pragma once
#include <optional>
#include <string>
#include <vector>

#include <descent/optim/scion.h>
#include <descent/optim/training/groups.h>

namespace descent {

/// A module's parameters in groups for AdamMini, by the first line that fits:
///   biases                                               element, weight_decay 0
///   norms (by their layer, or norm or ln in the name)    tensor, weight_decay 0
///   q_proj, wq or query in the name                      heads
///   k_proj, wk or key in the name                        heads, of kv_heads
///   Embedding and Linear                                 row
///   others                                               tensor
/// Zhang et al. 2024, arXiv:2406.16793, section 2.3. A parameter that the module holds twice is
/// taken once, at its first place; frozen ones are left out. Throws c10::Error unless both numbers
/// of heads are >= 1.
///
///   const auto groups = descent::adam_mini_groups(*net, 12);
///   auto opt = descent::with_groups<descent::AdamMini>(groups, {.lr = 1e-3, .weight_decay = 0.1});
std::vector<NamedGroup> adam_mini_groups(const torch::nn::Module& module, int64_t heads,
                                         std::optional<int64_t> kv_heads = {});

struct MuonGroups {
  double lr = 0.02;                              ///< of the matrices
  double weight_decay = 0.1;                     ///< of the matrices
  double adamw_lr = 3e-4;                        ///< of all others
  double adamw_weight_decay = 0;                 ///< of all others
  std::vector<std::string> heads_named{"head"};  ///< parts of names that AdamW takes
  DESCENT_OPTIONS((lr, non_negative), (weight_decay, non_negative), (adamw_lr, non_negative),
                  (adamw_weight_decay, non_negative), (heads_named, not_text))
};

/// A module's parameters in two groups for Muon: "muon" are those of at least two dimensions in
/// Linear, Conv1d to Conv3d and LSTM, "adamw" all others, and those with one of `heads_named` in
/// their name. Nothing but its name tells the last layer from others, so name it. A parameter that
/// the module holds twice goes to AdamW if either place says so; frozen ones are left out.
///
///   const auto groups = descent::muon_groups(*net, {.lr = 0.02, .heads_named = {"lm_head"}});
///   auto opt = descent::with_groups<descent::Muon>(groups);
std::vector<NamedGroup> muon_groups(const torch::nn::Module& module,
                                    const MuonGroups& settings = {});

/// Draws a module's weights from the ball that Scion steps in, where its constrained form wants them
/// to start; D and scale are those of Scion's comment, the random numbers LibTorch's:
///   Spectral          scale sqrt(o/i) times an orthogonal matrix, or sqrt(o)
///   SpectralConv      the same at each place of the kernel, divided by their number
///   ColNorm, RowNorm  scale D of normal numbers
///   Sign              scale/i or -scale/i, without normalized scale or -scale
///   BiasRms           zeros
/// Pethick et al. 2025, arXiv:2502.07529; as the authors' init(). Frozen parameters stay. Throws c10::Error,
/// with all weights as they were, for a norm that does not fit a parameter.
///
///   descent::scion_init(*net, {.scale = 50});
///   descent::Scion opt(net->parameters(), {.scale = 50});
void scion_init(torch::nn::Module& module, const rules::Scion::Options& options = {});
/// The same with the parameters and options of each of its groups.
void scion_init(const Scion& optimizer);

}  // namespace descent
