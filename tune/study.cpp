#include <algorithm>
#include <chrono>
#include <cmath>
#include <deque>
#include <map>
#include <random>
#include <stdexcept>
#include <utility>

#include <nlohmann/json.hpp>

#include <descent/base/atomic_file.h>
#include <descent/base/text.h>
#include <descent/tune/journal.h>
#include <descent/tune/methods/search.h>
#include <descent/tune/optimizer_options.h>
#include <descent/tune/shared_log.h>
#include <descent/tune/study.h>

namespace descent {
namespace {

using Json = nlohmann::ordered_json;
using search::Verdict;
using Clock = std::chrono::steady_clock;

constexpr const char* kFormat = "study-1";
constexpr const char* kWanted = "wanted";        // StudyOptions::trials, which may grow
constexpr const char* kIdentity = "study.json";  // in a folder of checkpoints

/// How long the others' trials are waited for at least.
constexpr std::chrono::milliseconds kPatience{50};

[[noreturn]] void refuse(const std::string& what) { throw std::invalid_argument("Study: " + what); }

std::string dump(const Json& json) {
  return json.dump(-1, ' ', true, nlohmann::detail::error_handler_t::replace);
}

// JSON has no number that is not finite.
Json json_of(double x) { return std::isfinite(x) ? Json(x) : Json(digits(x)); }
double number_of(const Json& json) {
  if (json.is_number()) return json.get<double>();
  const OptionValue value = value_from_text(json.get<std::string>());
  if (const double* x = std::get_if<double>(&value)) return *x;
  throw std::runtime_error(json.dump() + " is no number");
}

Json json_of(const OptionValues& values) {
  Json json = Json::object();
  for (const auto& [name, value] : values)
    std::visit([&json, &name = name](const auto& x) { json[name] = x; },
               static_cast<const OptionValue::Base&>(value));
  return json;
}

/// What the trials depend on.
struct Identity {
  Json json;

  Identity(const Space& space, const StudyOptions& options, const std::string& depends_on) {
    json = {{"descent", kFormat},
            {"space", to_text(space)},
            {"method", to_text(options.method)},
            {"seed", options.seed},
            {"batch", options.batch}};
    json["first"] = Json::array();
    for (const OptionValues& values : options.first) json["first"].push_back(json_of(values));
    for (const auto& [key, text] : {std::pair{"optimizer", &options.optimizer},
                                    {"subject", &options.subject},
                                    {"depends_on", &depends_on}})
      if (!text->empty()) json[key] = *text;
  }

  /// Throws if `line` is none, or that of another study.
  void check(std::string_view line, const std::string& where) const {
    const Json other = Json::parse(line, nullptr, false);
    if (!other.is_object() || !other.contains("descent"))
      throw std::runtime_error(where + ": is not of a study");
    for (const auto* const side : {&other, &json})
      for (const auto& [key, value] : side->items()) {
        const Json theirs = other.value(key, Json()), ours = json.value(key, Json());
        if (theirs != ours)
          refuse(where + " is of another study: " + key + " = " + theirs.dump() + ", not " +
                 ours.dump() + "; go on with that, or give another file");
      }
  }
};

Json json_of(const TrialRecord& record) {
  Json reports = Json::array();
  for (const Report& report : record.reports)
    reports.push_back(Json::array({report.step, json_of(report.value)}));
  Json json = {{"trial", record.number},         {"values", json_of(record.values)},
               {"point", record.point},          {"state", to_text(fields::value_of(record.state))},
               {"value", json_of(record.value)}, {"seconds", record.seconds},
               {"reports", std::move(reports)}};
  if (!record.error.empty()) json["error"] = record.error;
  if (!record.memory.empty()) json["memory"] = record.memory;
  return json;
}

TrialState state_of(const Json& json) {
  TrialState state{};
  if (!fields::assign(state, OptionValue(json.get<std::string>())))
    throw std::runtime_error("no state is called " + json.dump());
  return state;
}

/// Adds a report, which replaces all from its step on: an earlier run was interrupted after them.
void add_report(TrialRecord& record, const Report& report) {
  while (!record.reports.empty() && record.reports.back().step >= report.step)
    record.reports.pop_back();
  record.reports.push_back(report);
}

/// One line of a journal.
void read_line(const Json& json, const Space& space, std::vector<TrialRecord>& records,
               int64_t& wanted) {
  if (json.contains(kWanted)) {
    wanted = json.at(kWanted).get<int64_t>();
    return;
  }
  const auto number = json.at("trial").get<int64_t>();
  const auto count = static_cast<int64_t>(records.size());
  if (json.contains("point")) {
    if (number != count)
      throw std::runtime_error("trial " + std::to_string(number) + " begins after " +
                               std::to_string(count) + " others");
    TrialRecord record{.number = number, .point = json.at("point").get<std::vector<double>>()};
    if (record.point.size() != space.size())
      throw std::runtime_error("the point has " + std::to_string(record.point.size()) + " sides");
    record.values = space.values(record.point);
    if (json.contains("memory")) record.memory = json.at("memory").get<std::vector<double>>();
    records.push_back(std::move(record));
    if (!json.contains("state")) return;
  }
  if (number < 0 || number >= static_cast<int64_t>(records.size()))
    throw std::runtime_error("trial " + std::to_string(number) + " has not begun");
  TrialRecord& record = records[static_cast<size_t>(number)];
  if (json.contains("step")) {
    add_report(record, {json.at("step").get<int64_t>(), number_of(json.at("value"))});
    return;
  }
  for (const Json& report : json.value("reports", Json::array()))
    add_report(record, {report.at(0).get<int64_t>(), number_of(report.at(1))});
  record.state = state_of(json.at("state"));
  record.value = number_of(json.at("value"));
  record.seconds = json.at("seconds").get<double>();
  record.error = json.value("error", "");
}

Method method_of(const std::string& text) {
  const size_t colon = text.find(':');
  return make_method(text.substr(0, colon),
                     colon == text.npos ? OptionValues{} : parse_options(text.substr(colon + 1)));
}

}  // namespace

struct Study::Parts {
  Space space;
  StudyOptions options;
  std::unique_ptr<search::Search> search;
  std::vector<std::vector<double>> first;
  std::vector<TrialRecord> records;
  std::deque<int64_t> interrupted;
  std::vector<bool> given_up;    ///< of each trial: the method has told it to end
  std::vector<int64_t> decided;  ///< after so many steps it went on, in this run
  std::vector<int64_t> newest;   ///< the last step of this run, -1 if none
  int64_t ended = 0;
  std::unique_ptr<search::Journal> journal;

