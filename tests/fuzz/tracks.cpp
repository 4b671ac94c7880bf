#include <vector>

#include <descent/grid/track.h>

#include "fuzz.h"

void descent::fuzz::take(std::string_view bytes) {
  const std::vector<Track> tracks = load_tracks(file_of(bytes, ".json"));
  for (const Track& track : tracks) check(track, "track");
  const auto copy = folder() / "copy.json";
  save(tracks, copy);
  const std::vector<Track> again = load_tracks(copy);
  expect(again.size() == tracks.size(), "more or less tracks than were written");
  for (size_t k = 0; k < tracks.size(); ++k)
    expect(again[k].label == tracks[k].label && again[k].x.size() == tracks[k].x.size(),
           "another track after writing and reading");
}
