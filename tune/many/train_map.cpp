#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include <c10/util/StringUtil.h>

#include <descent/landscape/evaluate/fill.h>
#include <descent/tensors/fingerprint.h>
#include <descent/tune/many/trainer.h>
#include <descent/tune/threads.h>
#include <descent/tune/train_map.h>

namespace descent {
namespace {

/// Candidates beside the corners, of which three are compared with single trainings.
constexpr int kTried = 12;
/// The boundary's dimension is read from boxes of which at least so many fit beside each other.
/// Larger ones hold a piece of any boundary, so that their number says nothing of it.
constexpr int64_t kFewestBoxes = 16;
/// Places of a net of boxes along each axis.
constexpr int64_t kPlaces = 8;
/// Trainings that are one piece of a tile, where they are made one after the other.
constexpr int64_t kChunk = 16;

[[noreturn]] void refuse(const std::string& what) {
  throw std::invalid_argument("train_map: " + what);
}

bool is_log(const MapAxis& axis) { return std::holds_alternative<LogRange>(axis.scale); }

/// As the grid has it.
Axis axis_of(const MapAxis& axis, const char* which) {
  const auto wrong = [&](const std::string& what) { refuse(std::string(which) + what); };
  if (axis.name.empty()) wrong(".name is empty, must be that of an option, or scale");
  if (axis.n < 1) wrong(c10::str(".n = ", axis.n, ", must be at least 1"));
  const auto [lo, hi] = std::visit([](const auto& s) { return std::pair(s.lo, s.hi); }, axis.scale);
  if (!std::isfinite(lo) || !std::isfinite(hi) || !(lo < hi))
    wrong(c10::str(" goes from ", lo, " to ", hi, ", must be finite and rise"));
  if (!is_log(axis)) return {lo, hi, axis.n};
  if (!(lo > 0)) wrong(c10::str(" goes from ", lo, " on a logarithmic scale, must be > 0"));
  return {std::log10(lo), std::log10(hi), axis.n};
}

/// What a point of the plane is.
class Plan {
 public:
  Plan(const MapAxis& x, const MapAxis& y, const TrainMapOptions& options)
      : axes_{x, y}, options_(options) {}

  Candidate at(const Point& point) const {
    Candidate result{.options = options_.options, .seed = options_.seed, .scale = options_.scale};
    set(result, axes_[0], point.x);
    set(result, axes_[1], point.y);
    return result;
  }

 private:
  static void set(Candidate& candidate, const MapAxis& axis, double place) {
    const double value = is_log(axis) ? std::pow(10.0, place) : place;
    if (axis.name == "scale")
      candidate.scale = value;
    else
      candidate.options.emplace_back(axis.name, value);
  }
  MapAxis axes_[2];
  const TrainMapOptions& options_;
};

/// Fills two grids, the loss and the step of divergence, a training for each point.
class Trainings : public landscape::Evaluator {
 public:
  Trainings(const Plan& plan, many::Trainer& trainer, const TrainMapOptions& options)
      : plan_(plan), trainer_(trainer), options_(options) {}

  void prepare(int workers) override { trainer_.prepare(workers); }
  void measure(int worker, std::span<const Point> points, double* values,
               const tensors::Pulse& pulse) override {
    std::vector<Candidate> candidates;
    for (const Point& point : points) candidates.push_back(plan_.at(point));
    for (const Trained& trained : trainer_.train(worker, candidates, pulse)) {
      *values++ = options_.value == MapValue::Final  ? trained.final
                  : options_.value == MapValue::Mean ? trained.mean
                  : trained.diverged < 0             ? trained.best
                                                     : kInfinity;
      *values++ = trained.converged()     ? std::numeric_limits<double>::quiet_NaN()
                  : trained.diverged >= 0 ? static_cast<double>(trained.diverged)
                                          : static_cast<double>(options_.steps);
    }
  }
  int64_t chunk() const override { return trainer_.at_once() > 1 ? trainer_.at_once() : kChunk; }
  int64_t bytes() const override { return 0; }

