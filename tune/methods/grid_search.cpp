#include <cmath>
#include <type_traits>
#include <variant>

#include <descent/tune/methods/method.h>
#include <descent/tune/methods/search.h>

namespace descent::search {
namespace {

constexpr int64_t kMostTrials = 100'000'000;

/// The places on one side of a grid, each once.
std::vector<double> places(const Space& space, size_t side, int64_t points) {
  return std::visit(
      [&](const auto& scale) {
        using T = std::decay_t<decltype(scale)>;
        std::vector<double> list;
        for (int64_t i = 0; i < points; ++i) {
          const auto at = static_cast<double>(i), n = static_cast<double>(points);
          double place = at / (n - 1);
          if constexpr (std::is_same_v<T, Choice>) {
            place = (at + 0.5) / n;  // in the middle of equal parts
          } else if constexpr (std::is_same_v<decltype(scale.lo), int64_t>) {
            const auto lo = static_cast<double>(scale.lo), hi = static_cast<double>(scale.hi);
            const bool steps = std::is_same_v<T, Integer> || points == space.count(side);
            const double x = steps ? lo + place * (hi - lo) : lo * std::pow(hi / lo, place);
            place = space.place_near(side, x);
          }
          if (list.empty() || list.back() != place) list.push_back(place);
        }
        return list;
      },
      space.parameters()[side].scale);
}

class OfGrid final : public Search {
 public:
  OfGrid(const GridSearch& options, const Setting& setting) : given_(setting.given) {
    int64_t points = 1;
    for (size_t i = 0; i < setting.space.size(); ++i) {
      const int64_t values = setting.space.count(i);
      const bool all = values > 0 && (values < options.points || setting.space.is_list(i));
      const int64_t most = all ? values : options.points;
      if (points > kMostTrials / most) refuse(options.key, "more than 100000000 points");
      sides_.push_back(places(setting.space, i, most));
      points *= static_cast<int64_t>(sides_[i].size());
    }
    trials_ = given_ + points;
    if (setting.trials != 0 && setting.trials != trials_)
      refuse(options.key, fields::out_of_range("trials", setting.trials,
                                               std::to_string(trials_) + ", the grid's points" +
                                                   (given_ > 0 ? " and the first ones" : "") +
                                                   ", or 0 for as many"));
  }

  int64_t trials() const override { return trials_; }
  int64_t needs(int64_t) const override { return 0; }
  Chosen choose(int64_t number, const Records&) const override {
    auto rest = static_cast<size_t>(number - given_);
    Chosen chosen{std::vector<double>(sides_.size())};
    for (size_t i = sides_.size(); i-- > 0; rest /= sides_[i].size())
      chosen.point[i] = sides_[i][rest % sides_[i].size()];
    return chosen;
  }

 private:
  std::vector<std::vector<double>> sides_;  ///< the places on each
  int64_t given_, trials_ = 0;
};

}  // namespace

std::unique_ptr<Search> make_search(const GridSearch& options, const Setting& setting) {
  return std::make_unique<OfGrid>(options, setting);
}

}  // namespace descent::search