  // With a store.
  std::unique_ptr<search::SharedLog> shared;
  std::string self;                          ///< what tells this process from the others
  std::map<int64_t, Clock::time_point> own;  ///< the trials that run here, since
  std::vector<Clock::time_point> heard;      ///< of each trial, last

  Parts(Space given_space, StudyOptions given)
      : space(std::move(given_space)), options(std::move(given)) {
    if (options.trials < 0) refuse(fields::out_of_range("trials", options.trials, ">= 0"));
    if (options.threads < 1) refuse(fields::out_of_range("threads", options.threads, ">= 1"));
    if (options.batch < 1) refuse(fields::out_of_range("batch", options.batch, ">= 1"));
    const std::vector<std::string> names = space.names();
    const auto place = [&names](const auto& value) {
      return std::find(names.begin(), names.end(), value.first);
    };
    for (OptionValues& values : options.first) {
      first.push_back(space.point(values));
      // In one order, whatever the user's, for the identity.
      std::sort(values.begin(), values.end(),
                [&](const auto& a, const auto& b) { return place(a) < place(b); });
    }
    search = search::make_search(options.method, {.space = space,
                                                  .trials = options.trials,
                                                  .given = static_cast<int64_t>(first.size()),
                                                  .seed = options.seed,
                                                  .batch = options.batch});
    if (static_cast<int64_t>(first.size()) > search->trials())
      refuse(std::to_string(first.size()) + " first points, must be at most the trials, " +
             std::to_string(search->trials()));
  }

  Identity identity() const { return {space, options, search->depends_on()}; }

  void open_journal() {
    if (options.journal.empty()) return;
    journal = std::make_unique<search::Journal>(options.journal, dump(identity().json));
    if (read(*journal) != options.trials) write({{kWanted, options.trials}}, true);
  }

  /// Returns how many trials were wanted, -1 if that is not said.
  int64_t read(const search::Journal& from) {
    int64_t wanted = -1;
    const std::string where = options.journal.string();
    from.each_line([&](std::string_view line, int64_t number) {
      if (number == 1) return identity().check(line, where);
      try {
        read_line(Json::parse(line), space, records, wanted);
      } catch (const std::exception& error) {
        throw std::runtime_error(where + ": line " + std::to_string(number) +
                                 " cannot be read: " + error.what());
      }
    });
    return wanted;
  }