 private:
  const Plan& plan_;
  many::Trainer& trainer_;
  const TrainMapOptions& options_;
};

/// What the numbers depend on: the options, the network and data by what some trainings give.
uint64_t fingerprint(const std::vector<Candidate>& tried, const std::vector<Trained>& trained,
                     const std::map<std::string, std::string>& notes,
                     const TrainMapOptions& options, const Axis& x, const Axis& y) {
  tensors::Fingerprint hash;
  for (const auto& [name, note] : notes) {
    hash.add(name);
    hash.add(note);
  }
  hash.add(options.limit);
  hash.add(options.schedule.text());
  for (const Candidate& candidate : tried) {
    for (const auto& [name, value] : candidate.options) hash.add(name + "=" + to_text(value));
    hash.add(candidate.scale);
    hash.add(static_cast<int64_t>(candidate.seed.has_value()));
    hash.add(static_cast<int64_t>(candidate.seed.value_or(0)));
  }
  for (const Trained& training : trained) {
    hash.add(training.first);
    hash.add(training.final);
    hash.add(training.mean);
  }
  for (const Axis* axis : {&x, &y}) {
    hash.add(axis->lo);
    hash.add(axis->hi);
    hash.add(axis->n);
  }
  return hash.value();
}

/// The places between four points, of which some converged and some diverged.
class Meetings {
 public:
  explicit Meetings(const TrainMap& map)
      : width_(map.loss.x.n - 1), height_(map.loss.y.n - 1), before_(zeros()) {
    for (int64_t i = 0; i < height_; ++i) {
      int64_t in_row = 0;
      for (int64_t j = 0; j < width_; ++j) {
        const int64_t corner = i * (width_ + 1) + j;
        int converged = 0;
        for (const int64_t k : {corner, corner + 1, corner + width_ + 1, corner + width_ + 2})
          converged += map.converged(static_cast<size_t>(k));
        in_row += converged > 0 && converged < 4;
        at(i + 1, j + 1) = at(i, j + 1) + in_row;
      }
    }
  }

  /// The least number of boxes of a net that hold all of them, over the places of the net.
  int64_t boxes(int64_t side) const {
    const int64_t stride = std::max<int64_t>(1, side / kPlaces);
    int64_t least = std::numeric_limits<int64_t>::max();
    for (int64_t top = 0; top > -side; top -= stride)
      for (int64_t left = 0; left > -side; left -= stride)
        least = std::min(least, boxes(side, top, left));
    return least;
  }

 private:
  /// Boxes that hold some, of the net one of which begins at this place.
  int64_t boxes(int64_t side, int64_t top, int64_t left) const {
    int64_t count = 0;
    for (int64_t i = top; i < height_; i += side) {
      const int64_t i0 = std::max<int64_t>(i, 0), i1 = std::min(i + side, height_);
      for (int64_t j = left; j < width_; j += side) {
        const int64_t j0 = std::max<int64_t>(j, 0), j1 = std::min(j + side, width_);
        count += at(i1, j1) - at(i0, j1) - at(i1, j0) + at(i0, j0) > 0;
      }
    }
    return count;
  }

  std::vector<int64_t> zeros() const {
    return std::vector<int64_t>(static_cast<size_t>((width_ + 1) * (height_ + 1)));
  }
  int64_t& at(int64_t i, int64_t j) { return before_[static_cast<size_t>(i * (width_ + 1) + j)]; }
  int64_t at(int64_t i, int64_t j) const {
    return before_[static_cast<size_t>(i * (width_ + 1) + j)];
  }

