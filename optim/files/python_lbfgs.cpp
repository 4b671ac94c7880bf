#include <algorithm>
#include <cmath>
#include <deque>
#include <ostream>

#include <ATen/ops/scalar_tensor.h>

#include <descent/base/atomic_file.h>
#include <descent/optim/files/incoming.h>
#include <descent/optim/files/python.h>
#include <descent/optim/files/python_names.h>
#include <descent/optim/files/state_dict.h>
#include <descent/optim/optimizer/lbfgs.h>
#include <descent/pickle/pickle.h>

// What Python writes: one group with the options and the numbers 0, 1, ... of the parameters, and one
// state, which is the first parameter's: counts, vectors, and lists of vectors. It also keeps `al`,
// which no step reads before it writes it.

namespace descent {
namespace {

using Options = torch::optim::LBFGSOptions;
using State = torch::optim::LBFGSParamState;

constexpr const char* kName = "LBFGS";

/// Calls f(key, get or set) for each option but the search: a function that returns a reference.
template <class Chosen, class F>
void each_number(Chosen& options, const F& f) {
  f("lr", options.lr());
  f("max_iter", options.max_iter());
  f("max_eval", *options.max_eval());
  f("tolerance_grad", options.tolerance_grad());
  f("tolerance_change", options.tolerance_change());
  f("history_size", options.history_size());
}

void write_list(pickle::Writer& out, const char* key, const std::deque<at::Tensor>& list) {
  out.text(key);
  out.begin_list();
  for (const at::Tensor& x : list) out.tensor(x);
  out.end_list();
}

void write_state(pickle::Writer& out, const State& state) {
  out.text("func_evals");
  out.integer(state.func_evals());
  out.text("n_iter");
  out.integer(state.n_iter());
  if (!state.d().defined()) return;
  out.text("d");
  out.tensor(state.d());
  out.text("t");
  out.real(state.t());
  write_list(out, "old_dirs", state.old_dirs());
  write_list(out, "old_stps", state.old_stps());
  write_list(out, "ro", state.ro());
  out.text("H_diag");
  if (state.H_diag().defined())
    out.tensor(state.H_diag());
  else
    out.integer(1);
  out.text("prev_flat_grad");
  out.tensor(state.prev_flat_grad());
  out.text("prev_loss");
  out.real(state.prev_loss());
}

/// Reads one dict of the file, and says what is missing.
class LBFGSReader {
 public:
  LBFGSReader(const pickle::Dict& dict, std::string what, pickle::File& file)
      : dict_(dict), what_(std::move(what)), file_(file) {}

  const pickle::Value& value(const char* key) {
    const pickle::Value* const found = dict_.find(key);
    TORCH_CHECK(found != nullptr, kName, ": ", what_, " of the archive lacks ", key,
                ", must be as Python's torch.optim.LBFGS writes it");
    return *found;
  }
  void read(const char* key, double& x) { x = number(key, value(key)); }
  void read(const char* key, int64_t& x) {
    const double found = number(key, value(key));
    TORCH_CHECK(found == std::trunc(found) && std::abs(found) < 0x1p53, kName, ": the archive's ",
                key, " is ", found, ", must be a whole number");
    x = static_cast<int64_t>(found);
  }
  at::Tensor tensor(const char* key, const pickle::Value& value) {
    if (const auto* const* place = std::get_if<const pickle::Stored*>(&value))
      return file_.tensor(**place);
    return at::scalar_tensor(number(key, value), at::kDouble);
  }
  at::Tensor tensor(const char* key) { return tensor(key, value(key)); }
  std::deque<at::Tensor> list(const char* key) {
    const auto* const* items = std::get_if<pickle::List*>(&value(key));
    TORCH_CHECK(items != nullptr, kName, ": the archive's ", key, " is ",
                pickle::to_text(value(key)), ", must be a list");
    std::deque<at::Tensor> all;
    for (const pickle::Value& item : (*items)->items) all.push_back(tensor(key, item));
    return all;
  }

 private:
  double number(const char* key, const pickle::Value& value) {
    const std::optional<double> x = number_in(value, file_);
    TORCH_CHECK(x, kName, ": the archive's ", key, " is ", pickle::to_text(value),
                ", must be a number");
    return *x;
  }