  /// Ahead of the journal, which would be made in vain if they are another study's.
  void check_checkpoints() const {
    if (options.checkpoints.empty()) return;
    std::error_code error;
    std::filesystem::create_directories(options.checkpoints, error);
    if (!std::filesystem::is_directory(options.checkpoints))
      throw std::runtime_error("Study: checkpoints = " + options.checkpoints.string() +
                               " is no folder and cannot be made one" +
                               (error ? ": " + error.message() : ""));
    const auto file = options.checkpoints / kIdentity;
    if (std::filesystem::exists(file))
      identity().check(read_file(file), options.checkpoints.string());
  }

  void open_checkpoints() const {
    const auto file = options.checkpoints / kIdentity;
    if (!options.checkpoints.empty() && !std::filesystem::exists(file))
      write_atomically(file, dump(identity().json) + "\n");
  }

  void open_store() {
    if (!options.store) return;
    for (const auto& [name, path] :
         {std::pair{"journal", &options.journal}, {"checkpoints", &options.checkpoints}})
      if (!path->empty())
        refuse(std::string(name) + " = " + path->string() +
               ", must be empty with a store, whose table keeps the study");
    std::random_device bits;
    self = std::to_string((uint64_t{bits()} << 32) | bits());
    shared = std::make_unique<search::SharedLog>(*options.store, dump(identity().json));
    identity().check(shared->first(), "the table");
    listen();
  }

  /// Makes of a line of this run what it says.
  void take(const Json& line) {
    int64_t wanted = 0;
    read_line(line, space, records, wanted);
    count_new();
    const auto number = line.at("trial").get<int64_t>();
    heard[static_cast<size_t>(number)] = Clock::now();
    if (!records[static_cast<size_t>(number)].ended()) return;
    ++ended;
    own.erase(number);
  }

  /// Learns what the others have said.
  void listen() {
    shared->each_new([&](std::string_view line, int64_t number) {
      try {
        take(Json::parse(line));
      } catch (const std::exception& error) {
        throw std::runtime_error("the table's line " + std::to_string(number) +
                                 " cannot be read: " + error.what());
      }
    });
  }

  /// Says to all, itself among them, what `line` gives when all that others have said is known; none
  /// if there is nothing to say then.
  void say(const std::function<std::optional<Json>()>& line) {
    for (;;) {
      listen();
      std::optional<Json> json = line();
      if (!json) return;
      (*json)["by"] = self;
      if (shared->append(dump(*json))) return take(*json);
    }
  }

  /// Whether a trial of any process waits for others.
  bool waits(const TrialRecord& record) const {
    return search->needs_reports() && !record.reports.empty() &&
           search->judge(record.number, 0, records) == Verdict::Wait;
  }

  /// A trial of another process that may be dead. Each process takes them in an order of its own.
  std::optional<int64_t> abandoned() {
    const auto now = Clock::now();
    double longest = std::chrono::duration<double>(kPatience).count();
    for (const TrialRecord& record : records)
      if (record.ended()) longest = std::max(longest, record.seconds);
    for (const auto& [number, since] : own)
      if (!waits(records[static_cast<size_t>(number)]))
        longest = std::max(longest, std::chrono::duration<double>(now - since).count());
    std::vector<int64_t> found;
    for (const TrialRecord& record : records) {
      if (record.ended() || own.count(record.number) > 0) continue;
      auto& since = heard[static_cast<size_t>(record.number)];
      if (waits(record)) since = now;
      if (std::chrono::duration<double>(now - since).count() > 2 * longest)
        found.push_back(record.number);
    }
    if (found.empty()) return {};
    const int64_t number = found[std::random_device()() % found.size()];
    own[number] = now;
    return number;
  }

  /// Of trials that were added to the records.
  void count_new() {
    given_up.resize(records.size(), false);
    decided.resize(records.size(), 0);
    newest.resize(records.size(), -1);
    heard.resize(records.size(), Clock::now());
  }

  void count() {
    if (shared) return;
    count_new();
    for (const TrialRecord& record : records) {
      if (record.ended())
        ++ended;
      else
        interrupted.push_back(record.number);
    }
  }

  void write(const Json& json, bool matters) const {
    if (journal) journal->append(dump(json), matters);
  }

  /// Whether another process has ended a trial that may run here as well.
  bool is_made_elsewhere(int64_t trial) const {
    return shared && trial >= 0 && trial < static_cast<int64_t>(records.size()) &&
           records[static_cast<size_t>(trial)].ended();
  }

