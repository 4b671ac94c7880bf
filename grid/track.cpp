#include <cmath>
#include <stdexcept>
#include <utility>

#include <descent/base/atomic_file.h>
#include <descent/grid/files/formats.h>
#include <descent/grid/files/json_text.h>
#include <descent/grid/files/mesh.h>
#include <descent/grid/track.h>

// {
//   "format": "descent-tracks-2",           1: the same without a checksum
//   "crc32": "0a1b2c3d",                    of the file without this line
//   "tracks": [
//     {"label": "Adam", "detail": "adamw lr=1", "stopped": "", "diverged": false, "left_at": -1,
//      "x": [9, 8], "y": [9, 8], "losses": [1.6, "inf"], "smooth_losses": [1.6, "inf"],
//      "gradient_norms": [0.2]}
//   ]
// }

namespace descent {
namespace {

constexpr std::string_view kFormat = "descent-tracks-";
constexpr int kNewest = 2;

/// The lists of numbers of a track by the names that the files use.
struct List {
  const char* name;
  std::vector<double> Track::*values;
};
constexpr List kLists[] = {{"x", &Track::x},
                           {"y", &Track::y},
                           {"losses", &Track::losses},
                           {"smooth_losses", &Track::smooth_losses},
                           {"gradient_norms", &Track::gradient_norms}};

std::string to_csv(std::span<const Track> tracks) {
  std::string text = "label,step,x,y,loss,smooth_loss,gradient_norm\n";
  for (const Track& track : tracks)
    for (size_t k = 0; k < track.x.size(); ++k) {
      formats::append_name(text, track.label);
      text += ',' + std::to_string(k);
      for (const List& list : kLists) {
        text += ',';
        const auto& values = track.*list.values;
        if (k < values.size()) formats::append(text, values[k]);
      }
      text += '\n';
    }
  return text;
}

std::string without_checksum(std::span<const Track> tracks) {
  using formats::quoted;
  std::string text = "{\n  \"format\": \"" + std::string(kFormat) + std::to_string(kNewest) +
                     "\",\n  \"tracks\": [";
  const char* next_track = "\n";
  for (const Track& track : tracks) {
    text += std::exchange(next_track, ",\n");
    text += "    {\"label\": " + quoted(track.label, "label") +
            ", \"detail\": " + quoted(track.detail, "detail") +
            ", \"stopped\": " + quoted(track.stopped, "stopped") +
            ", \"diverged\": " + (track.diverged ? "true" : "false") +
            ", \"left_at\": " + std::to_string(track.left_at);
    for (const List& list : kLists) {
      text += std::string(",\n     \"") + list.name + "\": [";
      const char* separator = "";
      for (const double number : track.*list.values) {
        text += std::exchange(separator, ", ");
        formats::append_json(text, number);
      }
      text += ']';
    }
    text += '}';
  }
  return text + "\n  ]\n}\n";
}

std::string to_json(std::span<const Track> tracks) {
  return formats::with_checksum(without_checksum(tracks));
}

std::string to_vtp(std::span<const Track> tracks) {
  formats::Mesh mesh{.point_columns = {{"loss", {}}, {"step", {}}}};
  for (const Track& track : tracks) {
    std::vector<size_t> line;
    for (size_t k = 0; k < track.drawable(); ++k) {
      line.push_back(mesh.points.size());
      mesh.points.push_back({track.x[k], track.y[k], track.losses[k]});
      mesh.point_columns[0].second.push_back(track.losses[k]);
      mesh.point_columns[1].second.push_back(static_cast<double>(k));
    }
    if (line.size() < 2) continue;
    mesh.lines.push_back(std::move(line));
    mesh.line_labels.push_back(track.label);
  }
  return formats::to_vtp(mesh);
}

std::vector<Track> from_json(std::string_view bytes) {
  using formats::json;
  using formats::member;
  using formats::string;
  const json file = formats::parsed(bytes);
  const int version = formats::check_format(file, kFormat, kNewest);
  const json& list = member(file, "tracks", "file");
  if (!list.is_array()) throw std::runtime_error("tracks is not a list");
  std::vector<Track> tracks;
  for (const json& entry : list) {
    const std::string where = "track " + std::to_string(tracks.size());
    Track& track = tracks.emplace_back();
    for (const auto& [key, text] :
         {std::pair{"label", &track.label}, {"detail", &track.detail}, {"stopped", &track.stopped}})
      *text = string(member(entry, key, where), where + ": " + key);
    const json &diverged = member(entry, "diverged", where),
               &left = member(entry, "left_at", where);
    if (!diverged.is_boolean()) throw std::runtime_error(where + ": diverged is not true or false");
    if (!left.is_number_integer())
      throw std::runtime_error(where + ": left_at is not a whole number");
    track.diverged = diverged.get<bool>();
    track.left_at = left.get<int64_t>();
    for (const List& numbers : kLists) {
      const json& values = member(entry, numbers.name, where);
      if (!values.is_array())
        throw std::runtime_error(where + ": " + numbers.name + " is not a list");
      for (const json& value : values)
        (track.*numbers.values).push_back(formats::number(value, numbers.name));
    }
    check(track, where);
  }
  if (version > 1) formats::check_checksum(file, without_checksum(tracks));
  return tracks;
}

}  // namespace

size_t Track::drawable() const {
  size_t n = 0;
  while (n < x.size() && std::isfinite(x[n]) && std::isfinite(y[n]) && std::isfinite(losses[n]))
    ++n;
  return n;
}

Track Track::log() const {
  Track result = *this;
  for (auto* values : {&result.losses, &result.smooth_losses})
    for (double& value : *values) value = std::log(value);
  return result;
}

void check(const Track& track, const std::string& what) {
  const size_t n = track.x.size();
  const auto size_is = [&](size_t size, const char* name, size_t wanted) {
    if (size != wanted)
      throw std::invalid_argument(what + ": " + name + ".size() = " + std::to_string(size) +
                                  ", must be " + std::to_string(wanted));
  };
  if (n == 0) throw std::invalid_argument(what + ": x.size() = 0, must be >= 1");
  for (const List& list : kLists)
    size_is((track.*list.values).size(), list.name,
            list.values == &Track::gradient_norms ? n - 1 : n);
  if (track.left_at < -1 || track.left_at >= static_cast<int64_t>(n))
    throw std::invalid_argument(what + ": left_at = " + std::to_string(track.left_at) +
                                ", must be -1 or a point, < " + std::to_string(n));
}

void save(std::span<const Track> tracks, const std::filesystem::path& path) {
  const std::string extension = formats::extension_of(path);
  const auto to = extension == ".csv"    ? to_csv
                  : extension == ".json" ? to_json
                  : extension == ".vtp"  ? to_vtp
                                         : nullptr;
  if (to == nullptr)
    throw std::invalid_argument(path.string() + ": extension \"" + path.extension().string() +
                                "\" of a file of tracks, must be .csv, .json or .vtp");
  for (const Track& track : tracks) check(track, "save " + path.string() + ": " + track.label);
  write_atomically(path, to(tracks));
}

std::vector<Track> load_tracks(const std::filesystem::path& path) {
  if (formats::extension_of(path) != ".json")
    throw std::invalid_argument(path.string() + ": extension \"" + path.extension().string() +
                                "\" of a file of tracks to read, must be .json");
  try {
    return from_json(read_file(path));
  } catch (const std::exception& error) {
    throw std::runtime_error(path.string() + ": " + error.what());
  }
}

}  // namespace descent
