#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <descent/optim/optimizer/optimizer.h>

namespace descent {

class GradScaler;
class LBFGS;
class Scheduler;

/// Writes the state_dict of Python's class of the same rule. In Python:
///
///   optimizer = torch.optim.AdamW(net.parameters())            # the same groups, in this order
///   optimizer.load_state_dict(torch.load(path, weights_only=True))
///
/// The file is complete or absent. Throws c10::Error for a rule that Python has not, and for an
/// option that Python has not unless it is at its default, which is what Python's rule does;
/// std::runtime_error if the file cannot be written.
void save_python(const OptimizerBase& optimizer, const std::filesystem::path& path);

/// What load_python found in a file besides options and state.
struct LoadedPython {
  /// Keys of groups that are no option of any optimizer and had no effect, each once: what training
  /// scripts keep there, as timm's lr_scale or group_name, and what schedulers do, as max_lr.
  std::vector<std::string> passed_over;
  /// The rate that each group had before a schedule changed it, if the file has one of every group;
  /// else empty.
  std::vector<double> initial_lrs;
};

/// Reads what Python's torch.save(optimizer.state_dict(), path) wrote, also inside other dicts and
/// lists, beside a model's state_dict for example; `key` then names it, as "optimizer" or
/// "optimizers.0.state", and may be left out if there is only one. Options that Python has not get
/// their defaults. Keys of groups that choose an implementation (fused, foreach, ...) have no
/// effect. Of rules that torch.optim lacks, the files of widely used packages are read, one way:
/// schedulefree, prodigyopt, lion-pytorch and timm, by the table in python_packages.cpp. Throws
/// c10::Error naming the path and what is wrong with it, with nothing changed, for damaged files,
/// missing keys, options of other optimizers, unknown keys outside of the groups, another number of
/// groups or parameters, other shapes and values out of range.
LoadedPython load_python(OptimizerBase& optimizer, const std::filesystem::path& path,
                         std::string_view key = "");

/// The same of L-BFGS, whose Python class is torch.optim.LBFGS.
void save_python(const LBFGS& optimizer, const std::filesystem::path& path);
LoadedPython load_python(LBFGS& optimizer, const std::filesystem::path& path,
                         std::string_view key = "");

/// Writes the state_dict of Python's scheduler of the same name. In Python:
///
///   scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 30)
///   optimizer.load_state_dict(torch.load(path_of_optimizer, weights_only=True))
///   scheduler.load_state_dict(torch.load(path, weights_only=True))
///
/// Functions are not written: Python keeps its own. The file is complete or absent. Throws
/// c10::Error for a schedule or a setting that Python has not, for those made of other schedules,
/// and for OneCycleLR and SWALR, of which Python keeps a part in the optimizer's groups;
/// std::runtime_error if the file cannot be written.
void save_python(const Scheduler& scheduler, const std::filesystem::path& path);

/// Reads what Python's torch.save(scheduler.state_dict(), path) wrote, goes on from there and sets
/// the rates and momenta of that moment; `key` as above. Settings are not read but compared, apart
/// from functions and from what Python keeps in the optimizer's groups. Throws c10::Error naming
/// the path and what is wrong with it, with nothing changed, for damaged files, missing or unknown
/// keys, other settings, another number of groups, and schedules that Python has not or that are
/// made of others.
void load_python(Scheduler& scheduler, const std::filesystem::path& path,
                 std::string_view key = "");

/// Writes and reads the state_dict of Python's torch.amp.GradScaler, in the same way: an empty one if
/// the scaler is disabled, which an enabled one refuses to read.
void save_python(const GradScaler& scaler, const std::filesystem::path& path);
void load_python(GradScaler& scaler, const std::filesystem::path& path, std::string_view key = "");

/// Python's class of the same rule in torch.optim, "AdamW"; null: there is none.
const char* python_class(const engine::RuleTable& rule);

}  // namespace descent