  /// How the next trial begins, if there is one and all that it depends on have ended.
  std::optional<Json> next() const {
    const auto number = static_cast<int64_t>(records.size());
    if (number >= search->trials()) return {};
    search::Chosen chosen;
    if (static_cast<size_t>(number) < first.size()) {
      chosen.point = first[static_cast<size_t>(number)];
    } else {
      for (int64_t i = search->needs(number); i-- > 0;)
        if (!records[static_cast<size_t>(i)].ended()) return {};
      chosen = search->choose(number, records);
      chosen.point = space.snapped(std::move(chosen.point));
    }
    Json json = {{"trial", number},
                 {"values", json_of(space.values(chosen.point))},
                 {"point", chosen.point}};
    if (!chosen.memory.empty()) json["memory"] = chosen.memory;
    return json;
  }

  TrialRecord& running(int64_t trial, const char* what) {
    if (trial < 0 || trial >= static_cast<int64_t>(records.size()) ||
        records[static_cast<size_t>(trial)].ended())
      refuse(std::string(what) + " of trial " + std::to_string(trial) + ", which does not run");
    return records[static_cast<size_t>(trial)];
  }

  /// Writes the end first, so that a record is as its journal.
  void end(TrialRecord& record, TrialRecord changed) {
    if (shared) return end_for_all(changed);
    Json json = {{"trial", changed.number},
                 {"state", to_text(fields::value_of(changed.state))},
                 {"value", json_of(changed.value)},
                 {"seconds", changed.seconds}};
    if (!changed.error.empty()) json["error"] = changed.error;
    try {
      write(json, true);
    } catch (const std::runtime_error& error) {
      throw std::runtime_error(std::string(error.what()) + " (trial " +
                               std::to_string(changed.number) + ", which ended with " +
                               digits(changed.value) +
                               ", is not in it; all that ended before are)");
    }
    record = std::move(changed);
    ++ended;
  }

