// What pictures show of studies and populations.
#include <algorithm>
#include <cmath>
#include <variant>

#include <descent/tune/population.h>
#include <descent/tune/study.h>

namespace descent {
namespace {

Trials::Parameter pictured(const Parameter& parameter) {
  Trials::Parameter shown{.name = parameter.name};
  std::visit(
      [&](const auto& scale) {
        using T = std::decay_t<decltype(scale)>;
        if constexpr (std::is_same_v<T, Choice>) {
          for (const OptionValue& value : scale.values) shown.words.push_back(to_text(value));
        } else {
          shown.lo = static_cast<double>(scale.lo);
          shown.hi = static_cast<double>(scale.hi);
          shown.log = std::is_same_v<T, LogRange> || std::is_same_v<T, LogInteger>;
        }
      },
      parameter.scale);
  return shown;
}

std::vector<Trials::Parameter> pictured(const Space& space) {
  std::vector<Trials::Parameter> list;
  for (const Parameter& parameter : space.parameters()) list.push_back(pictured(parameter));
  return list;
}

/// The numbers of values; of a list the place.
std::vector<double> numbers(const Space& space, const OptionValues& values) {
  std::vector<double> list;
  for (size_t i = 0; i < space.size(); ++i) {
    const OptionValue& value = values.at(i).second;
    if (const auto* const choice = std::get_if<Choice>(&space.parameters()[i].scale)) {
      const auto found = std::find(choice->values.begin(), choice->values.end(), value);
      list.push_back(static_cast<double>(found - choice->values.begin()));
    } else {
      list.push_back(std::get<double>(value));
    }
  }
  return list;
}

}  // namespace

Study::operator Trials() const {
  Trials shown{.parameters = pictured(space())};
  for (const TrialRecord& record : trials())
    if (record.ended())
      shown.trials.push_back({.number = record.number,
                              .at = numbers(space(), record.values),
                              .value = record.value,
                              .stopped = record.state == TrialState::Stopped});
  return shown;
}

Population::operator Lineage() const {
  Lineage lineage{.parameters = pictured(space_), .best = best()};
  std::vector<std::vector<double>> values;
  for (const auto& way : first_values_) values.push_back(numbers(space_, way));
  std::vector<int64_t> parents(members_.size(), -1);
  int64_t from = 0;
  auto copy = copies_.begin();
  for (const auto& [step, losses] : history_) {
    for (; copy != copies_.end() && copy->step <= from; ++copy) {
      const auto member = static_cast<size_t>(copy->member);
      parents[member] = copy->from;
      values[member] = numbers(space_, copy->values);
    }
    for (size_t m = 0; m < members_.size(); ++m) {
      lineage.lives.push_back({.member = static_cast<int64_t>(m),
                               .from = from,
                               .to = step,
                               .parent = parents[m],
                               .values = values[m],
                               .loss = losses[m]});
      parents[m] = -1;
    }
    from = step;
  }
  return lineage;
}

}  // namespace descent