  int64_t width_, height_;
  std::vector<int64_t> before_;  ///< how many there are above and left of each place
};

}  // namespace

TrainMap train_map(const Network& network, const Metric& loss, const Batches& data,
                   std::string_view optimizer, const MapAxis& x, const MapAxis& y,
                   const TrainMapOptions& options) {
  const Axis x_axis = axis_of(x, "x"), y_axis = axis_of(y, "y");
  if (x.name == y.name) refuse("both axes are " + x.name + ", must be two");
  if (const std::string problem = fields::problem(options); !problem.empty())
    refuse("options." + problem);
  for (const auto& [name, value] : options.options)
    if (name == x.name || name == y.name)
      refuse("options.options has " + name + " = " + to_text(value) +
             ", which is an axis: give it in one of them");
  if (options.store && options.tiles.empty())
    refuse(
        "options.store is given, but options.tiles is empty; it must name the folder that all "
        "processes see, through which they get the numbers of the others");
  const Plan plan(x, y, options);
  std::vector<Candidate> tried;
  for (const double px : {x_axis.lo, x_axis.hi})
    for (const double py : {y_axis.lo, y_axis.hi}) tried.push_back(plan.at({px, py}));
  std::mt19937_64 bits(2402);
  for (int k = 0; k < kTried; ++k)
    tried.push_back(
        plan.at({x_axis.at(static_cast<int64_t>(bits() % static_cast<uint64_t>(x.n))),
                 y_axis.at(static_cast<int64_t>(bits() % static_cast<uint64_t>(y.n)))}));
  const TrainManyOptions each{.steps = options.steps,
                              .threads = options.threads,
                              .path = options.path,
                              .schedule = options.schedule,
                              .limit = options.limit};
  const OneThreadEach one_thread;
  const many::Job job(network, loss, data, optimizer, tried, each, {.name = "train_map"});
  many::Trainer trainer(job, x.n * y.n);
  std::map<std::string, std::string> notes{{"optimizer", job.rule.about.name},
                                           {"metric", loss.name},
                                           {"steps", std::to_string(options.steps)},
                                           {"value", to_text(fields::value_of(options.value))},
                                           {"network", network.model().type()},
                                           {"path", to_text(fields::value_of(trainer.path()))},
                                           {"reason", trainer.reason()}};
  if (trainer.path() == Path::Fused) notes["kernel"] = trainer.kernel();
  Trainings trainings(plan, trainer, options);
  landscape::Filling filling(x_axis, y_axis, 2, trainings);
  const int workers = trainer.workers((x.n * y.n + trainings.chunk() - 1) / trainings.chunk());
  trainer.prepare(workers);
  std::optional<landscape::Tiles> tiles;
  if (!options.tiles.empty()) {
    const auto corners = trainer.train(0, std::span(tried).first(4), {});
    tiles.emplace("train_map", options.tiles,
                  fingerprint(tried, corners, notes, options, x_axis, y_axis));
  }
  const bool whole =
      filling.run(workers, tiles ? &*tiles : nullptr, options.store, options.on_progress);
  if (trainer.path() != Path::Loop) notes["self_check"] = trainer.check();
  if (!whole) notes["stopped"] = "on_progress returned false; points that were not reached are NaN";
  if (tiles) notes["tiles"] = tensors::hexadecimal(tiles->job());
  const auto name_of = [](const MapAxis& axis) {
    return is_log(axis) ? "log10 " + axis.name : axis.name;
  };
  TrainMap map{{x_axis, y_axis, filling.metric(0), name_of(x), name_of(y), loss.name, notes},
               {x_axis, y_axis, filling.metric(1), name_of(x), name_of(y), "diverged", notes}};
  for (size_t k = 0; k < map.loss.values.size(); ++k)
    if (std::isnan(map.loss.values[k])) map.diverged.values[k] = -1;
  return map;
}

Boundary boundary_of(const TrainMap& map) {
  const Meetings meetings(map);
  Boundary result{.dimension = std::numeric_limits<double>::quiet_NaN()};
  const int64_t narrow = std::min(map.loss.x.n, map.loss.y.n);
  double n = 0, sx = 0, sy = 0, sxx = 0, sxy = 0;
  for (int64_t side = 2; 4 * side <= narrow; side *= 2) {
    const int64_t count = meetings.boxes(side);
    if (count == 0) return result;  // there is no boundary
    result.boxes.emplace_back(side, count);
    if (kFewestBoxes * side > narrow) continue;
    const double a = std::log(static_cast<double>(side)), b = std::log(static_cast<double>(count));
    n += 1;
    sx += a;
    sy += b;
    sxx += a * a;
    sxy += a * b;
  }
  if (n > 1) result.dimension = -(n * sxy - sx * sy) / (n * sxx - sx * sx);
  return result;
}

}  // namespace descent