  /// The first end of a trial counts.
  void end_for_all(const TrialRecord& changed) {
    own.erase(changed.number);
    say([&]() -> std::optional<Json> {
      if (records[static_cast<size_t>(changed.number)].ended()) return {};
      Json json = json_of(changed);
      for (const char* const known : {"values", "point", "memory"}) json.erase(known);
      if (search->needs_reports()) json.erase("reports");  // they were said
      return json;
    });
  }
};

Study::Study(Space space, StudyOptions options)
    : parts_(std::make_unique<Parts>(std::move(space), std::move(options))) {
  if (const std::string& optimizer = parts_->options.optimizer; !optimizer.empty())
    search::check_options(parts_->space, optimizer);
  parts_->open_store();
  parts_->check_checkpoints();
  parts_->open_journal();
  parts_->open_checkpoints();
  parts_->count();
}
Study::Study(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Study::Study(Study&&) noexcept = default;
Study& Study::operator=(Study&&) noexcept = default;
Study::~Study() = default;

std::optional<int64_t> Study::ask() {
  Parts& p = *parts_;
  if (!p.interrupted.empty()) {
    const int64_t number = p.interrupted.front();
    p.interrupted.pop_front();
    return number;
  }
  std::optional<Json> begun;
  if (p.shared) {
    p.say([&] { return begun = p.next(); });
    if (!begun) return p.abandoned();
  } else {
    begun = p.next();
    if (!begun) return {};
    p.write(*begun, false);
    p.take(*begun);
  }
  const auto number = static_cast<int64_t>(p.records.size()) - 1;
  if (p.shared) p.own[number] = Clock::now();
  return number;
}

Verdict Study::report(int64_t trial, int64_t step, double value) {
  Parts& p = *parts_;
  if (p.is_made_elsewhere(trial)) return Verdict::GiveUp;
  const auto i = static_cast<size_t>(trial);
  TrialRecord& record = p.running(trial, "a report");
  if (step < 0 || step <= p.newest[i])
    refuse("trial " + std::to_string(trial) + " reports step " + std::to_string(step) +
           (step < 0 ? ", must be >= 0" : " after " + std::to_string(p.newest[i]) + ", must rise"));
  const Json line = {{"trial", trial}, {"step", step}, {"value", json_of(value)}};
  if (!p.shared || !p.search->needs_reports()) {  // those that nobody waits for are told at the end
    p.write(line, false);
    add_report(record, {step, value});
  } else {
    p.say([&]() -> std::optional<Json> {
      const TrialRecord& now = p.records[i];
      if (now.ended() || (!now.reports.empty() && now.reports.back().step >= step)) return {};
      return line;
    });
  }
  p.newest[i] = step;
  return verdict(trial);
}

Verdict Study::verdict(int64_t trial) const {
  Parts& p = *parts_;
  if (p.is_made_elsewhere(trial)) return Verdict::GiveUp;
  const auto i = static_cast<size_t>(trial);
  const auto& reports = p.records[i].reports;
  // Another process was further with it.
  if (p.shared && !reports.empty() && p.newest[i] < reports.back().step) return Verdict::GoOn;
  const Verdict now = p.search->judge(trial, p.decided[i], p.records);
  p.given_up[i] = now == Verdict::GiveUp;
  if (now == Verdict::GoOn && !reports.empty()) p.decided[i] = reports.back().step + 1;
  return now;
}

void Study::tell(int64_t trial, double value, double seconds) {
  Parts& p = *parts_;
  if (p.is_made_elsewhere(trial)) return;
  TrialRecord& record = p.running(trial, "the end");
  if (p.search->needs_reports() && record.reports.empty() && std::isfinite(value))
    refuse("trial " + std::to_string(trial) + " has ended without a report, which " +
           to_text(p.options.method) + " needs: call Trial::report() after each step");
  TrialRecord changed = record;
  changed.state = p.given_up[static_cast<size_t>(trial)] ? TrialState::Stopped : TrialState::Done;
  changed.value = value;
  changed.seconds = seconds;
  p.end(record, std::move(changed));
}

void Study::fail(int64_t trial, const std::string& error, double seconds) {
  Parts& p = *parts_;
  if (p.is_made_elsewhere(trial)) return;
  TrialRecord& record = p.running(trial, "the end");
  TrialRecord changed = record;
  changed.state = TrialState::Failed;
  changed.error = error.empty() ? "an exception without a text" : error;
  changed.seconds = seconds;
  p.end(record, std::move(changed));
}

bool Study::finished() const {
  return ended() == std::max(size(), static_cast<int64_t>(trials().size()));
}
int64_t Study::size() const { return parts_->search->trials(); }
int64_t Study::ended() const { return parts_->ended; }
const std::vector<TrialRecord>& Study::trials() const { return parts_->records; }
const Space& Study::space() const { return parts_->space; }
const StudyOptions& Study::options() const { return parts_->options; }
std::string Study::about() const { return dump(parts_->identity().json); }

const TrialRecord& Study::best() const {
  const bool of_means = parts_->search->takes_means();  // also of what failed at that point
  for (const TrialState state : {TrialState::Done, TrialState::Stopped}) {
    search::Records ended;
    for (const TrialRecord& record : trials())
      if (of_means ? record.ended() : record.state == state) ended.push_back(record);
    if (ended.empty()) continue;
    const TrialRecord& best =
        ended[search::best_trial(ended, static_cast<int64_t>(ended.size()), of_means)];
    if (std::isfinite(best.value)) return trials()[static_cast<size_t>(best.number)];
  }
  throw std::runtime_error("Study: none of " + std::to_string(ended()) +
                           " trials has ended with a finite value");
}

void Study::save(const std::filesystem::path& path) const {
  Json json = parts_->identity().json;
  json[kWanted] = options().trials;
  json["trials"] = Json::array();
  for (const TrialRecord& record : trials()) json["trials"].push_back(json_of(record));
  write_atomically(path, dump(json) + "\n");
}

Study load_study(const std::filesystem::path& path) {
  const std::string bytes = read_file(path);
  const auto wrong = [&](const std::string& what) {
    return std::runtime_error(path.string() + ": " + what);
  };
  const size_t first_end = bytes.find('\n');
  const Json head = Json::parse(bytes.substr(0, first_end), nullptr, false);
  if (!head.is_object() || head.value("descent", "") != kFormat)
    throw wrong(std::string("is no study of the format ") + kFormat);
  try {
    StudyOptions options{.method = method_of(head.at("method").get<std::string>()),
                         .seed = head.at("seed").get<uint64_t>(),
                         .batch = head.at("batch").get<int64_t>()};
    for (const Json& values : head.at("first"))
      options.first.push_back(parse_options(values.dump()));
    options.optimizer = head.value("optimizer", "");
    options.subject = head.value("subject", "");
    Space space = parse_space(head.at("space").get<std::string>());
    std::vector<TrialRecord> records;
    if (head.contains("trials")) {
      options.trials = head.at(kWanted).get<int64_t>();
      for (const Json& trial : head.at("trials")) read_line(trial, space, records, options.trials);
    } else {
      size_t at = first_end + 1;
      for (size_t end = bytes.find('\n', at); end != bytes.npos; end = bytes.find('\n', at)) {
        read_line(Json::parse(bytes.substr(at, end - at)), space, records, options.trials);
        at = end + 1;
      }
    }
    auto parts = std::make_unique<Study::Parts>(std::move(space), std::move(options));
    parts->records = std::move(records);
    parts->count();
    return Study(std::move(parts));
  } catch (const std::exception& error) {
    throw wrong(error.what());
  }
}

}  // namespace descent
