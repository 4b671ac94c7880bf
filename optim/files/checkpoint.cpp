#include <charconv>
#include <cmath>
#include <ostream>

#include <torch/serialize/archive.h>

#include <descent/base/atomic_file.h>
#include <descent/optim/engine/engine.h>
#include <descent/optim/files/checkpoint.h>
#include <descent/optim/files/incoming.h>
#include <descent/optim/optimizer/optimizer.h>

// The layout of an optimizer's archive, one attribute each:
//   format     1
//   optimizer  the registry's name of the rule
//   options    one text per group, "lr=0.001,betas=[0.9, 0.999],..."
//   sizes      the number of parameters of each group
//   shapes     of each parameter in group order, "[64, 1]"
//   steps      of each parameter in group order; -1: it has no state
//   state      "<position>.<buffer>" -> tensor
//   scalars    where the rule has such: each parameter's numbers besides its steps, one after another
//   count      where the rule has slow weights: steps of the optimizer
// Parameters are named by position: no address enters the file, so equal optimizers write equal
// bytes, and a thousand small parameters do not cost a thousand nested archives.

namespace descent {
namespace {

constexpr int64_t kFormat = 1;

/// An attribute that must be there and of that kind.
template <class Kind, class Get>
auto attribute(torch::serialize::InputArchive& archive, const char* rule, const char* key, Kind is,
               Get get) {
  c10::IValue value;
  TORCH_CHECK(archive.try_read(key, value), rule, ": the archive has no ", key,
              ", must be a checkpoint of this library");
  TORCH_CHECK((value.*is)(), rule, ": the archive's ", key, " is a ", value.tagKind(),
              ", must be a checkpoint of this library");
  return get(value);
}

/// "12.exp_avg" taken apart.
std::pair<size_t, std::string> state_key(const char* rule, const std::string& key) {
  size_t position = 0;
  const char* const end = key.data() + key.size();
  const auto [stop, error] = std::from_chars(key.data(), end, position);
  TORCH_CHECK(error == std::errc{} && stop != end && *stop == '.', rule,
              ": the archive's state has the key ", key, ", must be <position>.<buffer>");
  return {position, std::string(stop + 1, end)};
}

}  // namespace

void GroupOptions::serialize(torch::serialize::OutputArchive& archive) const {
  archive.write("options", c10::IValue(text()));
}
void GroupOptions::serialize(torch::serialize::InputArchive& archive) {
  c10::IValue value;
  archive.read("options", value);
  set(value.toStringRef());
}

void ParamState::serialize(torch::serialize::OutputArchive& archive) const {
  archive.write("step", c10::IValue(step));
  for (size_t i = 0; i < rule->scalars.size(); ++i)
    archive.write(rule->scalars[i], c10::IValue(scalars[i]));
  for (size_t i = 0; i < rule->buffers.size(); ++i)
    if (buffers[i].defined()) archive.write(rule->buffers[i], buffers[i], true);
}
void ParamState::serialize(torch::serialize::InputArchive& archive) {
  c10::IValue value;
  archive.read("step", value);
  step = value.toInt();
  for (size_t i = 0; i < rule->scalars.size(); ++i) {
    archive.read(rule->scalars[i], value);
    scalars[i] = value.toDouble();
  }
  for (size_t i = 0; i < rule->buffers.size(); ++i)
    if (!archive.try_read(rule->buffers[i], buffers[i], true)) buffers[i] = at::Tensor();
}

void OptimizerBase::save(torch::serialize::OutputArchive& archive) const {
  check_states();
  c10::List<std::string> options, shapes;
  c10::List<int64_t> sizes, steps;
  c10::List<double> scalars;
  c10::Dict<std::string, at::Tensor> state;
  int64_t position = 0;
  for (const auto& group : param_groups_) {
    options.push_back(checked_options(group).text());
    sizes.push_back(static_cast<int64_t>(group.params().size()));
    for (const auto& p : group.params()) {
      shapes.push_back(c10::str(p.sizes()));
      const auto found = state_.find(p.unsafeGetTensorImpl());
      const auto* of =
          found == state_.end() ? nullptr : static_cast<const ParamState*>(found->second.get());
      steps.push_back(of == nullptr ? -1 : of->step);
      for (size_t i = 0; i < rule_->scalars.size(); ++i)
        scalars.push_back(of == nullptr ? rule_->first_scalars[i] : of->scalars[i]);
      for (size_t b = 0; of != nullptr && b < rule_->buffers.size(); ++b)
        if (of->buffers[b].defined())
          state.insert(std::to_string(position) + "." + rule_->buffers[b], of->buffers[b]);
      ++position;
    }
  }
  archive.write("format", c10::IValue(kFormat));
  archive.write("optimizer", c10::IValue(std::string(rule_->about.key)));
  archive.write("options", c10::IValue(options));
  archive.write("sizes", c10::IValue(sizes));
  archive.write("shapes", c10::IValue(shapes));
  archive.write("steps", c10::IValue(steps));
  archive.write("state", c10::IValue(state));
  if (!rule_->scalars.empty()) archive.write("scalars", c10::IValue(scalars));
  if (rule_->pull != nullptr) archive.write("count", c10::IValue(this->steps()));
}

void OptimizerBase::load(torch::serialize::InputArchive& archive) {
  if (load_libtorch(*this, archive)) return;
  const char* const name = rule_->about.name;
  const auto number = [](const c10::IValue& v) { return v.toInt(); };
  const auto numbers = [](const c10::IValue& v) { return v.toIntVector(); };
  const int64_t format = attribute(archive, name, "format", &c10::IValue::isInt, number);
  TORCH_CHECK(format >= 1 && format <= kFormat, name, ": the archive has format ", format,
              ", must be at most ", kFormat, "; a newer version of this library wrote it");
  const std::string key = attribute(archive, name, "optimizer", &c10::IValue::isString,
                                    [](const c10::IValue& v) { return v.toStringRef(); });
  TORCH_CHECK(key == rule_->about.key, name, ": the archive is a checkpoint of ", key,
              ", must be of ", rule_->about.key);
  const auto list = [](const c10::IValue& v) { return v.toListRef().vec(); };
  const auto texts = attribute(archive, name, "options", &c10::IValue::isList, list);
  const auto shapes = attribute(archive, name, "shapes", &c10::IValue::isList, list);
  const auto sizes = attribute(archive, name, "sizes", &c10::IValue::isIntList, numbers);
  const auto steps = attribute(archive, name, "steps", &c10::IValue::isIntList, numbers);
  const auto tensors = attribute(archive, name, "state", &c10::IValue::isGenericDict,
                                 [](const c10::IValue& v) { return v.toGenericDict(); });
  const auto scalars = rule_->scalars.empty()
                           ? std::vector<double>()
                           : attribute(archive, name, "scalars", &c10::IValue::isDoubleList,
                                       [](const c10::IValue& v) { return v.toDoubleVector(); });
  const int64_t count = rule_->pull == nullptr
                            ? this->steps()
                            : attribute(archive, name, "count", &c10::IValue::isInt, number);

  Incoming incoming(*this);
  incoming.expect_groups(sizes.size());
  TORCH_CHECK(texts.size() == sizes.size(), name, ": the archive has options of ", texts.size(),
              " groups, must be of ", sizes.size());
  for (size_t g = 0; g < sizes.size(); ++g) {
    incoming.expect_params(g, static_cast<size_t>(sizes[g]));
    TORCH_CHECK(texts[g].isString(), name, ": the archive's options are no texts");
    incoming.options(g).set(texts[g].toStringRef());
  }
  TORCH_CHECK(steps.size() == incoming.size() && shapes.size() == incoming.size(), name,
              ": the archive has steps of ", steps.size(), " and shapes of ", shapes.size(),
              " parameters, must be of ", incoming.size());
  TORCH_CHECK(scalars.size() == incoming.size() * rule_->scalars.size(), name, ": the archive has ",
              scalars.size(), " scalars, must have ", incoming.size() * rule_->scalars.size());
  TORCH_CHECK(count >= 0, name, ": the archive has count = ", count, ", must be >= 0");
  for (size_t i = 0; i < incoming.size(); ++i) {
    const auto sizes_here = incoming.param(i).sizes();
    TORCH_CHECK(shapes[i].isString() && shapes[i].toStringRef() == c10::str(sizes_here), name,
                ": the archive's params[", i, "] has sizes ", shapes[i], ", must be ", sizes_here);
    if (steps[i] == -1) continue;
    incoming.set_step(i, static_cast<double>(steps[i]));
    for (size_t s = 0; s < rule_->scalars.size(); ++s) {
      const double value = scalars[i * rule_->scalars.size() + s];
      TORCH_CHECK(std::isfinite(value), name, ": the archive has ", rule_->scalars[s], " = ", value,
                  " for params[", i, "], must be finite");
      incoming.state(i)->scalars[s] = value;
    }
  }
  for (const auto& entry : tensors) {
    TORCH_CHECK(entry.key().isString() && entry.value().isTensor(), name,
                ": the archive's state is no dictionary of tensors");
    const auto [i, buffer] = state_key(name, entry.key().toStringRef());
    TORCH_CHECK(i < incoming.size() && incoming.state(i) != nullptr, name, ": the archive has a ",
                buffer, " of params[", i, "], which has no state");
    incoming.set_buffer(i, buffer, entry.value().toTensor());
  }
  incoming.commit();
  engine_->steps = count;
}

void save(const torch::optim::Optimizer& optimizer, const std::filesystem::path& path) {
  torch::serialize::OutputArchive archive;
  optimizer.save(archive);
  write_atomically(path, [&](std::ostream& out) { archive.save_to(out); });
}

void load(torch::optim::Optimizer& optimizer, const std::filesystem::path& path) {
  const std::string bytes = read_file(path);
  torch::serialize::InputArchive archive;
  try {
    archive.load_from(bytes.data(), bytes.size());
  } catch (const c10::Error& error) {
    TORCH_CHECK(false, path.string(),
                ": is no complete checkpoint: ", error.what_without_backtrace());
  }
  try {
    optimizer.load(archive);
  } catch (const c10::Error& error) {
    TORCH_CHECK(false, path.string(), ": ", error.what_without_backtrace());
  }
}

}  // namespace descent