  const pickle::Dict& dict_;
  std::string what_;
  pickle::File& file_;
};

Options read_options(const pickle::Dict& group, size_t params, pickle::File& file,
                     LoadedPython& loaded) {
  LBFGSReader reader(group, "the group", file);
  const auto* const* numbers = std::get_if<pickle::List*>(&reader.value("params"));
  TORCH_CHECK(numbers != nullptr && (*numbers)->items.size() == params, kName,
              ": the archive's group has ", numbers == nullptr ? 0 : (*numbers)->items.size(),
              " parameters, must have ", params);
  Options options(1);
  options.max_eval(1);
  std::vector<std::string> known{"params", "line_search_fn", "initial_lr"};
  each_number(options, [&](const char* key, auto& x) {
    reader.read(key, x);
    known.emplace_back(key);
  });
  const pickle::Value& search = reader.value("line_search_fn");
  if (const auto* const* name = std::get_if<const std::string*>(&search))
    options.line_search_fn(**name);
  else
    TORCH_CHECK(std::holds_alternative<std::monostate>(search), kName,
                ": the archive's line_search_fn is ", pickle::to_text(search),
                ", must be None or strong_wolfe");
  for (const auto& [name, part] : parts_of(group)) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    const bool is_off = name == "maximize" && *part == pickle::Value(false);  // since PyTorch 2.14
    TORCH_CHECK(is_off || !python_files::is_option(name), kName, ": the archive's group has ", name,
                " = ", pickle::to_text(*part), ", which torch::optim::LBFGS does not have");
    if (!is_off) loaded.passed_over.push_back(name);
  }
  if (group.find("initial_lr") != nullptr)
    reader.read("initial_lr", loaded.initial_lrs.emplace_back());
  return options;
}

std::unique_ptr<State> read_state(const pickle::Dict& states, pickle::File& file) {
  if (states.items.empty()) return nullptr;
  const auto& [key, value] = states.items.front();
  const auto* const* dict = std::get_if<pickle::Dict*>(&value);
  const auto* const id = std::get_if<int64_t>(&key);
  TORCH_CHECK(states.items.size() == 1 && dict != nullptr && id != nullptr && *id == 0, kName,
              ": the archive has states of ", states.items.size(),
              " parameters, must have one dict, that of parameter 0");
  LBFGSReader reader(**dict, "the state", file);
  auto state = std::make_unique<State>();
  int64_t func_evals = 0, n_iter = 0;
  reader.read("func_evals", func_evals);
  reader.read("n_iter", n_iter);
  state->func_evals(func_evals).n_iter(n_iter);
  if (n_iter == 0) return state;
  double t = 0, loss = 0;
  reader.read("t", t);
  reader.read("prev_loss", loss);
  state->t(t).prev_loss(loss);
  state->d(reader.tensor("d")).prev_flat_grad(reader.tensor("prev_flat_grad"));
  state->old_dirs(reader.list("old_dirs")).old_stps(reader.list("old_stps"));
  state->ro(reader.list("ro")).H_diag(reader.tensor("H_diag"));
  return state;
}

}  // namespace

void save_python(const LBFGS& optimizer, const std::filesystem::path& path) {
  optimizer.check();
  pickle::Writer out;
  out.begin_dict();
  out.text("state");
  out.begin_dict();
  if (const State* const state = optimizer.memory()) {
    out.integer(0);
    out.begin_dict();
    write_state(out, *state);
    out.end_dict();
  }
  out.end_dict();
  out.text("param_groups");
  out.begin_list();
  out.begin_dict();
  Options options = optimizer.options();
  if (!options.max_eval()) options.max_eval(options.max_iter() * 5 / 4);
  each_number(options, [&](const char* key, auto x) {
    out.text(key);
    if constexpr (std::is_same_v<decltype(x), int64_t>)
      out.integer(x);
    else
      out.real(x);
  });
  out.text("line_search_fn");
  if (options.line_search_fn())
    out.text(*options.line_search_fn());
  else
    out.none();
  out.text("params");
  out.begin_list();
  const auto count = static_cast<int64_t>(optimizer.param_groups()[0].params().size());
  for (int64_t i = 0; i < count; ++i) out.integer(i);
  out.end_list();
  out.end_dict();
  out.end_list();
  out.end_dict();
  write_atomically(path, [&](std::ostream& stream) { out.write(stream); });
}

LoadedPython load_python(LBFGS& optimizer, const std::filesystem::path& path,
                         std::string_view key) {
  try {
    optimizer.check();
    pickle::File file(path);
    const pickle::Dict& dict = find_state_dict(file.top(), key, kOptimizerStateDict);
    const auto& groups = std::get<pickle::List*>(*dict.find("param_groups"))->items;
    const auto* const* group =
        groups.size() == 1 ? std::get_if<pickle::Dict*>(&groups[0]) : nullptr;
    TORCH_CHECK(group != nullptr, kName, ": the archive has ", groups.size(),
                " groups, must have one, a dict");
    LoadedPython loaded;
    const Options options =
        read_options(**group, optimizer.param_groups()[0].params().size(), file, loaded);
    optimizer.start(options, read_state(*std::get<pickle::Dict*>(*dict.find("state")), file));
    return loaded;
  } catch (const c10::Error& error) {
    TORCH_CHECK(false, path.string(), ": ", error.what_without_backtrace());
  }
}

}  // namespace descent
